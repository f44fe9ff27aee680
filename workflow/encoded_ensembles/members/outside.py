"""Members that were trained elsewhere: their files in a folder, and the splits that they were trained for.

`encens export-splits` writes the pictures of each split, and `SPLITS`, which says what each network is for. The
folder with the trained members holds that file, and for each network N of 00, 01, ..., full a LoRA, N.safetensors
or the one in the folder N, or a whole network, the folder N as diffusers' save_pretrained writes it.
"""

import filecmp
from collections.abc import Iterable
from pathlib import Path

from encoded_ensembles.members.names import ADAPTER_WEIGHTS, LORA_WEIGHTS
from encoded_ensembles.members.part_files import part_files
from encoded_ensembles.storage.errors import InputError
from encoded_ensembles.storage.files import read_facts

SPLITS = "splits.json"


def member_sources(folder: Path, name: str, *, whole: bool) -> list[Path]:
    """Return the files of a member.

    Args:
        folder: with all members.
        name: of the network, a number or full.
        whole: whether members are whole networks, not LoRA.

    Raises:
        InputError: they are not there, or there are several LoRAs.
    """
    own = folder / name
    if whole:
        return part_files(own, "network")
    file = folder / f"{name}.safetensors"
    if file.is_file():
        return [file]
    files = sorted([*own.glob("*.safetensors"), *own.glob("*.json")])
    if not any(each.suffix == ".safetensors" for each in files):
        raise InputError(
            f"{folder} holds neither {file.name} nor a folder {name} with a LoRA in safetensors, expected one "
            "of the two for each member, and for the network of all pictures, full."
        )
    weights = [each.name for each in files if each.suffix == ".safetensors"]
    if len(weights) > 1 and not {LORA_WEIGHTS, ADAPTER_WEIGHTS} & set(weights):
        raise InputError(
            f"{own} holds {weights[0]} and {weights[1]}, expected one LoRA; leave the one after the whole training."
        )
    return files


def check_members(folder: Path, names: Iterable[str], *, whole: bool) -> None:
    """Check that a folder holds the splits of a run, and all members.

    Raises:
        InputError: something is missing, or two members are copies of one file.
    """
    if not (folder / SPLITS).is_file():
        raise InputError(
            f"{folder} holds no {SPLITS}, expected the file that encens export-splits wrote with the pictures, "
            "which says what the members were trained for; copy it there."
        )
    seen: dict[tuple[int, bytes], Path] = {}  # by size and end, so that few files are compared
    for name in names:
        for file in member_sources(folder, name, whole=whole):
            if file.suffix != ".safetensors":
                continue
            other = seen.setdefault(_ending(file), file)
            if other is not file and filecmp.cmp(other, file, shallow=False):
                raise InputError(
                    f"{file} is a copy of {other}, expected a network for each member, trained on its own split."
                )


def _ending(file: Path) -> tuple[int, bytes]:
    """Return the size and the last 64 kB of a file."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        opened.seek(max(size - 2**16, 0))
        return size, opened.read()


def read_splits(folder: Path) -> dict[str, str]:
    """Return the digests of the splits that members were trained for, by network.

    Raises:
        InputError: the file is missing, was changed, or has another form.
    """
    splits = read_facts(folder / SPLITS).get("splits")
    if not isinstance(splits, dict) or not all(isinstance(each, str) for each in splits.values()):
        raise InputError(
            f"{folder / SPLITS} holds no digests of splits, expected the file of encens export-splits."
        )
    return splits


def check_split(folder: Path, name: str, digest: str) -> None:
    """Check that a member was trained for the split that it has now.

    Args:
        folder: with all members.
        name: of the network.
        digest: text of the split's .sha256 file.

    Raises:
        InputError: it was trained for another, or for none that is known.
    """
    trained = read_splits(folder).get(name)
    if trained is None or trained.split() != digest.split():
        raise InputError(
            f"member {name} in {folder} was trained for another split than it has in this run"
            f"{'' if trained else ' (it is not listed)'}, expected the same pictures and captions; write the "
            "splits again with encens export-splits, train the member on them, and replace its file and "
            f"{SPLITS}."
        )
