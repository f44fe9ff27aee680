"""The size of a run, before its data is fetched: shapes, images, units and weights.

Values that neither the configuration nor the catalogue of data sets determines are read from existing
files of the run, or else guessed, rather too large than too small.
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
from encoded_ensembles.members.part_files import INDEX
from encoded_ensembles.members.pipeline_kinds import token_side
from encoded_ensembles.members.published import published
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.frozen_size import FLOAT, GUESSED_FROZEN, count_frozen, frozen_config
from encoded_ensembles.storage.files import InputError

GUESSED_IMAGES = 10_000  # for a folder that does not exist
GUESSED_LABELS = 10
# For networks that are neither in a folder nor in the run yet.
GUESSED_LATENT = (4, 8)  # channels, and pixels of a side: those of Stable Diffusion's autoencoder
GUESSED_HELD = (20_000, 5_000)  # numbers per input pixel, as in `NetworkSize`
ADAPTED = 10  # assumed: an adapter has at most a tenth of the base's weights
ADAPTED_BY_RANK = (
    1500  # one of attention layers less than rank/1500: 1/1769 in SDXL, 1/10,000 in FLUX
)
# Defaults of diffusers for keys that a configuration of UNet2DModel lacks.
UNSAID = {"layers_per_block": 2, "num_class_embeds": None, "add_attention": True, "sample_size": 0}


@dataclass(frozen=True)
class Size:
    """Sizes of a run's data and networks.

    Attributes:
        images: N.
        units: U.
        shape: (C, H, W) of an image.
        seen: (C, H, W) of an image as members see it.
        weights: number of trained weights of one network.
        frozen: numbers of weights of frozen networks, by their keys in `model`.
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
    """Return (C, H, W) of the images, from the keys of `dataset`.

    Raises:
        InputError: the data set needs dataset.size, which is not set.
    """
    source = OWN[dataset["name"]]
    side = dataset["size"] or source.side
    if side is None:
        raise InputError(
            f"config key dataset.size is not set; dataset.name {dataset['name']} needs it."
        )
    side += 2 * dataset["border"]
    return dataset["channels"] or source.channels, side, side


def count_images(dataset: Mapping[str, Any]) -> int | None:
    """Return the approximate number of training images; None if only the data determines it."""
    source, labels, limit = OWN[dataset["name"]], dataset["labels"], dataset["per_label"]
    if dataset["images"] is not None:
        return int(dataset["images"])
    parts = _parts(dataset)
    if parts is None:
        return None
    total, other = parts
    if not other:
        total = max(1, total - count_heldout(dataset))
    if source.labels and labels:
        total = math.ceil(total * min(1, labels / source.labels))
    if limit is not None and (labels or source.labels):
        total = min(total, limit * (labels or source.labels))
    return total


def count_heldout(dataset: Mapping[str, Any]) -> int:
    """Return the number of held-out images; approximate if configured as a share."""
    wanted: float = dataset["heldout"]
    if wanted >= 1:
        return int(wanted)
    total, other = _parts(dataset) or (GUESSED_IMAGES, 0)
    return max(FEWEST_HELD_OUT, round(wanted * (other or total)))


def count_queries(config: Mapping[str, Any], units: int) -> int:
    """Return the number of given pictures, those of a folder included, of which a missing one holds none."""
    queries = config["queries"]
    given = _pictures_in(queries["folder"]) or 0
    return int(min(queries["training"], units) + queries["heldout"] + given)


def _parts(dataset: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the numbers of candidates for training and for holding out; None if unknown."""
    source = OWN[dataset["name"]]
    total = _pictures_in(dataset["path"]) if dataset["name"] == "folder" else source.images
    if total is None:
        return None
    return {
        "train": (total, source.test),
        "test": (source.test, total),
        "all": (total + source.test, 0),
    }[dataset["part"]]


@cache  # every rule calls it, and listing a large folder takes seconds
def _pictures_in(folder: str | None) -> int | None:
    """Return the number of pictures in a folder; None if it does not exist."""
    with suppress(InputError):
        return len(list_folder(Path(folder)).pictures) if folder else None
    return None


def count_units(config: Mapping[str, Any], images: int) -> int | None:
    """Return the number of units of `images` images; None if only the data determines it."""
    by, dataset = config["units"]["by"], config["dataset"]
    if by == "label":
        labels = dataset["labels"] or OWN[dataset["name"]].labels
        return None if labels is None else min(labels, images)
    if by != "image":
        return None
    together = sum(plant["images"] - 1 for plant in dataset["plant"] if plant["together"])
    return max(1, images - together - len(config["units"]["exclude"]))


def seen_shape(config: Mapping[str, Any], shape: Shape, folder: Path) -> Shape:
    """Return (c, h, w) that members see of an image (C, H, W); a guess without the autoencoder.

    Raises:
        InputError: the autoencoder does not fit the images.
    """
    if not config["model"]["autoencoder"]:
        return shape
    autoencoder = frozen_config(config["model"], "autoencoder", folder)
    if autoencoder:
        base = frozen_config(config["model"], "base", folder) if layout.prompted(config) else None
        return latent_shape(autoencoder, shape, patch=token_side(base or {}))
    channels, scale = GUESSED_LATENT
    return channels, max(1, shape[1] // scale), max(1, shape[2] // scale)


def network_arguments(config: Mapping[str, Any], seen: Shape, *, scale: int = 1) -> dict[str, Any]:
    """Return the arguments of a member's network, if members are not adapters.

    Args:
        config: configuration from `check_config`.
        seen: (c, h, w) that members see.
        scale: ratio of the image's side to the side that members see.

    Raises:
        InputError: model.widths, attention or norm_groups do not fit the shape that members see.
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
    """Check networks against the shape of the images, before any job runs.

    A base or an autoencoder that is still on the hub is checked when it is used.

    Args:
        config: configuration from `check_config`.
        results: folder of all runs.

    Raises:
        InputError: they do not fit each other.
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
    elif layout.prompted(config):
        return  # checked where the pipeline is read
    elif (Path(model["base"]) / INDEX).is_file() or published(model["base"]):
        raise InputError(
            f"config key model.base is {model['base']}, a text-to-image pipeline, but sampling.prompts is not "
            "set, expected prompts for its samples; set sampling.prompts and dataset.captions, or name a UNet2DModel."
        )
    elif base := frozen_config(model, "base", folder):
        network = SimpleNamespace(config=SimpleNamespace(**(UNSAID | base)))
        labels = base.get("num_class_embeds")  # the data determines their number, later
        check_base(network, shape=seen, classes=labels, scale=scale)


def size_of(config: Mapping[str, Any], folder: Path) -> tuple[Size, NetworkSize]:
    """Return the sizes of a run and of one network, guessed if unknown.

    Args:
        config: configuration from `check_config`, checked by `check_network`.
        folder: folder of the run.
    """
    dataset, model = config["dataset"], config["model"]
    images = count_images(dataset)
    if dataset["images"] is None:
        images = _made(folder / layout.DATASET, "images", "training") or images
    images = images or GUESSED_IMAGES
    units = count_units(config, images)
    if config["units"]["by"] != "image":
        units = _made(folder / layout.PROPERTIES, "units") or units
    shape = image_shape(dataset)
    seen = seen_shape(config, shape, folder)
    frozen = {part: count_frozen(config, part, folder) for part in KINDS if model[part]}
    network = _network(config, seen, folder)
    trained = network.weights // ADAPTED if model["base"] else network.weights
    if layout.prompted(config):
        network = network._replace(weights=frozen["base"])
        adapter = frozen["base"] * model["lora"]["rank"] // ADAPTED_BY_RANK
        trained = frozen["base"] if layout.whole(config) else adapter
    return Size(images, units or images, shape, seen, trained, frozen), network


def _network(config: Mapping[str, Any], seen: Shape, folder: Path) -> NetworkSize:
    """Return the size of a member's network; a guess if its base is not on this machine."""
    if not config["model"]["base"]:
        factor = 2 ** (len(config["model"]["widths"]) - 1)  # guessed latents may not be divisible
        sides = (-(-side // factor) * factor for side in seen[1:])
        return network_size(network_arguments(config, (seen[0], *sides)))
    base = frozen_config(config["model"], "base", folder)
    if base and "block_out_channels" in base and not layout.prompted(config):
        return network_size(UNSAID | base | {"sample_size": seen[1:]})
    return NetworkSize(GUESSED_FROZEN, *(count * seen[1] * seen[2] for count in GUESSED_HELD))


def _made(file: Path, *keys: str) -> int | None:
    """Return a number from a file of the run; None if the file lacks it."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        value = json.loads(file.read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
        return int(value)
    return None
