"""Networks that a run is given: which are taken, and what members were trained on."""

import pytest
from encoded_ensembles.members import given, load, names
from encoded_ensembles.members import network as unet
from encoded_ensembles.storage.files import InputError, sha256_file, write_facts
from encoded_ensembles.storage.seals import is_sealed, read_seal


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A network as this program writes it."""
    folder = tmp_path_factory.mktemp("base")
    config = unet.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    unet.save_network(unet.build_unet(config, seed=0), folder)
    return folder


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in names.member_files(adapter=False)}


def test_a_sealed_network_is_copied_byte_for_byte(base, tmp_path):
    given.copy_frozen("base", str(base), tmp_path / "copy")
    assert bytes_of(tmp_path / "copy") == bytes_of(base)
    expected = {name: sha256_file(base / name) for name in bytes_of(base)}
    assert given.frozen_digests(tmp_path / "copy") == expected


def test_a_network_of_diffusers_is_sealed_now_with_the_same_weights(base, tmp_path):
    import torch

    cpu = torch.device("cpu")
    network = load.load_unet(base, device=cpu)
    network.save_pretrained(tmp_path / "theirs")
    assert not is_sealed(tmp_path / "theirs" / names.WEIGHTS)
    given.copy_frozen("base", str(tmp_path / "theirs"), tmp_path / "copy")
    assert read_seal(tmp_path / "copy" / names.WEIGHTS).problem is None
    copied = load.load_unet(tmp_path / "copy", device=cpu).state_dict()
    assert all(torch.equal(copied[name], each) for name, each in network.state_dict().items())


def test_another_kind_or_a_network_in_parts_is_refused(base, tmp_path):
    with pytest.raises(InputError, match="a UNet2DModel, expected a AutoencoderKL of diffusers"):
        given.copy_frozen("autoencoder", str(base), tmp_path / "copy")
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, content in bytes_of(base).items():
        (parts / name).write_bytes(content)
    (parts / "diffusion_pytorch_model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match="whose weights are in several files"):
        given.copy_frozen("base", str(parts), tmp_path / "copy")
    (parts / "config.json").write_text("[]")
    with pytest.raises(InputError, match="holds a list, expected keys and values"):
        given.copy_frozen("base", str(parts), tmp_path / "copy")


def test_a_damaged_network_is_refused(base, tmp_path):
    folder = tmp_path / "damaged"
    folder.mkdir()
    for name, content in bytes_of(base).items():
        (folder / name).write_bytes(content)
    weights = folder / names.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="is damaged"):
        given.copy_frozen("base", str(folder), tmp_path / "copy")


def test_members_are_of_the_autoencoder_that_they_were_trained_with(base, tmp_path):
    digests = given.frozen_digests(base)
    folders = [tmp_path / name for name in ("pixels", "latents", "unknown")]
    write_facts(folders[0] / "training.json", {})
    write_facts(folders[1] / "training.json", {"autoencoder": digests})
    given.check_trained_on([folders[0], folders[2]], None)
    given.check_trained_on([folders[1], folders[2]], base)
    with pytest.raises(InputError, match="latents was not trained on pixels"):
        given.check_trained_on(folders, None)
    with pytest.raises(InputError, match="pixels was not trained on the latents of"):
        given.check_trained_on(folders, base)
