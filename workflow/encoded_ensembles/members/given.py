"""Networks that a run uses but does not train: the base of adapters, and an autoencoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from encoded_ensembles.members.names import WEIGHTS, member_files
from encoded_ensembles.members.network import import_network, read_network, save_network
from encoded_ensembles.storage.files import (
    InputError,
    check_kept,
    read_facts,
    read_json,
    replacing,
    sha256_file,
    write_facts,
)

KINDS = {"base": "UNet2DModel", "autoencoder": "AutoencoderKL"}  # of diffusers, by key of `model`


def copy_frozen(part: str, source: str, output: Path) -> None:
    """Copy a network's configuration and weights: byte for byte if sealed, else with new seals.

    Args:
        part: of KINDS.
        source: folder as diffusers' save_pretrained writes it, or a name on the Hugging Face Hub.
        output: folder to write to.

    Raises:
        InputError: there is no complete network of this kind, or it is damaged.
    """
    import shutil

    from encoded_ensembles.storage.seals import is_sealed

    folder = Path(source)
    local = folder.is_dir()
    kind = _config(part, source).get("_class_name")
    if kind != KINDS[part]:
        raise InputError(
            f"model.{part} is {source}, a {kind}, expected a {KINDS[part]} of diffusers."
        )
    if local and list(folder.glob("*.index.json")):
        raise InputError(
            f"model.{part} is {source}, whose weights are in several files, expected one, {WEIGHTS}; "
            "save it again with max_shard_size='100GB'."
        )
    network = read_network(folder if local else source, kind=kind)  # fails if incomplete
    if not local or not is_sealed(folder / WEIGHTS):
        save_network(network, output)
        return
    check_kept(folder / "config.json", keeper=folder / WEIGHTS)
    for name in member_files(adapter=False):
        with replacing(output / name) as temporary:
            shutil.copyfile(folder / name, temporary)


def _config(part: str, source: str) -> dict[str, Any]:
    """Return the configuration of a network from a folder or the hub.

    Raises:
        InputError: it does not exist.
    """
    folder = Path(source)
    if folder.is_dir():
        config = read_json(folder / "config.json")
    else:
        try:
            config = import_network(KINDS[part]).load_config(source)
        except Exception as error:  # the hub's client and diffusers each raise their own
            raise InputError(
                f"model.{part} is {source}, which is not an existing folder and could not be loaded "
                f"from the Hugging Face Hub ({' '.join(str(error).split())[:200]}); name a folder."
            ) from error
    if not isinstance(config, dict):
        raise InputError(f"{folder / 'config.json'} holds a list, expected keys and values.")
    return config


def frozen_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a copied network, by name."""
    return {name: sha256_file(folder / name) for name in member_files(adapter=False)}


def check_trained_on(members: Sequence[Path], autoencoder: Path | None) -> None:
    """Check that members were trained on the latents of an autoencoder, or on pixels for None.

    Args:
        members: their folders; those without training.json are not checked.
        autoencoder: its folder.

    Raises:
        InputError: a member was not.
    """
    expected = frozen_digests(autoencoder) if autoencoder else None
    for folder in members:
        record = folder / "training.json"
        if record.is_file() and read_facts(record).get("autoencoder") != expected:
            raise InputError(
                f"{folder} was not trained on {'the latents of ' + str(autoencoder) if autoencoder else 'pixels'}"
                ", expected the same --autoencoder as in training, or none; change it, or train again."
            )


def fetch(part: str, source: str, output: Path, digest: Path) -> None:
    """Copy a network from a folder or the hub, and write its digests.

    Raises:
        InputError: it does not exist, or is of another kind.
    """
    copy_frozen(part, source, output)
    write_facts(digest, {"sha256": frozen_digests(output)})
