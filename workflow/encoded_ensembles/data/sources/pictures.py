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
SEVERAL = "several frames or pages, of which the first is read"
UNUSABLE = "a colour profile that cannot be used, so that colours are taken as sRGB"
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
WHITE_IS_ZERO, SIGNED = 0, 2  # their values
COLOUR_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # mode of Pillow by that of a profile


class PictureError(InputError):
    """A file that cannot be read as a picture.

    Args:
        name: of the file.
        reason: why not, kept as an attribute.
    """

    def __init__(self, name: str, reason: str) -> None:
        """Say so in one sentence."""
        super().__init__(
            f"{shown(name)} cannot be read as an image ({reason}); repair it or take it out of the "
            "folder."
        )
        self.reason = reason


class GiantError(PictureError):
    """A picture with more pixels than are read."""


class Picture(NamedTuple):
    """A picture as members could see it, but for its size.

    Attributes:
        image: mode L or RGB.
        remarks: what else has to be said of it: `SEVERAL`, `UNUSABLE`.
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
    """Return a picture upright, in sRGB, and without transparency: what was transparent is white.

    Args:
        file: its path or what it holds; the first of several frames or pages is taken.
        channels: 1 (grey) or 3 (colour).
        largest: most pixels, read from the file's head before any are unpacked; None for
            Pillow's own limit of 89 million.
        name: what to call it in a message, if not by its path.

    Raises:
        GiantError: it has more pixels.
        PictureError: the file is not an image, is damaged, or does not say which value is white.
    """
    from PIL import Image

    called = name or str(file)
    try:
        image, remarks = _load(file, called, largest)
    except PictureError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise GiantError(called, _too_large(Image.MAX_IMAGE_PIXELS)) from error
    except Exception as error:  # Pillow's decoders raise many kinds
        raise PictureError(called, _reason(error)) from error
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("L" if channels == 1 else "RGB")
    return Picture(flat, remarks)


def shown(name: str) -> str:
    """Return a name on one line: characters that cannot be printed are written as their codes."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in name
    )


def cut_to_square(picture: "Image.Image", *, size: int) -> np.ndarray:
    """Return the centred square of a picture as (size, size, channels) uint8."""
    from PIL import Image, ImageOps

    return _pixels(ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS))


def pad_to_square(picture: "Image.Image", *, size: int) -> np.ndarray:
    """Return a whole picture amid a white square as (size, size, channels) uint8."""
    from PIL import Image

    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), "white")
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return _pixels(square.resize((size, size), Image.Resampling.BOX))


def _pixels(square: "Image.Image") -> np.ndarray:
    return np.asarray(square, np.uint8).reshape(square.height, square.width, -1)


def _load(
    file: Path | IO[bytes], called: str, largest: int | None
) -> tuple["Image.Image", tuple[str, ...]]:
    """Return a picture upright, as 8-bit RGBA in sRGB, and what has to be said of it."""
    from PIL import Image

    if isinstance(file, Path):
        _check_file(file)
    # A path would let Pillow map the file, and scramble TIFF that is stored turned (Pillow 13.0).
    with (
        warnings.catch_warnings(),
        file.open("rb") if isinstance(file, Path) else nullcontext(file) as stream,
    ):
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(stream, formats=FORMATS) as opened:
            if largest is not None and opened.width * opened.height > largest:
                raise GiantError(called, _too_large(largest))
            remarks = (SEVERAL,) if _has_frames(opened) else ()
            image, usable = _flatten(opened)
    return image, remarks if usable else (*remarks, UNUSABLE)


def _check_file(file: Path) -> None:
    """Check that there is a plain file, whose name can be written down.

    Raises:
        ValueError: there is none, or its name is not UTF-8.
    """
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise ValueError("its name is not UTF-8: rename it") from error
    if not file.is_file():
        raise ValueError("it is a broken link" if file.is_symlink() else "it is no plain file")
    if not file.stat().st_size:
        raise ValueError("it is empty")


def _too_large(largest: int | None) -> str:
    return f"it has more than {largest} pixels"


def _reason(error: Exception) -> str:
    """Return in a few words why Pillow could not read a file."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}, or of a kind of them that is not read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _has_frames(opened: "Image.Image") -> bool:
    """Say whether the file holds other pictures than the first; previews of cameras do not count."""
    return opened.format != "MPO" and getattr(opened, "is_animated", False)


def _flatten(opened: "Image.Image") -> tuple["Image.Image", bool]:
    """Return an opened picture upright as 8-bit RGBA in sRGB, and whether its profile could be used.

    Raises:
        ValueError: it does not say which value is white.
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
    """Return a grey picture of more than 8 bits as RGBA: what its kind of number calls white is 255.

    Args:
        image: mode I;16 (also B, L, N): 0 to 65535, or fewer bits by the tag; F: 0 to 1.
        tags: of a TIFF file, or none.

    Raises:
        ValueError: mode I, or signed, where no value is agreed to be white; or values of F beyond.
    """
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F":
        if not ((values >= 0) & (values <= 1)).all():
            raise ValueError("it has floating-point values beyond 0 (black) to 1 (white)")
        white = 1
    elif image.mode.startswith("I;16"):
        white = 2 ** tags.get(BITS, (16,))[0] - 1
    else:
        raise ValueError(
            "signed and 32-bit numbers have no agreed white: save it with 8 or 16 bits"
        )
    grey = np.rint(values * (255 / white)).astype(np.uint8)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # which Pillow heeds up to 8 bits only
        grey = 255 - grey
    transparent = values == image.info.get("transparency", -1)
    alpha = np.where(transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, grey, grey, alpha], axis=-1))


def _to_srgb(image: "Image.Image", profile: bytes) -> "Image.Image | None":
    """Return a picture's colours by its profile as sRGB, mode RGBA; None if it is not for them."""
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
