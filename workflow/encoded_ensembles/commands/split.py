"""encens split-member."""

from pathlib import Path
from typing import Annotated

from typer import Option


def split_member(
    data: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    code: Annotated[Path, Option(help="code, .npz of encode-units")],
    member: Annotated[str, Option(help="number of the member, or full")],
    manifest: Annotated[Path, Option(help="output, .json: indices of the images, and one digest")],
    digest: Annotated[Path, Option(help="output, .sha256: the digest alone; training hangs on it")],
) -> None:
    """Write which images one member trains on.

    The digest covers names and pixels of the images, not their positions: it changes if and only if
    the member has to be trained again.
    """
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_arrays, write_json, write_text
    from encoded_ensembles.splits import make_split, to_manifest

    arrays = read_arrays(code)
    split = make_split(
        read_images(data), unit_of=arrays["unit_of"], code=arrays["code"], member=member
    )
    write_json(manifest, to_manifest(split, member=member))
    write_text(digest, split.digest + "\n")
