"""The base of a text-to-image run."""

import pytest
import tiny_lora
import tiny_pipelines
import torch
from encoded_ensembles.commands.fetch_pipeline import fetch_pipeline
from encoded_ensembles.members.names import WEIGHTS
from encoded_ensembles.members.prompted import load_denoiser
from safetensors import safe_open


def stored(folder):
    with safe_open(folder / WEIGHTS, framework="pt") as opened:
        return {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118


@pytest.mark.parametrize(("dtype", "name"), [(torch.bfloat16, "BF16"), (torch.float32, "F32")])
def test_the_denoiser_is_stored_as_published_and_the_autoencoder_in_float32(tmp_path, dtype, name):
    source, base, coder = (tmp_path / part for part in ("pipeline", "base", "autoencoder"))
    pipeline = tiny_pipelines.build("flux").to(dtype)
    pipeline.save_pretrained(source)
    fetch_pipeline(str(source), base, coder, base / "base.json", coder / "autoencoder.json")
    assert (stored(base), stored(coder)) == ({name}, {"F32"})
    weights = tiny_lora.denoiser(pipeline).state_dict()
    for precision, loaded in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        found = load_denoiser(base, precision=precision).state_dict()
        assert all(torch.equal(each, weights[key].to(loaded)) for key, each in found.items())
