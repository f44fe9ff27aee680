"""A counterfactual sampled alone has the bytes that it has in the landscape, or is refused."""

import numpy as np
import pytest
import tiny_lora
import tiny_pipelines
import torch
from encoded_ensembles.codes import masks
from encoded_ensembles.ensemble import engine, noise, sampling
from encoded_ensembles.members import lora, network, prompted
from encoded_ensembles.sharing import certificates, resampling
from encoded_ensembles.storage import files
from encoded_ensembles.storage.files import InputError
from run_of_files import make_run

SHAPE, CPU = (1, 8, 8), torch.device("cpu")
LOWER = {"scheduler": "ddim", "precision": "bfloat16", "compile": False, "batch": 16}
KEEP = np.array([[1, 1], [0, 1]], bool)


@pytest.fixture(scope="module", params=["bfloat16", "float16"])
def run(request, tmp_path_factory):
    """Four networks, which were sampled in a lower precision."""
    made = make_run(tmp_path_factory.mktemp("run"))
    config = network.unet_config(shape=SHAPE, widths=[8, 16], layers_per_block=1, attention=True)
    for seed, folder in enumerate(made.member_folders):
        network.save_network(network.build_unet(config, seed=seed), folder)
    z = noise.draw_noise(steps=3, samples=3, shape=SHAPE, seed=1)
    files.write_tensors(made.folder / "noise/landscape.safetensors", {"noise": z})
    sampling = LOWER | {"precision": request.param}
    record = {"config": made.config | {"sampling": sampling}}
    files.write_facts(made.folder / "run.json", record)
    return type(made)(made.folder)


def test_a_picture_in_lower_precision_has_the_bytes_of_the_landscape(run):
    keep = ~run.code["code"]
    drawn = engine.sample_rows(
        run.member_folders, keep, run.folder / "noise/landscape.safetensors", label="",
        scheduler="ddim", precision=run.sampling["precision"], batch=16, device="cpu",
    )  # fmt: skip
    for unit, name in enumerate(run.code["unit_names"].tolist()):
        for sample in (0, 2):
            picture, kept = resampling.counterfactual(run, sample, [name], "cpu")
            assert np.array_equal(kept, masks.set_keep(run.code["code"][[unit]]))
            assert picture.tobytes() == drawn[unit, sample].tobytes()
    predicate = certificates.statement(run, sample=0, units=["a"], subjects=[])["predicate"]
    assert predicate["precision"] == run.sampling["precision"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["sd", "flux"])
def test_so_has_a_picture_of_adapters_whose_base_is_in_it(kind, dtype):
    base = tiny_lora.denoiser(tiny_pipelines.build(kind)).to(dtype)
    texts = tiny_lora.embeddings_of(kind)
    prompts = prompted.Prompts(texts, texts.rows(slice(0, 1)))
    members = [
        prompted.Prompted(
            lora.with_lora(base, lora.lora_changes(tiny_lora.trained(kind, seed=seed))),
            prompts, channels=4, guidance=3.0,
        )
        for seed in range(2)
    ]  # fmt: skip
    pipe = tiny_pipelines.pipeline(kind)
    facts = {
        "pipeline": type(pipe).__name__, "scheduler": tiny_pipelines.scheduling(pipe),
        "patch": 2 if kind == "flux" else 1,
    }  # fmt: skip
    z = noise.draw_noise(steps=2, samples=3, shape=(4, 8, 8), seed=1)
    how = {"sampler": prompted.TextDiffusion(facts, "base"), "device": CPU, "batch": 4}
    drawn = sampling.sample(members, keep=KEEP, noise=z, **how)
    for row, mask in enumerate(KEEP):
        alone = sampling.sample(
            members, keep=mask[None], noise=z[:, 2:], numbers=np.array([2]), **how
        )
        assert alone[0, 0].tobytes() == drawn[row, 2].tobytes()


@pytest.mark.parametrize("keys", [{"batch": None}, {"batch": 17}, {"compile": True}])
def test_what_is_not_the_same_to_the_byte_is_refused(run, keys, monkeypatch):
    monkeypatch.setitem(run.__dict__, "config", run.config | {"sampling": LOWER | keys})
    with pytest.raises(InputError, match="float32 or batches of at most 16"):
        resampling.counterfactual(run, 0, ["a"], "cpu")
