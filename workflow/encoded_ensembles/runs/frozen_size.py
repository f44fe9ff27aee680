"""Networks that a run does not train, before they are fetched: their configurations and sizes."""

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from encoded_ensembles.members.part_files import PIPELINE, VARIANTS
from encoded_ensembles.members.published import EXAMPLES, PUBLISHED, TYPICAL, Published, published
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import read_json

FLOAT = 4  # bytes
GUESSED_FROZEN = 100_000_000  # weights of a network that is neither in a folder nor in the run yet
# Folders in a pipeline.
ROLES = {"base": ("unet", "transformer"), "autoencoder": ("vae",), "encoders": ("text_encoder*",)}


def frozen_config(model: Mapping[str, Any], part: str, folder: Path) -> dict[str, Any] | None:
    """Return the configuration of a frozen network; None if it is neither on this machine nor `published`.

    Args:
        model: keys of `model`.
        part: base or autoencoder.
        folder: folder of the run, which may already hold a copy.
    """
    places = [Path(model[part] or ""), folder / part] if model[part] else []
    if places:  # of a text-to-image pipeline
        places += [places[0] / role for role in ROLES[part]]
    for place in places:
        if (place / "config.json").is_file():
            content = read_json(place / "config.json")
            return content if isinstance(content, dict) else None
    known = published(model[part])
    return dict(getattr(known, part)) if known else None


def count_frozen(config: Mapping[str, Any], part: str, folder: Path) -> int:
    """Return the number of weights of a frozen network, or of all text encoders; a guess if unknown.

    Args:
        config: configuration from `check_config`.
        part: base, autoencoder or encoders.
        folder: of the run.
    """
    named = config["model"]["base" if part == "encoders" else part]
    for place in (*(f"{role}/" for role in ROLES[part]), ""):
        files = [
            file
            for file in Path(named).glob(f"{place}*.safetensors")
            if not any(map(file.match, VARIANTS))
        ]
        if files:
            return sum(map(_count_values, files))
    if copies := list((folder / part).glob("*.safetensors")):
        return sum(map(_count_values, copies))
    known = published(named) or (_example(folder) if layout.prompted(config) else None)
    return known.weights[part] if known else GUESSED_FROZEN


def _example(folder: Path) -> Published:
    """Return a pipeline of the class of a run's base; before that is fetched, a typical one."""
    facts = folder / "base" / PIPELINE
    name = read_json(facts).get("pipeline") if facts.is_file() else None
    return PUBLISHED[EXAMPLES.get(str(name), TYPICAL)]


def _count_values(file: Path) -> int:
    """Return the number of values in a file of safetensors, whatever their type."""
    with suppress(SafetensorError), safe_open(file, framework="numpy") as opened:
        names = opened.keys()
        return sum(math.prod(opened.get_slice(name).get_shape()) for name in names)
    return file.stat().st_size // FLOAT
