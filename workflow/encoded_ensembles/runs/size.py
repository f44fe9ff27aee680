"""How large a run is, before its data is fetched: shapes, images, units and weights.

What the configuration and the catalogue of data sets do not say is read from what the run has already made;
else it is guessed, as much rather than as little.
"""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from encoded_ensembles.data.catalogue import OWN
from encoded_ensembles.data.selection import FEWEST_HELD_OUT
from encoded_ensembles.data.sources.folder import list_folder
from encoded_ensembles.members.given import KINDS
from encoded_ensembles.members.latents import Shape, latent_shape
from encoded_ensembles.members.network import unet_config
from encoded_ensembles.members.network_size import NetworkSize, network_size
from encoded_ensembles.storage.files import InputError, read_json

FLOAT = 4  # bytes
GUESSED_IMAGES = 10_000  # of a folder that is not there
GUESSED_LABELS = 10
# Of networks that are neither in a folder nor in the run yet.
GUESSED_LATENT = (4, 8)  # channels, and pixels of a side: those of Stable Diffusion's autoencoder
GUESSED_FROZEN = 100_000_000  # weights
GUESSED_HELD = (20_000, 5_000)  # numbers for each place that is seen, as of `NetworkSize`
ADAPTED = 10  # an adapter has a tenth of the base's weights at most, for all that is known
# What diffusers takes where a configuration of UNet2DModel says nothing.
UNSAID = {"layers_per_block": 2, "num_class_embeds": None, "add_attention": True, "sample_size": 0}


@dataclass(frozen=True)
class Size:
    """How large a run's data and networks are.

    Attributes:
        images: N.
        units: U.
        shape: (C, H, W) of an image.
        seen: (C, H, W) of what members see of it.
        weights: numbers in one network that are trained.
        frozen: numbers in networks that the run is given, by the key of `model` that names them.
    """

    images: int
    units: int
    shape: Shape
    seen: Shape
    weights: int
    frozen: Mapping[str, int] = field(default_factory=dict)

    @property
    def image_bytes(self) -> int:
        """Bytes of one image in float32."""
        return FLOAT * math.prod(self.shape)


def image_shape(dataset: Mapping[str, Any]) -> Shape:
    """Return (C, H, W) of the images, given the keys of `dataset`.

    Raises:
        InputError: it is a data set of pictures, and dataset.size is not set.
    """
    own = OWN[dataset["name"]]
    side = dataset["size"] or own.side
    if side is None:
        raise InputError(
            f"config key dataset.size is not set; dataset.name {dataset['name']} needs it."
        )
    side += 2 * dataset["border"]
    return dataset["channels"] or own.channels, side, side


def count_images(dataset: Mapping[str, Any]) -> int | None:
    """Return how many images are trained on; None where only the data says it, about so many else."""
    own, labels, most = OWN[dataset["name"]], dataset["labels"], dataset["per_label"]
    if dataset["images"] is not None:
        return int(dataset["images"])
    parts = _parts(dataset)
    if parts is None:
        return None
    total, other = parts
    if not other:
        total = max(1, total - count_heldout(dataset))
    if own.labels and labels:
        total = math.ceil(total * min(1, labels / own.labels))
    if most is not None and (labels or own.labels):
        total = min(total, most * (labels or own.labels))
    return total


def count_heldout(dataset: Mapping[str, Any]) -> int:
    """Return how many images are held out; about so many where a share is asked for."""
    wanted: float = dataset["heldout"]
    if wanted >= 1:
        return int(wanted)
    total, other = _parts(dataset) or (GUESSED_IMAGES, 0)
    return max(FEWEST_HELD_OUT, round(wanted * (other or total)))


def _parts(dataset: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return how many images may be trained on, and how many others held out; None if not known."""
    own = OWN[dataset["name"]]
    total = _pictures_in(dataset["path"]) if dataset["name"] == "folder" else own.images
    if total is None:
        return None
    return {"train": (total, own.test), "test": (own.test, total), "all": (total + own.test, 0)}[
        dataset["part"]
    ]


@cache  # every rule asks, and listing a large folder takes seconds
def _pictures_in(folder: str | None) -> int | None:
    """Return how many pictures lie in a folder; None if it is not there."""
    with suppress(InputError):
        return len(list_folder(Path(folder)).pictures) if folder else None
    return None


def count_units(config: Mapping[str, Any], images: int) -> int | None:
    """Return how many units there are among so many images; None where only the data says it."""
    by, dataset = config["units"]["by"], config["dataset"]
    if by == "label":
        found = dataset["labels"] or OWN[dataset["name"]].labels
        return None if found is None else min(found, images)
    if by != "image":
        return None
    together = sum(each["images"] - 1 for each in dataset["plant"] if each["together"])
    return max(1, images - together - len(config["units"]["exclude"]))


def frozen_config(model: Mapping[str, Any], part: str, folder: Path) -> dict[str, Any] | None:
    """Return the configuration of a network that a run is given; None if none is at hand.

    Args:
        model: keys of `model`.
        part: base or autoencoder.
        folder: of the run, which may hold a copy already.
    """
    for place in (Path(model[part] or ""), folder / part) if model[part] else ():
        if (place / "config.json").is_file():
            found = read_json(place / "config.json")
            return found if isinstance(found, dict) else None
    return None


def seen_shape(config: Mapping[str, Any], shape: Shape, folder: Path) -> Shape:
    """Return (c, h, w) of what members see of an image (C, H, W); a guess without the autoencoder.

    Raises:
        InputError: the autoencoder is for other images.
    """
    if not config["model"]["autoencoder"]:
        return shape
    found = frozen_config(config["model"], "autoencoder", folder)
    if found:
        return latent_shape(found, shape)
    channels, scale = GUESSED_LATENT
    return channels, max(1, shape[1] // scale), max(1, shape[2] // scale)


def network_arguments(config: Mapping[str, Any], seen: Shape, *, scale: int = 1) -> dict[str, Any]:
    """Return the arguments of the network of members that are no adapters.

    Args:
        config: of `check_config`.
        seen: (c, h, w) of what members see.
        scale: pixels of a side of the image for each of what members see.

    Raises:
        InputError: model.widths, attention or norm_groups do not suit what members see.
    """
    model = config["model"]
    keys = ("widths", "layers_per_block", "attention", "dropout", "norm_groups")
    classes = OWN[config["dataset"]["name"]].labels or GUESSED_LABELS
    return unet_config(
        shape=seen,
        classes=classes if model["classes"] else None,
        scale=scale,
        **{key: model[key] for key in keys},
    )


def check_network(config: Mapping[str, Any], results: Path = Path("results")) -> None:
    """Check networks against the shape of the images, before anything is run.

    What is not at hand yet, a base or an autoencoder on the hub, is checked when it is used.

    Args:
        config: of `check_config`.
        results: folder of all runs.

    Raises:
        InputError: they do not suit each other.
    """
    from encoded_ensembles.members.adapter_training import check_base

    folder, model = results / config["run"], config["model"]
    shape = image_shape(config["dataset"])
    seen = seen_shape(config, shape, folder)
    if model["autoencoder"] and not frozen_config(model, "autoencoder", folder):
        return
    scale = shape[1] // seen[1]
    if not model["base"]:
        network_arguments(config, seen, scale=scale)
    elif base := frozen_config(model, "base", folder):
        network = SimpleNamespace(config=SimpleNamespace(**(UNSAID | base)))
        labels = base.get("num_class_embeds")  # how many there are is known with the data
        check_base(network, shape=seen, classes=labels, scale=scale)


def size_of(config: Mapping[str, Any], folder: Path) -> tuple[Size, NetworkSize]:
    """Return how large a run is, as far as is known or else guessed, and one network.

    Args:
        config: of `check_config`, and checked by `check_network`.
        folder: of the run.
    """
    dataset, model = config["dataset"], config["model"]
    images = count_images(dataset)
    if dataset["images"] is None:
        images = _made(folder / "data" / "dataset.json", "images", "training") or images
    images = images or GUESSED_IMAGES
    units = count_units(config, images)
    if config["units"]["by"] != "image":
        units = _made(folder / "code" / "properties.json", "units") or units
    shape = image_shape(dataset)
    seen = seen_shape(config, shape, folder)
    frozen = {part: _weights(model[part], folder / part) for part in KINDS if model[part]}
    network = _network(config, seen, folder)
    trained = network.weights // ADAPTED if model["base"] else network.weights
    return Size(images, units or images, shape, seen, trained, frozen), network


def _network(config: Mapping[str, Any], seen: Shape, folder: Path) -> NetworkSize:
    """Return the size of a member's network, a guess where it is of a base that is not at hand."""
    if not config["model"]["base"]:
        factor = 2 ** (len(config["model"]["widths"]) - 1)  # of latents that are guessed
        sides = (-(-side // factor) * factor for side in seen[1:])
        return network_size(network_arguments(config, (seen[0], *sides)))
    base = frozen_config(config["model"], "base", folder)
    if base and "block_out_channels" in base:
        return network_size(UNSAID | base | {"sample_size": seen[1:]})
    return NetworkSize(GUESSED_FROZEN, *(count * seen[1] * seen[2] for count in GUESSED_HELD))


def _made(file: Path, *keys: str) -> int | None:
    """Return a number that a file of the run says; None if it does not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(file.read_text(encoding="utf-8"))
        for key in keys:
            found = found[key]
        return int(found)
    return None


def _weights(named: str, copy: Path) -> int:
    """Return the numbers in a network that the run is given, by the size of its file."""
    for place in (Path(named), copy):
        for file in place.glob("*.safetensors"):
            return file.stat().st_size // FLOAT
    return GUESSED_FROZEN
