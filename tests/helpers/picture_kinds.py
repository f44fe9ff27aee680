"""For tests of folders: a file of each kind that docs/datasets.md lists, and what is done with it."""

import os
import struct
import zlib
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, features

SIDE = 12


def solid(mode="RGB", colour=(200, 100, 50), size=(SIDE, SIDE)):
    return Image.new(mode, size, colour)


def array(value, kind):
    return Image.fromarray(np.full((SIDE, SIDE), value, kind))


def saved(image, **options):
    """Return the writer of an image into a file."""
    return lambda file: image.save(file, **options)


def turned(kind, **options):
    """Return the writer of a picture, white above black when upright, that is stored turned."""
    pixels = np.zeros((SIDE, 2 * SIDE), kind)
    pixels[:, :SIDE] = np.iinfo(kind).max
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    return lambda file: Image.fromarray(pixels).save(file, exif=exif, **options)


def moving(file):
    frames = [solid(), solid(colour=(0, 0, 255))]
    frames[0].save(file, save_all=True, append_images=frames[1:])


def png(*, bits, kind, size=(SIDE, SIDE), pixel=b"\0", transparent=None):
    """Return the writer of a PNG made by hand, all of one pixel."""

    def chunk(name, content):
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0))
    head += chunk(b"tRNS", transparent) if transparent else b""
    rows = zlib.compress((b"\0" + pixel * SIDE) * SIDE)
    content = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return lambda file: file.write_bytes(content)


def tiff(payload, *, bits, sample_format=1, photometric=1):
    """Return the writer of a grey TIFF made by hand."""
    tags = {
        256: SIDE, 257: SIDE, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: SIDE,
        279: len(payload), 339: sample_format,
    }  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags.items())
    head = struct.pack("<2sHI", b"II", 42, 8 + len(payload))
    content = head + payload + struct.pack("<H", len(tags)) + table + bytes(4)
    return lambda file: file.write_bytes(content)


def twelve_bits(value):
    pair = bytes([value >> 4, (value & 15) << 4 | value >> 8, value & 255])
    return tiff(pair * (SIDE * SIDE // 2), bits=12)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# Red and blue lights exchanged, so that what is converted shows.
EXCHANGED = SRGB.replace(b"rXYZ", b"-XYZ").replace(b"bXYZ", b"rXYZ").replace(b"-XYZ", b"bXYZ")


def grey_profile():
    """Return a profile of grey values that are proportional to light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    places = [128 + 4 + 24, 128 + 4 + 24 + len(white)]
    tags = struct.pack(">I", 2) + b"".join(
        name + struct.pack(">II", place, len(content))
        for name, place, content in zip((b"wtpt", b"kTRC"), places, (white, curve), strict=True)
    )
    head = bytearray(SRGB[:128])
    head[16:20] = b"GRAY"
    head[84:100] = bytes(16)
    head[:4] = struct.pack(">I", 128 + len(tags) + len(white) + len(curve))
    return bytes(head) + tags + white + curve


def truncated(suffix):
    def write(file):
        blob = BytesIO()
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(noise).save(blob, suffix)
        file.write_bytes(blob.getvalue()[: len(blob.getvalue()) // 2])

    return write


def link(target):
    """Return the maker of a link to what lies in the folder of all cases, or does not."""
    return lambda file: file.symlink_to(target)


def content(blob):
    return lambda file: file.write_bytes(blob)


class Case(NamedTuple):
    """A file of a kind, and what is done with it."""

    kind: str  # as in docs/datasets.md
    file: str
    write: object
    done: object  # a pixel below, left of the middle, where it is read, the reason where refused, else how counted


COLOUR, WHITE, BLACK = (200, 100, 50), (255, 255, 255), (0, 0, 0)
GREY = (100, 100, 100)
CASES = [
    Case("8 bits: RGB, grey, palette", "rgb.png", saved(solid()), COLOUR),
    Case("8 bits: RGB, grey, palette", "grey.png", saved(solid("L", 100)), GREY),
    Case("8 bits: RGB, grey, palette", "palette.png", saved(solid().quantize(4)), COLOUR),
    Case("1 bit", "white.png", saved(solid("1", 1)), WHITE),
    Case("1 bit", "black.tif", saved(solid("1", 0)), BLACK),
    Case("transparency: RGBA, LA, a transparent colour or palette entry", "rgba.png", saved(solid("RGBA", (0, 0, 0, 0))), WHITE),
    Case("transparency: RGBA, LA, a transparent colour or palette entry", "la.png", saved(solid("LA", (0, 51))), (204, 204, 204)),
    Case("transparency: RGBA, LA, a transparent colour or palette entry", "colour.png", saved(solid(), transparency=COLOUR), WHITE),
    Case("transparency: RGBA, LA, a transparent colour or palette entry", "entry.png", saved(solid().quantize(4), transparency=0), WHITE),
    Case("transparency: RGBA, LA, a transparent colour or palette entry", "deep.png", png(bits=16, kind=0, pixel=b"\1\2", transparent=b"\1\2"), WHITE),
    Case("16 bits, grey", "16.png", saved(array(100 * 257, np.uint16)), GREY),
    Case("16 bits, grey", "16.tif", saved(array(100 * 257, np.uint16)), GREY),
    Case("16 bits, grey", "large.tif", lambda file: array(100 * 257, ">u2").save(file), GREY),
    Case("16 bits, grey", "inverted.tif", saved(array(155 * 257, np.uint16), tiffinfo={262: 0}), GREY),
    Case("12 bits, grey TIFF", "12.tif", twelve_bits(round(100 / 255 * 4095)), GREY),
    Case("16 bits, colour", "colour16.png", png(bits=16, kind=2, pixel=bytes([200, 9, 100, 9, 50, 9])), COLOUR),
    Case("floating point, 0 to 1", "float.tif", saved(array(100 / 255, np.float32)), GREY),
    Case("floating point, beyond 0 to 1 or not finite", "float255.tif", saved(array(100, np.float32)), "floating-point values outside 0"),
    Case("floating point, beyond 0 to 1 or not finite", "nan.tif", saved(array(np.nan, np.float32)), "floating-point values outside 0"),
    Case("32 bits, or signed", "32.tif", saved(array(1, np.int32)), "no standard white"),
    Case("32 bits, or signed", "signed8.tif", tiff(b"\xff" * SIDE**2, bits=8, sample_format=2), "no standard white"),
    Case("32 bits, or signed", "signed16.tif", tiff(b"\xff\1" * SIDE**2, bits=16, sample_format=2), "no standard white"),
    Case("CMYK", "cmyk.jpg", saved(solid("CMYK", (55, 155, 205, 0)), quality=100), COLOUR),
    Case("CMYK", "cmyk.tif", saved(solid("CMYK", (55, 155, 205, 0))), COLOUR),
    Case("turned by EXIF or its tag", "turned.jpg", turned(np.uint8, quality=100), BLACK),
    Case("turned by EXIF or its tag", "turned.tif", turned(np.uint8), BLACK),
    Case("turned by EXIF or its tag", "turned16.png", turned(np.uint16), BLACK),
    Case("several frames or pages", "moving.gif", moving, COLOUR),
    Case("several frames or pages", "moving.png", moving, COLOUR),
    Case("several frames or pages", "moving.webp", moving, COLOUR),
    Case("several frames or pages", "pages.tif", moving, COLOUR),
    Case("a colour profile: RGB, grey, CMYK", "exchanged.png", saved(solid(), icc_profile=EXCHANGED), (50, 100, 200)),
    Case("a colour profile: RGB, grey, CMYK", "ofgrey.png", saved(solid("L", 100), icc_profile=EXCHANGED), GREY),
    Case("a colour profile: RGB, grey, CMYK", "linear.png", saved(solid("L", 32), icc_profile=grey_profile()), GREY),
    Case("a colour profile: RGB, grey, CMYK", "clear.png", saved(solid("RGBA", (*COLOUR, 0)), icc_profile=EXCHANGED), WHITE),
    Case("a colour profile that is damaged, or for other colours", "damaged.png", saved(solid(), icc_profile=b"no profile"), COLOUR),
    Case("a colour profile that is damaged, or for other colours", "other.png", saved(solid(), icc_profile=grey_profile()), COLOUR),
    Case("BMP, WebP, and AVIF where Pillow reads it", "map.bmp", saved(solid()), COLOUR),
    Case("BMP, WebP, and AVIF where Pillow reads it", "web.webp", saved(solid(), lossless=True), COLOUR),
    *(
        [Case("BMP, WebP, and AVIF where Pillow reads it", "av.avif", saved(solid(), quality=100), COLOUR)]
        if features.check("avif")
        else []
    ),
    Case("capitals, other names of JPEG, a JPEG called .png", "CAPITAL.PNG", saved(solid()), COLOUR),
    Case("capitals, other names of JPEG, a JPEG called .png", "other.jfif", saved(solid(), format="JPEG", quality=100), COLOUR),
    Case("capitals, other names of JPEG, a JPEG called .png", "jpeg.png", saved(solid(), format="JPEG", quality=100), COLOUR),
    Case("smaller than `dataset.size`", "tiny.png", saved(solid(size=(1, 1))), COLOUR),
    Case("more than 4 times as long as wide", "long.png", saved(solid(size=(5 * SIDE, SIDE))), COLOUR),
    Case("odd names: a line break, blanks, no ASCII", "new\nline.png", saved(solid()), COLOUR),
    Case("odd names: a line break, blanks, no ASCII", " é ☃ .png", saved(solid()), COLOUR),
    Case("a link to a picture", "link.png", link("rgb.png"), COLOUR),
    Case("a folder called `x.png`", "x.png/in.png", saved(solid()), COLOUR),
    Case("cut off or damaged", "cut.jpg", truncated("JPEG"), "truncated"),
    Case("cut off or damaged", "cut.png", truncated("PNG"), "truncated"),
    Case("empty", "empty.png", content(b""), "it is empty"),
    Case("no picture, or one of another kind (EPS, PPM), called `.png`", "text.png", content(b"not a picture"), "none of PNG, JPEG"),
    Case("no picture, or one of another kind (EPS, PPM), called `.png`", "eps.png", saved(solid(), format="EPS"), "none of PNG, JPEG"),
    Case("no picture, or one of another kind (EPS, PPM), called `.png`", "ppm.png", saved(solid(), format="PPM"), "none of PNG, JPEG"),
    Case("more than 89,478,485 pixels", "giant.png", png(bits=8, kind=0, size=(10_000, 10_000)), "more than 89478485 pixels"),
    Case("a link to nothing or to itself", "broken.png", link("nothing.png"), "broken link"),
    Case("a link to nothing or to itself", "itself.png", link("itself.png"), "broken link"),
    Case("a pipe or device called `.png`", "pipe.png", os.mkfifo, "not a plain file"),
    Case("a name that is not UTF-8", os.fsdecode(b"\xff.png"), saved(solid(), format="PNG"), "name is not UTF-8"),
    Case("`.heic`, `.jxl`, `.svg` and other endings, or none", "phone.HEIC", content(b"heic"), "1 .heic"),
    Case("`.heic`, `.jxl`, `.svg` and other endings, or none", "new.jxl", content(b"jxl"), "1 .jxl"),
    Case("`.heic`, `.jxl`, `.svg` and other endings, or none", "notes.txt", content(b"text"), "1 .txt"),
    Case("`.heic`, `.jxl`, `.svg` and other endings, or none", "ending", saved(solid(), format="PNG"), "1 without ending"),
    Case("hidden: a name that begins with a dot", ".hidden.png", saved(solid()), None),
    Case("hidden: a name that begins with a dot", ".hidden/in.png", saved(solid()), None),
    Case("a linked sub-folder, also in a loop", "linked", link("x.png"), "linked sub-folders passed over: linked, loop;"),
    Case("a linked sub-folder, also in a loop", "loop", link("."), "linked sub-folders passed over: linked, loop;"),
]  # fmt: skip
READ = [each for each in CASES if isinstance(each.done, tuple)]
PASSED = ("`.heic`", "hidden", "a linked sub-folder")
REFUSED = [
    each for each in CASES if isinstance(each.done, str) and not each.kind.startswith(PASSED)
]
REMARKS = {
    "several frames or pages, of which": ["moving.gif", "moving.png", "moving.webp", "pages.tif"],
    "a colour profile that cannot be used": ["damaged.png", "other.png"],
    "fewer pixels on a side than dataset.size": ["tiny.png"],
    "more than 4 times as long as wide": ["long.png"],
}


def make(path, cases):
    for case in cases:
        file = path / case.file
        file.parent.mkdir(parents=True, exist_ok=True)
        case.write(file)
    return path
