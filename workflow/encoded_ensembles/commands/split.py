"""encens split-member, split-control and split-heldout: which images a network trains on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.data import ImageSet

Data = Annotated[Path, Option(help="training images, .npz of fetch-dataset")]
Code = Annotated[Path, Option(help="code, .npz of encode-units")]
Manifest = Annotated[Path, Option(help="output, .json: indices of the images, and one digest")]
Digest = Annotated[
    Path,
    Option(help="output, .sha256: the digest alone, on which it depends what is trained again"),
]
Classes = Annotated[
    bool, Option(help="networks are conditioned on labels: the digest covers them too")
]


def split_member(
    data: Data,
    code: Code,
    member: Annotated[str, Option(help="number of the member, or full")],
    manifest: Manifest,
    digest: Digest,
    classes: Classes = False,
) -> None:
    """Write which images one member trains on.

    The digest covers names and pixels of the images, not their positions: it changes if and only if
    the member has to be trained again.
    """
    import numpy as np

    from encoded_ensembles.splits import FULL

    images, arrays = _read(data, code)
    matrix = arrays["code"]
    if member == FULL:
        seen = np.ones(len(matrix), bool)
    else:
        seen = matrix[:, _number(member, matrix.shape[1], "--member")]
    _write(images, arrays["unit_of"], seen, member, manifest, digest, classes)


def split_control(
    data: Data,
    code: Code,
    controls: Annotated[Path, Option(help="units to retrain without, .parquet of choose-controls")],
    control: Annotated[int, Option(help="number of the unit, among --controls")],
    seen: Annotated[int, Option(help="number of the member among those that saw it, 0 to w-1")],
    manifest: Manifest,
    digest: Digest,
    classes: Classes = False,
) -> None:
    """Write which images a member that saw a unit is retrained on: its split without the unit."""
    import numpy as np

    from encoded_ensembles.files import read_table

    images, arrays = _read(data, code)
    matrix, units = arrays["code"], read_table(controls)["unit"].to_numpy()
    unit = units[_number(control, len(units), "--control")]
    saw = np.flatnonzero(matrix[unit])
    member = int(saw[_number(seen, len(saw), "--seen")])
    column = matrix[:, member].copy()
    column[unit] = False
    _write(images, arrays["unit_of"], column, f"{member:02d}", manifest, digest, classes)


def split_heldout(
    data: Data,
    code: Code,
    model: Annotated[int, Option(help="number of the random half, from 0")],
    share: Annotated[float, Option(help="of the units that the model sees, above 0, below 1")],
    half_seed: Annotated[int, Option(help="seed of the halves")],
    manifest: Manifest,
    digest: Digest,
    classes: Classes = False,
) -> None:
    """Write which images a held-out model trains on: a fresh random half of the units."""
    from encoded_ensembles.splits import random_half

    images, arrays = _read(data, code)
    half = random_half(arrays["unit_names"], share=share, model=model, seed=half_seed)
    name = f"heldout {model}"
    _write(images, arrays["unit_of"], half, name, manifest, digest, classes)


def _read(data: Path, code: Path) -> "tuple[ImageSet, dict[str, np.ndarray]]":
    """Return training images and the arrays of their code.

    Raises:
        InputError: they are not of one run.
    """
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import InputError, read_arrays

    arrays, images = read_arrays(code), read_images(data)
    if len(arrays["unit_of"]) != len(images):
        raise InputError(
            f"{code} is the code of {len(arrays['unit_of'])} images and {data} holds {len(images)}, "
            "expected both of one run; give the files of one run, or run snakemake again."
        )
    return images, arrays


def _number(given: str | int, count: int, option: str) -> int:
    """Return a number of 0..count-1.

    Raises:
        InputError: it is none.
    """
    from encoded_ensembles.files import InputError

    text = str(given)
    if not (text.isascii() and text.isdigit() and int(text) < count):
        other = " or full" if option == "--member" else ""
        raise InputError(f"{option} is {given}, expected 0 to {count - 1}{other}.")
    return int(text)


def _write(
    images: "ImageSet",
    unit_of: "np.ndarray",
    seen: "np.ndarray",
    name: str,
    manifest: Path,
    digest: Path,
    classes: bool,
) -> None:
    """Write manifest and digest of the split that holds the units in `seen` (U,) bool."""
    from encoded_ensembles.files import sha256_file, write_facts, write_text
    from encoded_ensembles.splits import labels_digest, make_split, to_manifest

    split = make_split(images, unit_of=unit_of, seen=seen)
    labels = labels_digest(images.take(split.rows)) + "\n" if classes else ""
    write_text(digest, f"{split.digest}\n{labels}")
    kept = {digest.name: sha256_file(digest)}
    write_facts(manifest, to_manifest(split, member=name), kept=kept)
