"""encens split-member."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data
from encoded_ensembles.commands.options.splits import Captions, Classes, Digest, Manifest


def split_member(
    data: Data,
    code: Code,
    member: Annotated[str, Option(help="number of the member, or full")],
    manifest: Manifest,
    digest: Digest,
    classes: Classes = False,
    captions: Captions = None,
) -> None:
    """Write the split of one member.

    The digest covers names and pixels of the images, not their positions: it changes if and only if
    the member has to be trained again.
    """
    import numpy as np

    from encoded_ensembles.codes.splits import FULL, number_below, read_coded, write_split
    from encoded_ensembles.data.captions import with_captions

    images, arrays = read_coded(data, code)
    matrix = arrays["code"]
    if member == FULL:
        seen = np.ones(len(matrix), bool)
    else:
        seen = matrix[:, number_below(member, matrix.shape[1], "--member")]
    if captions:
        images = with_captions(images, captions)
    write_split(
        images, arrays["unit_of"], seen, member, manifest, digest,
        classes=classes, captioned=captions is not None,
    )  # fmt: skip
