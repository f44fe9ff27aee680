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
    classes: Annotated[
        bool, Option(help="members are told labels: training hangs on them too")
    ] = False,
) -> None:
    """Write which images one member trains on.

    The digest covers names and pixels of the images, not their positions: it changes if and only if
    the member has to be trained again.
    """
    from encoded_ensembles.data import read_images
    from encoded_ensembles.files import read_arrays, sha256_file, write_facts, write_text
    from encoded_ensembles.splits import labels_digest, make_split, to_manifest

    arrays, images = read_arrays(code), read_images(data)
    split = make_split(images, unit_of=arrays["unit_of"], code=arrays["code"], member=member)
    labels = labels_digest(images.take(split.rows)) + "\n" if classes else ""
    write_text(digest, f"{split.digest}\n{labels}")
    facts = to_manifest(split, member=member)
    write_facts(manifest, facts, kept={digest.name: sha256_file(digest)})
