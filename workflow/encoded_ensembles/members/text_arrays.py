"""Embeddings of texts as the arrays of a file, and back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from encoded_ensembles.members.pipeline_kinds import check_negative
from encoded_ensembles.members.prompts import Embeddings, with_sizes
from encoded_ensembles.progress import report

if TYPE_CHECKING:
    from encoded_ensembles.members.prompts import TextEncoders

NOTHING = "nothing_"  # prefix of the arrays that stand for no prompt
NEGATIVE = "negative_"  # and for the negative prompt, if there is one
PARTS = ("sequence", "pooled", "time_ids")


def embedded(
    encoders: "TextEncoders",
    texts: Sequence[str] | None,
    *,
    size: tuple[int, int],
    cut: bool = False,
) -> dict[str, np.ndarray]:
    """Return the embeddings of K texts as arrays (K, ...) float32; for None, `nothing_` of no prompt.

    Args:
        encoders: of a pipeline.
        texts: K texts.
        size: (height, width) of the images in pixels, which SDXL is told.
        cut: cut texts that are too long, and report them; else they are refused.

    Raises:
        InputError: a text is too long.
    """
    if texts is None:
        return _prefixed(NOTHING, _arrays(encoders, encoders.nothing(1), size))
    for long in encoders.too_long(texts) if cut else ():
        report(
            f"{long.prompt[:60]!r} is cut: {long.tokens} tokens, at most {long.limit} are used by {long.reader}"
        )
    return _arrays(encoders, encoders.encode(texts, cut=cut), size)


def embedded_prompts(
    encoders: "TextEncoders",
    prompts: Sequence[str],
    negative: str | None,
    *,
    size: tuple[int, int],
    cut: bool = False,
) -> dict[str, np.ndarray]:
    """Return the embeddings of prompts, of no prompt, and of a negative prompt.

    Args:
        encoders: as of `embedded`, like all others.
        prompts: K texts.
        negative: what guidance leads away from; None for no prompt.
        size: (height, width) of the images in pixels.
        cut: cut texts that are too long.

    Raises:
        InputError: a text is too long, or the pipeline takes no negative prompt.
    """
    check_negative(encoders.kind, negative)
    away = {} if negative is None else embedded(encoders, [negative], size=size, cut=cut)
    return (
        embedded(encoders, prompts, size=size, cut=cut)
        | embedded(encoders, None, size=size)
        | _prefixed(NEGATIVE, away)
    )


def _prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays under names with a prefix."""
    return {prefix + name: array for name, array in arrays.items()}


def to_embeddings(arrays: Mapping[str, np.ndarray], *, prefix: str = "") -> Embeddings:
    """Return the embeddings in the arrays of a file, or with a prefix those of no or a negative prompt."""
    return Embeddings(
        **{
            name: torch.from_numpy(arrays[prefix + name])
            for name in PARTS
            if prefix + name in arrays
        }
    )


def _arrays(
    encoders: "TextEncoders", embeddings: Embeddings, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Return embeddings as arrays, with the time ids of uncropped images for SDXL."""
    if encoders.kind.name == "sdxl":
        embeddings = with_sizes(embeddings, original=size, target=size)
    return {name: tensor.float().cpu().numpy() for name, tensor in embeddings.tensors.items()}
