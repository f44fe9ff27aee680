"""Networks that a run is given and does not train: the base of adapters, and an autoencoder."""

from pathlib import Path

from encoded_ensembles.files import InputError, check_kept, read_json, replacing, sha256_file
from encoded_ensembles.unet import WEIGHTS, member_files, read_network, save_unet

KINDS = {"base": "UNet2DModel", "autoencoder": "AutoencoderKL"}  # of diffusers, by key of `model`


def copy_frozen(part: str, source: Path, output: Path) -> None:
    """Copy a network's configuration and weights: byte for byte if sealed, else sealed now.

    Args:
        part: of KINDS.
        source: folder as diffusers' save_pretrained writes it.
        output: folder to write to.

    Raises:
        InputError: the folder does not hold a whole network of this kind, or a damaged one.
    """
    import shutil

    from encoded_ensembles.seals import is_sealed

    kind = read_json(source / "config.json").get("_class_name")
    if kind != KINDS[part]:
        raise InputError(
            f"model.{part} is {source}, a {kind}, expected a {KINDS[part]} of diffusers."
        )
    network = read_network(source, kind=KINDS[part])  # that it is whole
    if not is_sealed(source / WEIGHTS):
        save_unet(network, output)
        return
    check_kept(source / "config.json", keeper=source / WEIGHTS)
    for name in member_files(adapter=False):
        with replacing(output / name) as temporary:
            shutil.copyfile(source / name, temporary)


def frozen_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of such a network."""
    return {name: sha256_file(folder / name) for name in member_files(adapter=False)}
