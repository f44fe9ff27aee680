"""Members that were trained elsewhere: their files in a folder, and the splits that they were trained for.

`encens export-splits` writes the pictures of each split, and `SPLITS`, which says what each network is for. The
folder with the trained members holds that file, and for each network N of 00, 01, ..., full a LoRA, N.safetensors
or the one in the folder N, or a whole network, the folder N as diffusers' save_pretrained writes it.
"""

from collections.abc import Iterable
from pathlib import Path

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
        InputError: they are not there.
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
    return files


def check_members(folder: Path, names: Iterable[str], *, whole: bool) -> None:
    """Check that a folder holds the splits of a run, and all members.

    Raises:
        InputError: something is missing.
    """
    if not (folder / SPLITS).is_file():
        raise InputError(
            f"{folder} holds no {SPLITS}, expected the file that encens export-splits wrote with the pictures, "
            "which says what the members were trained for; copy it there."
        )
    for name in names:
        member_sources(folder, name, whole=whole)


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
