"""Pictures: one image file of any size and kind, read as 8-bit sRGB without transparency."""

import io
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = (
    "PNG",
    "JPEG",
    "BMP",
    "GIF",
    "WEBP",
    "TIFF",
    "AVIF",
)  # Pillow knows more: EPS runs programs
# These sentences are part of data/dataset.json: another wording changes its bytes.
SEVERAL = "several frames or pages, of which the first is read"
UNUSABLE = "a colour profile that cannot be used, so that colours are taken as sRGB"
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # TIFF tags
WHITE_IS_ZERO, SIGNED = 0, 2  # values of these tags
COLOUR_SPACES = {
    "RGB": "RGB",
    "GRAY": "L",
    "CMYK": "CMYK",
}  # Pillow's mode by the colour space of a profile


class PictureError(InputError):
    """A file that cannot be read as a picture.

    Args:
        name: of the file.
        reason: also stored as an attribute.
    """

    def __init__(self, name: str, reason: str) -> None:
        """Make one sentence of name and reason."""
        super().__init__(
            f"{shown(name)} cannot be read as an image ({reason}); repair it or remove it from the "
            "folder."
        )
        self.reason = reason


class GiantError(PictureError):
    """A picture with too many pixels."""


class Picture(NamedTuple):
    """A picture in the colours that members see, at its original size.

    Attributes:
        image: mode L or RGB.
        remarks: for the user: `SEVERAL`, `UNUSABLE`.
    """

    image: "Image.Image"
    remarks: tuple[str, ...]


def open_picture(
    file: Path | IO[bytes], *, channels: int, largest: int | None = None, name: str | None = None
) -> "Image.Image":
    """Return the image of `read_picture`."""
    return read_picture(file, channels=channels, largest=largest, name=name).image


def read_picture(
    file: Path | IO[bytes], *, channels: int, largest: int | None = None, name: str | None = None
) -> Picture:
    """Return a picture upright, in sRGB, and without transparency (on a white background).

    Args:
        file: its path or a stream; of several frames or pages, the first is read.
        channels: 1 (grey) or 3 (colour).
        largest: limit of pixels, checked in the header before decoding; None for Pillow's limit of
            89 million.
        name: for messages, instead of the path.

    Raises:
        GiantError: it has more pixels.
        PictureError: the file is not an image, is damaged, or does not define the value of white.
    """
    from PIL import Image

    label = name or str(file)
    try:
        image, remarks = _load(file, label, largest)
    except PictureError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise GiantError(label, _too_large(Image.MAX_IMAGE_PIXELS)) from error
    except Exception as error:  # Pillow's decoders raise many kinds
        raise PictureError(label, _reason(error)) from error
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("L" if channels == 1 else "RGB")
    return Picture(flat, remarks)


def shown(name: str) -> str:
    """Return a name on one line: unprintable characters are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in name
    )


def cut_to_square(picture: "Image.Image", *, size: int) -> np.ndarray:
    """Return the centred square of a picture as (size, size, channels) uint8."""
    from PIL import Image, ImageOps

    return _pixels(ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS))


def pad_to_square(picture: "Image.Image", *, size: int) -> np.ndarray:
    """Return a whole picture, centred on a white square, as (size, size, channels) uint8."""
    from PIL import Image

    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return _pixels(square.resize((size, size), Image.Resampling.BOX))


def _pixels(square: "Image.Image") -> np.ndarray:
    return np.asarray(square, np.uint8).reshape(square.height, square.width, -1)


def _load(
    file: Path | IO[bytes], label: str, largest: int | None
) -> tuple["Image.Image", tuple[str, ...]]:
    """Return a picture upright, as 8-bit RGBA in sRGB, and remarks for the user."""
    from PIL import Image

    if isinstance(file, Path):
        _check_file(file)
    # With a path, Pillow maps the file into memory, and damages rotated TIFF (Pillow 13.0).
    with (
        warnings.catch_warnings(),
        file.open("rb") if isinstance(file, Path) else nullcontext(file) as stream,
    ):
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(stream, formats=FORMATS) as opened:
            if largest is not None and opened.width * opened.height > largest:
                raise GiantError(label, _too_large(largest))
            remarks = (SEVERAL,) if _has_frames(opened) else ()
            image, usable = _flatten(opened)
    return image, remarks if usable else (*remarks, UNUSABLE)


def _check_file(file: Path) -> None:
    """Check that a path is a plain, non-empty file with a name in UTF-8.

    Raises:
        ValueError: it is not.
    """
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise ValueError("its name is not UTF-8: rename it") from error
    if not file.is_file():
        raise ValueError("it is a broken link" if file.is_symlink() else "it is not a plain file")
    if not file.stat().st_size:
        raise ValueError("it is empty")


def _too_large(largest: int | None) -> str:
    """Return the reason for a picture with too many pixels."""
    return f"it has more than {largest} pixels"


def _reason(error: Exception) -> str:
    """Return the reason of an error of Pillow in a few words."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}, or of an unsupported kind of them"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _has_frames(opened: "Image.Image") -> bool:
    """Return whether the file has several frames or pages, except previews of cameras."""
    return opened.format != "MPO" and getattr(opened, "is_animated", False)


def _flatten(opened: "Image.Image") -> tuple["Image.Image", bool]:
    """Return an opened picture upright as 8-bit RGBA in sRGB, and whether its profile is usable.

    Raises:
        ValueError: it does not define the value of white.
    """
    from PIL import ImageOps

    image = ImageOps.exif_transpose(opened)
    tags = getattr(opened, "tag_v2", {})
    if image.mode.startswith(("I", "F")) or SIGNED in tags.get(SAMPLE_FORMAT, ()):
        image = _to_eight_bits(image, tags)
    profile = opened.info.get("icc_profile")
    managed = _to_srgb(image, profile) if profile else None
    return managed or image.convert("RGBA"), bool(managed) or not profile


def _to_eight_bits(image: "Image.Image", tags: Any) -> "Image.Image":
    """Return a grey picture of more than 8 bits as RGBA, with white scaled to 255.

    Args:
        image: mode I;16 (also B, L, N): 0 to 65535, or fewer bits by the tag; F: 0 to 1.
        tags: of a TIFF file; empty for others.

    Raises:
        ValueError: mode I or signed, which have no standard value of white; or F outside 0 to 1.
    """
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F":
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError("it has floating-point values outside 0 (black) to 1 (white)")
        white = 1
    elif image.mode.startswith("I;16"):
        white = 2 ** tags.get(BITS, (16,))[0] - 1
    else:
        raise ValueError(
            "signed and 32-bit numbers have no standard white: save it with 8 or 16 bits"
        )
    grey = np.rint(values * (255 / white)).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow applies the tag only up to 8 bits
        grey = 255 - grey
    transparent = values == image.info.get("transparency", -1)
    alpha = np.where(transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, grey, grey, alpha], axis=-1))


def _to_srgb(image: "Image.Image", profile: bytes) -> "Image.Image | None":
    """Return a picture converted by its profile to sRGB, mode RGBA; None if the profile does not fit."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = COLOUR_SPACES.get(source.profile.xcolor_space.strip())
        colourless = len(image.getbands()) < 3 and image.mode not in ("P", "PA")
        if mode is None or (mode == "CMYK") != (image.mode == "CMYK"):
            return None
        if mode == "L" and not colourless:
            return None
        rgba = image.convert("RGBA")
        colours = image if mode == "CMYK" else rgba.convert(mode)
        srgb = ImageCms.profileToProfile(
            colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return None
    if srgb is None:
        return None
    srgb.putalpha(rgba.getchannel("A"))
    return srgb
