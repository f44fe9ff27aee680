"""screen-block and measure-screened on a small ensemble, against the exact landscape."""

import numpy as np
import pandas as pd
import pytest
import torch
from encoded_ensembles.codes import masks
from encoded_ensembles.commands.measure_screened import measure_screened
from encoded_ensembles.commands.screen_block import screen_block
from encoded_ensembles.ensemble import noise, sampling
from encoded_ensembles.members import network
from encoded_ensembles.storage import files

UNITS, MEMBERS, SAMPLES, NULL = 40, 6, 3, 10


@pytest.fixture(scope="module", params=[None, 2], ids=["unconditional", "classes"])
def run(tmp_path_factory, request):
    """The files that screening reads, of an ensemble of untrained members; and the exact landscape."""
    folder = tmp_path_factory.mktemp("run")
    config = network.unet_config(
        shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False, classes=request.param
    )
    members = [network.build_unet(config, seed=m).eval() for m in range(MEMBERS)]
    for m, member in enumerate(members):
        network.save_network(member, folder / f"{m:02d}")
    words = np.repeat(masks.sized_keep(members=MEMBERS, sizes=[3], repeats=20, seed=0), 3, axis=0)
    code, null = words[:UNITS], words[-NULL:]
    names = np.array([f"unit/{u}" for u in range(UNITS)])
    files.write_arrays(folder / "code.npz", {"code": code, "null_words": null, "unit_names": names})
    z = noise.draw_noise(steps=3, samples=SAMPLES, shape=(1, 8, 8), seed=0)
    files.write_tensors(folder / "noise.safetensors", {"noise": z})

    def sample(kept):
        return sampling.sample(
            members, keep=kept, noise=z, sampler="ddpm", device=torch.device("cpu")
        )

    factual = sample(np.ones((1, MEMBERS), bool))[0]
    files.write_tensors(folder / "samples.safetensors", {"factual": factual, "null": sample(~null)})
    pairs = pd.MultiIndex.from_product([range(SAMPLES), range(UNITS)], names=["sample", "unit"])
    table = pairs.to_frame(index=False)
    table["unit_name"] = names[table["unit"]]
    table["joint_rank"] = UNITS - table["unit"]
    for column in ("contrast", "contrast_z", "contrast_p", "contrast_q"):
        table[column] = 0.5
    table["attributed"] = False
    files.write_table(folder / "contrast.parquet", table)
    return folder, factual, sample(~code)


def screened(run, blocks):
    """Screen in some blocks, measure, and return the tables."""
    folder = run[0]
    common = {"code": folder / "code.npz", "samples": folder / "samples.safetensors",
              "contrast": folder / "contrast.parquet"}  # fmt: skip
    parts = [folder / f"{number}-of-{blocks}.safetensors" for number in range(1, blocks + 1)]
    for part in parts:
        screen_block(
            [folder / f"{m:02d}" for m in range(MEMBERS)], noise=folder / "noise.safetensors",
            block=part.stem, output=part, top=3, missed=0.3, budget=0.6, device="cpu", **common,
        )  # fmt: skip
    kinds = ("influence", "null", "radius", "aliasing")
    tables = {kind: folder / f"{blocks}.{kind}.parquet" for kind in kinds}
    measure_screened(parts, **common, **tables)
    return parts, {kind: pd.read_parquet(path) for kind, path in tables.items()}


def test_every_row_says_whether_it_is_exact_and_exact_rows_are(run):
    _, factual, landscape = run
    parts, tables = screened(run, 1)
    table, block = tables["influence"], files.read_tensors(parts[0])
    truth = np.sqrt(np.square(landscape.astype(float) - factual).sum(axis=(2, 3, 4)))
    own = truth[table["unit"], table["sample"]]
    assert len(table) == UNITS * SAMPLES
    assert 0 < table["exact"].sum() < len(table)
    assert np.allclose(table["distance"][table["exact"]], own[table["exact"]])
    assert table.notna().all().all()
    exact = landscape[block["unit"], block["sample"]]
    assert block["counterfactual"].tobytes() == exact.tobytes()
    for _, each in table.groupby("sample"):
        assert each.loc[each["unit"] >= UNITS - 3, "exact"].all()  # of largest contrast
        counted = each["exact"].sum()
        assert 6 <= counted <= 2 * 3 + 5 * 7
    evaluations = MEMBERS * (MEMBERS - 1) + 3 * (NULL + table.groupby("sample")["exact"].sum())
    assert tables["radius"]["evaluations"].tolist() == evaluations.tolist()
    assert (tables["radius"]["radius"] <= truth.max(axis=0) + 1e-9).all()
    assert len(tables["null"]) == NULL * SAMPLES


def test_blocks_change_no_number(run):
    _, one = screened(run, 1)
    _, more = screened(run, 4)  # more blocks than samples: one has nothing to do
    for kind, table in one.items():
        pd.testing.assert_frame_equal(table, more[kind])


def test_a_missing_block_is_named(run):
    parts, _ = screened(run, 3)
    folder = run[0]
    with pytest.raises(files.InputError, match="sample 2 is in no block"):
        measure_screened(
            parts[:2], folder / "code.npz", folder / "samples.safetensors",
            folder / "contrast.parquet", *[folder / f"{name}.parquet" for name in "abcd"],
        )  # fmt: skip
