"""Made data with the files that a gallery is made of, for tests and for benchmarks/gallery.py."""

import numpy as np
import pandas as pd
from encoded_ensembles.codes import encode
from encoded_ensembles.codes.families import Family
from encoded_ensembles.commands.make_gallery import make_gallery
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.influence.ablation import ranks
from encoded_ensembles.influence.calibration import p_and_z
from encoded_ensembles.storage.files import write_arrays, write_table, write_tensors
from scipy.stats import false_discovery_control

HOSTILE = [
    "</script><script>document.title='caught'</script>",
    '"><img src="http://example.com/x.png" onerror="document.title=\'caught\'">',
    "a -- b --> <!-- c",
    "two\nlines\tand a tab",
    "ナマケモノ \u202e rtl \u2028 é",
    "' ' \\ & &amp; ${document.title = 'caught'}",
    "surrogate \udc80",
    "constructor",
]
STATISTICS = ("distance", "ssim", "matched", "directional", "contrast", "joint")


def write_run(
    folder, *, names, samples=3, side=8, channels=1, members=8, found=2, seed=0, family="random"
):
    """Write a run of one image a unit; sample 0 is attributed to its first `found` units.

    The family partition leaves no null code words.

    Returns the influence table.
    """
    rng = np.random.default_rng(seed)
    units, kind = len(names), Family(family, members, 1 if family == "partition" else members // 2)
    null = 0 if family == "partition" else 20
    code, null_words, _ = encode.encode(
        [f"{i}" for i in range(units)], kind, null_words=null, seed=0
    )
    images = rng.integers(0, 256, (units, side, side, channels), np.uint8)
    plain = np.array([f"image {i}" for i in range(units)])
    labels = np.zeros(units, np.int64)
    write_images(folder / "training.npz", ImageSet(images, labels, np.array(["one"]), plain))
    write_arrays(
        folder / "code.npz",
        {
            "code": code, "null_words": null_words, "unit_of": np.arange(units),
            "unit_names": np.array(names), "family": np.array(family), "distance": np.array(2),
        },
    )  # fmt: skip
    write_table(
        folder / "units.parquet",
        pd.DataFrame({"unit": range(units), "sha256": [f"{unit:064x}" for unit in range(units)]}),
    )
    shape = (samples, channels, side, side)
    write_tensors(
        folder / "samples.safetensors", {"factual": rng.uniform(-1, 1, shape).astype(np.float32)}
    )
    half = np.array_split(np.arange(units), 2)
    for number, of_block in enumerate(half):
        moved = rng.uniform(-1, 1, (len(of_block), *shape)).astype(np.float32)
        write_tensors(
            folder / f"block{number}.safetensors", {"units": of_block, "counterfactuals": moved}
        )
    pulls = rng.normal(size=(samples, units, members)).astype(np.float32)
    write_tensors(folder / "pulls.safetensors", {"pulls": pulls})
    _write_queries(folder, np.random.default_rng([seed, 1]), units, (side, side, channels))
    return _write_tables(folder, rng, units, samples, found, null)


def _write_queries(folder, rng, units, shape):
    """Write a training image, a held-out image and a given picture, each with three units."""
    kinds = np.array(["training", "heldout", "given"])
    images = rng.integers(0, 256, (3, *shape), np.uint8)
    names = np.array(["image 0", "image 90", "<b>mine</b>"])
    of_kind = np.array([f"{kind}/{name}" for kind, name in zip(kinds, names, strict=True)])
    write_images(folder / "queries.npz", ImageSet(images, np.arange(3), kinds, of_kind))
    said = {
        "sample": range(3),
        "picture": names,
        "kind": kinds,
        "units": [1, 5, 0],
        "close": [1, 0, 0],
        "own": [True, False, False],
    }
    answers = pd.DataFrame(said | {"answer": ["units", "group", "nothing"]})
    write_table(folder / "query_answers.parquet", answers)
    rows = [(sample, unit, unit + 1) for sample in range(3) for unit in range(min(3, units))]
    pairs = pd.DataFrame(rows, columns=["sample", "unit", "joint_rank"])
    pairs = pairs.assign(joint_q=0.04, heldout_share=0.2, attributed=pairs["sample"] == 0)
    write_table(folder / "query_pairs.parquet", pairs)


def _write_tables(folder, rng, units, samples, found, words):
    pairs = {
        "sample": np.repeat(np.arange(samples), units),
        "unit": np.tile(np.arange(units), samples),
    }
    table, null = pd.DataFrame(pairs), {}
    for name in STATISTICS:
        value = rng.gamma(4, size=(units, samples))
        chance = rng.gamma(4, size=(words, samples))
        null[name] = chance.T.ravel()
        p, z = p_and_z(value, chance.T)
        columns = [
            value,
            z,
            p,
            false_discovery_control(p, axis=0),
            ranks(np.where(np.isnan(z), value, z)),
        ]
        for suffix, each in zip(("", "_z", "_p", "_q", "_rank"), columns, strict=True):
            table[f"{name}{suffix}"] = each.T.ravel()
    table["exact"] = True
    table["attributed"] = (table["sample"] == 0) & (table["joint_rank"] <= found)
    table.loc[table["attributed"], "joint_q"] = 0.01
    write_table(folder / "influence.parquet", table)
    rows = {
        "sample": np.repeat(np.arange(samples), words),
        "word": np.tile(np.arange(words), samples),
    }
    common = {name: null[name] for name in ("distance", "ssim", "matched")}
    sample = {"sample": range(samples)}
    low = {"prior": 0.1, "expected": 0.2, "low": -0.1, "high": 0.5}
    tables = {
        "null": rows | common,
        "radius": sample | {"radius": 2.0, "null_radius": 1.5 if words else np.nan},
        "sets": sample | {"units": 1, "p_value": 0.001, "p_null": 0.5},
        "answers": sample
        | {"answer": "nothing", "units": [found, *[0] * (samples - 1)], "rate": 0.2, "names": ""},
        "expected": pairs | low,
    }
    for name, columns in tables.items():
        write_table(folder / f"{name}.parquet", pd.DataFrame(columns))
    return table


def write_page(folder, **options):
    """Make the gallery of a made run and return its file."""
    page = folder / "gallery.html"
    make_gallery(
        sorted(folder.glob("block*.safetensors")), run="made", data=folder / "training.npz",
        code=folder / "code.npz", units=folder / "units.parquet", samples=folder / "samples.safetensors",
        influence=folder / "influence.parquet", null=folder / "null.parquet",
        radius=folder / "radius.parquet", pulls=folder / "pulls.safetensors", sets=folder / "sets.parquet",
        answers=folder / "answers.parquet", queries=folder / "queries.npz",
        query_pairs=folder / "query_pairs.parquet",
        query_answers=folder / "query_answers.parquet",
        expected=folder / "expected.parquet", output=page, **options,
    )  # fmt: skip
    return page
