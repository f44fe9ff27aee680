"""Captions of images: what is known of them, their table, and the words in them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encoded_ensembles.data.images import ImageSet
from encoded_ensembles.storage.files import InputError, close_matches, read_table

if TYPE_CHECKING:
    import pandas as pd

CAPTIONED = ("folder", "openmoji")  # data sets that may have captions
SHOWN = 5  # names in data/dataset.json and in a warning


class Captions(NamedTuple):
    """The captions of a data set.

    Attributes:
        texts: (N,) str, one line each; "" for an image without a caption.
        missing: names of images without a caption.
        empty: names of images whose caption holds no text.
        extra: captions of no image, by the file name or path they are for.
    """

    texts: np.ndarray
    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class Caption(NamedTuple):
    """The caption of one image.

    Attributes:
        text: on one line.
        given: False for the default caption.
    """

    text: str
    given: bool


def one_line(text: str) -> str:
    """Return a text without line breaks, repeated blanks and NUL."""
    return " ".join(text.replace("\0", " ").split())


def caption_facts(captions: Captions, *, default: str) -> dict[str, Any]:
    """Return the counts of captions and the first names of each kind, as in data/dataset.json.

    Args:
        captions: of all images of the data set.
        default: the caption of images without one.
    """
    counts = {"images": len(captions.texts), "captioned": int((captions.texts != "").sum())}
    kinds = {kind: getattr(captions, kind) for kind in ("missing", "empty", "extra")}
    return {
        **counts,
        "default": default,
        **{
            kind: {"count": len(names), "first": list(names[:SHOWN])}
            for kind, names in kinds.items()
        },
    }


def caption_warnings(captions: Captions, *, default: str) -> list[str]:
    """Return warnings for the user on captions that are missing, empty, or of no image."""
    total, remedy = len(captions.texts), f"they get {default!r} (dataset.default_caption)"
    kinds = [
        (captions.missing, f"images without a caption: {{count}} of {total}", remedy),
        (captions.empty, f"images with an empty caption: {{count}} of {total}", remedy),
        (captions.extra, "captions of no image: {count}", "correct their names or remove them"),
    ]
    return [
        f"{said.format(count=len(names))} ({', '.join(map(repr, names[:SHOWN]))}"
        f"{', ...' if len(names) > SHOWN else ''}); {fix}."
        for names, said, fix in kinds
        if names
    ]


def caption_of(names: np.ndarray, captions: Captions, *, default: str) -> dict[str, Caption]:
    """Return the caption of each image of a data set, by name.

    Args:
        names: (N,) of all its images.
        captions: of them.
        default: the caption of images without one.

    Raises:
        InputError: no image has a caption.
    """
    texts = captions.texts.tolist()
    if not any(texts):
        raise InputError(
            f"dataset.captions is true, expected a caption of at least one of the {len(names)} images, "
            "found none; add them (docs/datasets.md), or set dataset.captions to false."
        )
    return {
        name: Caption(text or default, bool(text))
        for name, text in zip(names.tolist(), texts, strict=True)
    }


def caption_table(
    parts: Mapping[str, np.ndarray], caption: Mapping[str, Caption]
) -> "pd.DataFrame":
    """Return one row per image: part, image, name, caption, given.

    Args:
        parts: names of the images of training, heldout and spare, in the order of their files.
        caption: of each image, by the name it has there.
    """
    import pandas as pd

    rows = [
        (part, image, name, *caption[name])
        for part, names in parts.items()
        for image, name in enumerate(names.tolist())
    ]
    return pd.DataFrame(rows, columns=["part", "image", "name", "caption", "given"])


def training_captions(table: "pd.DataFrame", names: np.ndarray) -> dict[str, str]:
    """Return the caption of each training image, by name.

    Args:
        table: of `caption_table`.
        names: (N,) of the training images.

    Raises:
        InputError: the table is of other images.
    """
    rows = table[table["part"] == "training"]
    if rows["name"].tolist() != names.tolist():
        raise InputError(
            f"the table of captions is of {len(rows)} training images, expected those {len(names)} of the "
            "image file; run again."
        )
    return dict(zip(rows["name"], rows["caption"], strict=True))


def with_captions(images: ImageSet, file: Path) -> ImageSet:
    """Return training images whose labels are their captions, of a table of fetch-dataset.

    Raises:
        InputError: the table is of other images.
    """
    caption = training_captions(read_table(file), images.names)
    texts, labels = np.unique([caption[name] for name in images.names], return_inverse=True)
    return ImageSet(images.images, labels.astype(np.int64), texts, images.names)


def find_words(words: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Return which texts hold which words, (W, N) bool.

    A word is found whole and in any case: `cat` is in "Cat, asleep" and in "cat-like", and not in
    "cats". A phrase is found as it is, whatever blanks are between its words.

    Args:
        words: W words or phrases.
        texts: N texts.
    """
    folded = [_fold(text) for text in texts]
    held = np.zeros((len(words), len(texts)), bool)
    for row, word in enumerate(words):
        inner = r"\s+".join(map(re.escape, _fold(word).split()))
        pattern = re.compile(rf"(?<!\w){inner}(?!\w)")
        held[row] = [pattern.search(text) is not None for text in folded]
    return held


def _fold(text: str) -> str:
    """Return a text in which capitals and the ways of writing an accent make no difference."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def group_by_words(names: np.ndarray, texts: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """Return the unit of each image, (N,) str: the first of `words` in its caption, else its name.

    Args:
        names: (N,) of the images.
        texts: their captions.
        words: in order of precedence.

    Raises:
        InputError: no caption holds one of the words, or an image without any is called like one.
    """
    if not words:
        return names
    held = find_words(words, texts)
    for word, has in zip(words, held, strict=True):
        if not has.any():
            known = sorted({part for text in texts for part in re.findall(r"\w+", _fold(text))})
            raise InputError(
                f"units.words holds {word}, expected words in captions of the training images, found "
                f"none with it{close_matches(_fold(word), known)} Correct it or take it out of units.words."
            )
    of_image = np.where(held.any(axis=0), np.array(words)[held.argmax(axis=0)], names)
    clash = np.isin(of_image, words) & ~held.any(axis=0)
    if clash.any():
        raise InputError(
            f"units.words holds {of_image[clash][0]}, which is the name of an image without that "
            "word, expected a name of neither; rename the image."
        )
    return of_image


def word_warnings(caption_of: Mapping[str, str], words: Sequence[str]) -> list[str]:
    """Return a warning for each word whose unit lacks images that belong to an earlier word.

    Args:
        caption_of: captions of the training images, by name.
        words: in order of precedence.
    """
    names, warnings = list(caption_of), []
    held = find_words(words, list(caption_of.values()))
    for row, word in enumerate(words):
        lost = np.flatnonzero(held[row] & held[:row].any(axis=0))
        if len(lost):
            first = words[int(held[:, lost[0]].argmax())]
            warnings.append(
                f"unit {word} lacks {len(lost)} of the {held[row].sum()} images whose captions hold that "
                f"word, such as {names[lost[0]]}, which belongs to {first}, listed before it in "
                "units.words: an ablation of the unit does not remove them."
            )
    return warnings
