"""Class-conditional members: what is sampled alone is what the landscape holds."""

import numpy as np
import pytest
from encoded_ensembles.commands import verify
from encoded_ensembles.commands.certify import certify as write_certificate
from encoded_ensembles.storage.files import InputError, read_arrays, read_tensors
from small_run import HOW, make, member_folders, pictures


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    how = HOW | {"classes": True, "widths": "8"}
    return make(tmp_path_factory.mktemp("classes"), pictures(), labels=3, how=how)


@pytest.mark.parametrize("sample", [0, 1])
def test_a_certified_picture_is_the_landscapes(made, sample):
    """Issue 14.1: certify and verify --resample condition a sample on the class of its number."""
    unit = read_arrays(made / "code/code.npz")["unit_names"][0]
    file = made / f"certificates/{sample}.json"
    write_certificate(made, sample, [unit], output=file, device="cpu")
    picture = read_tensors(file.with_suffix(".safetensors"))["counterfactual"]
    block = read_tensors(made / "landscape.safetensors")["counterfactuals"]
    assert np.array_equal(picture, block[0, sample])
    verify.verify(file, made, resample=True, device="cpu")


def test_resampling_notices_a_picture_of_another_class(made, tmp_path):
    """Issue 14.1: a picture drawn as if it were sample 0, from the noise of sample 1, is refused."""
    import torch
    from encoded_ensembles.ensemble import sampling
    from encoded_ensembles.members import load
    from encoded_ensembles.runs.run import Run
    from encoded_ensembles.sharing.certificates import statement, write_picture

    run = Run(made)
    code = run.code
    keep = ~code["code"][0]
    z = read_tensors(made / "noise/landscape.safetensors")["noise"][:, 1:2]
    networks = load.load_members(member_folders(made), device=torch.device("cpu"))
    wrong = sampling.sample(
        networks, keep=keep[None], noise=z, sampler="ddpm", device=torch.device("cpu")
    )[0, 0]
    subjects = write_picture(tmp_path / "wrong.safetensors", wrong, sample=1, keep=keep)
    from encoded_ensembles.sharing.certificates import dump

    names = [str(code["unit_names"][0])]
    certificate = statement(run, sample=1, units=names, subjects=subjects)
    (tmp_path / "wrong.json").write_bytes(dump(certificate))
    verify.verify(tmp_path / "wrong.json", made, device="cpu")  # the files alone cannot tell
    with pytest.raises(
        InputError, match="differs from the picture that the bound noise and members give"
    ):
        verify.verify(tmp_path / "wrong.json", made, resample=True, device="cpu")
