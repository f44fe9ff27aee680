"""Single pictures of any size and mode, read as training pictures are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoded_ensembles.data.sources.pictures import PictureError, cut_to_square, read_picture
from encoded_ensembles.storage.files import InputError


def read_files(files: Sequence[Path], *, shape: tuple[int, int, int], border: int) -> np.ndarray:
    """Return pictures cut to centred squares, resized, and with a border like training images.

    Args:
        files: one or more.
        shape: (H, W, C) of training images, with their border.
        border: pixels added on each side of training images.

    Returns:
        (B, H, W, C) uint8.

    Raises:
        InputError: no file is given, or some cannot be read: the message names them.
    """
    if not files:
        raise InputError("no picture was given, expected at least one file; pass --image FILE.")
    side, channels = shape[0] - 2 * border, shape[2]
    images, refused = [], []
    for file in files:
        try:
            images.append(cut_to_square(read_picture(file, channels=channels).image, size=side))
        except PictureError as error:
            refused.append(f"  {file} cannot be read as a picture ({error.reason})")
        except OSError as error:
            refused.append(f"  {file} cannot be read ({error.strerror})")
    if refused:
        listed = "\n".join(refused)
        raise InputError(
            f"{len(refused)} of {len(files)} files cannot be read, expected pictures:\n{listed}"
        )
    around = ((0, 0), (border, border), (border, border), (0, 0))
    return np.pad(np.stack(images), around)
