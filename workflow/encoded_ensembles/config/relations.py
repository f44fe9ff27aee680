"""Relations between keys that a schema cannot state, and defaults that follow from them."""

import json
from pathlib import Path
from typing import Any

from encoded_ensembles.codes.families import (
    Family,
    check_capacity,
    check_null_words,
    default_weight,
)
from encoded_ensembles.codes.masks import kept_sizes
from encoded_ensembles.config.job_limits import check_jobs
from encoded_ensembles.data.captions import CAPTIONED
from encoded_ensembles.data.own_scores import check_name
from encoded_ensembles.data.selection import check_heldout
from encoded_ensembles.members.names import LEVELS, SAMPLERS, UNCLIPPED
from encoded_ensembles.storage.files import InputError

SHOWN = 4  # samples in figures, if figures.samples is not set
CARRIED = (
    100_000  # bytes of unit names and prompts on a command line; the system's limit is 131,072
)
RECORDED = 120_000  # bytes of the configuration on the command line of record_run
OPTIONS = {  # the longest that a list is passed by
    "units.exclude": "--excluded",
    "units.words": "--word",
    "retrain.named": "--named",
    "landscape.sets": "--unit-set",
    "sampling.prompts": "--prompt",
}
FEWEST_NULL_WORDS = 20  # screening estimates its errors from them


def check_together(config: dict[str, Any]) -> None:
    """Check keys against each other; fill in code.weight, frechet.kept, figures.samples.

    Raises:
        InputError: two keys contradict each other.
    """
    code, dataset = config["code"], config["dataset"]
    check_code(code)
    check_prompts(config)
    check_taken(config)
    check_levels(config)
    check_units(config["units"])
    check_rivals(config["rivals"])
    check_lengths(config)
    check_retrain(config)
    check_plants(dataset)
    check_pictures(dataset)
    check_captions(dataset, config["units"])
    check_heldout(dataset)
    if config["model"]["classes"] and dataset["labels"] is not None:
        raise InputError(
            "config key model.classes is true and dataset.labels is set, expected one of the two: "
            "samples cycle through all labels, also those without training images."
        )
    listed = code["distance"] > 2  # checked in encode-units: the code takes seconds to construct
    if dataset["images"] is not None and config["units"]["by"] == "image" and not listed:
        check_capacity(
            Family(code["family"], code["members"], code["weight"]),
            units=dataset["images"]
            - sum(plant["images"] - 1 for plant in dataset["plant"] if plant["together"])
            - len(config["units"]["exclude"]),
            null_words=code["null_words"],
        )
    if config["landscape"]["mode"] == "screened" and code["null_words"] < FEWEST_NULL_WORDS:
        raise InputError(
            f"config key code.null_words is {code['null_words']}, expected at least "
            f"{FEWEST_NULL_WORDS} with landscape.mode screened, which estimates its errors from them."
        )
    kept = config["frechet"]["kept"]
    if kept and max(kept) > code["members"]:
        raise InputError(
            f"config key frechet.kept holds {max(kept)}, expected at most code.members "
            f"({code['members']})."
        )
    config["frechet"]["kept"] = kept_sizes(
        members=code["members"], weight=code["weight"], wanted=kept
    )
    for name in config["grade"]["scores"]:
        check_name(name)
    check_jobs(config)
    samples = config["sampling"]["samples"]
    if config["figures"]["samples"] is None:
        config["figures"]["samples"] = list(range(min(SHOWN, samples)))
    if max(config["figures"]["samples"]) >= samples:
        raise InputError(
            f"config key figures.samples holds {max(config['figures']['samples'])}, expected 0 to "
            f"{samples - 1} (sampling.samples is {samples})."
        )


def check_lengths(config: dict[str, Any]) -> None:
    """Check that the names of units, the prompts, and the whole configuration fit on a command line.

    Raises:
        InputError: they are too long together.
    """
    sets = config["landscape"]["sets"]
    lists = {
        "units.exclude": config["units"]["exclude"],
        "units.words": config["units"]["words"],
        "retrain.named": config["retrain"]["named"],
        "landscape.sets": [f"{name}={unit}" for name, units in sets.items() for unit in units],
        "sampling.prompts": config["sampling"]["prompts"],
    }
    sizes = {
        key: sum(quoted(text) + len(f"{OPTIONS[key]} '' ") for text in texts)
        for key, texts in lists.items()
    }
    key = max(sizes, key=lambda name: sizes[name])
    if sum(sizes.values()) > CARRIED:
        what, remedy = {
            "sampling.prompts": ("prompts, which", "use fewer or shorter ones, or several runs"),
            "units.words": ("words, which", "use fewer"),
            "landscape.sets": (
                "units, which with the names of their sets",
                "use fewer, shorter names of sets, or larger units (units.by)",
            ),
        }.get(
            key,
            (
                "units, whose names",
                "remove the images from the data, or define larger units (units.by)",
            ),
        )
        raise InputError(
            f"config key {key} lists {len(lists[key])} {what} take {sizes[key]} bytes, expected at most {CARRIED} in "
            f"all lists of units, words and prompts, the limit of a command line; {remedy}."
        )
    whole = quoted(json.dumps(config, ensure_ascii=False))
    if whole > RECORDED:
        raise InputError(
            f"the configuration takes {whole} bytes on the command line of rule record_run, expected at most "
            f"{RECORDED}, of which the longest list, {key}, takes {sizes[key]}; shorten the lists in it."
        )


def quoted(text: str) -> int:
    """Return the bytes of a text in single quotes on a shell line, without the outer two."""
    return len(text.replace("'", "'\"'\"'").encode("utf-8", "replace"))


def check_pictures(dataset: dict[str, Any]) -> None:
    """Check that images of many sizes have a target size, and a folder has a path.

    Raises:
        InputError: a key is not set.
    """
    needed = {"folder": ("path", "size")} | dict.fromkeys(
        ("openclipart", "openmoji", "celeba", "metfaces"), ("size",)
    )
    for key in needed.get(dataset["name"], ()):
        if dataset[key] is None:
            raise InputError(
                f"config key dataset.{key} is not set; dataset.name {dataset['name']} needs it."
            )


def check_captions(dataset: dict[str, Any], units: dict[str, Any]) -> None:
    """Check that what needs captions has them.

    Raises:
        InputError: two keys contradict each other.
    """
    if dataset["captions"] and dataset["name"] not in CAPTIONED:
        raise InputError(
            f"config key dataset.captions is true and dataset.name is {dataset['name']}, which has no "
            f"captions, expected one of {', '.join(CAPTIONED)}; set dataset.captions to false."
        )
    if dataset["default_caption"] and not dataset["captions"]:
        raise InputError(
            "config key dataset.default_caption is set and dataset.captions is false, expected true; "
            "otherwise no captions are read."
        )
    if (units["by"] == "word") != bool(units["words"]):
        raise InputError(
            f"config key units.by is {units['by']} and units.words lists {len(units['words'])} words, "
            "expected both units.by: word and some words, or neither."
        )
    if units["by"] == "word" and not dataset["captions"]:
        raise InputError(
            "config key units.by is word and dataset.captions is false, expected true: words are found "
            "in captions."
        )


def check_prompts(config: dict[str, Any]) -> None:
    """Check the keys of text-to-image runs against each other; read a file of prompts.

    Such a run takes its autoencoder from the pipeline: model.autoencoder is set to model.base.

    Raises:
        InputError: two keys contradict each other, or the file cannot be read or holds no prompt.
    """
    sampling, model, dataset = config["sampling"], config["model"], config["dataset"]
    if isinstance(sampling["prompts"], str):
        sampling["prompts"] = read_prompts(Path(sampling["prompts"]))
    if not sampling["prompts"]:
        if sampling["scheduler"] not in SAMPLERS:
            raise InputError(
                f"config key sampling.scheduler is {sampling['scheduler']}, expected one of {', '.join(SAMPLERS)} "
                "without sampling.prompts."
            )
        for key in ("guidance", "negative", "cut"):
            if sampling[key]:
                raise InputError(
                    f"config key sampling.{key} is {sampling[key]}, expected its default without sampling.prompts, "
                    "to which it belongs."
                )
        return
    if sampling["negative"] and (sampling["guidance"] or 0) <= 1:
        raise InputError(
            f"config key sampling.guidance is {sampling['guidance']}, expected a number above 1, since guidance leads "
            "away from sampling.negative."
        )
    if sampling["scheduler"] in UNCLIPPED:
        raise InputError(
            f"config key sampling.scheduler is {sampling['scheduler']}, expected another with sampling.prompts: "
            "latents are not clipped."
        )
    needed = {
        "model.base": (model["base"], "the folder or name of a text-to-image pipeline"),
        "dataset.captions": (dataset["captions"], "true, since members are trained on captions"),
    }
    for key, (value, expected) in needed.items():
        if not value:
            raise InputError(
                f"config key {key} is {value}, expected {expected}, because sampling.prompts is set."
            )
    refused = {
        "model.classes": model["classes"],
        "rivals.gradients": config["rivals"]["gradients"],
        "heldout.models": config["heldout"]["models"],
        "dataset.plant": dataset["plant"],
        "sampling.compile": sampling["compile"],
    }
    check_default(config, refused, "sampling.prompts, for which it is not supported")
    if model["autoencoder"] not in (None, model["base"]):
        raise InputError(
            f"config key model.autoencoder is {model['autoencoder']}, expected null with sampling.prompts: "
            "the pipeline in model.base has its own."
        )
    model["autoencoder"] = model["base"]


def check_levels(config: dict[str, Any]) -> None:
    """Check that sampling has a step at the noise levels that contrast looks at.

    The last step of DPM-Solver++ is at a T-th of all levels, those of DDPM and DDIM at 0. What the scheduler of a
    pipeline does is not known here: encode-prompts checks it, before training.

    Raises:
        InputError: it has none.
    """
    sampling, highest = config["sampling"], config["contrast"]["levels"]
    lowest = round((LEVELS - 1) / sampling["steps"])
    if sampling["scheduler"] == "dpmsolver++" and not sampling["prompts"] and lowest > highest:
        raise InputError(
            f"config key contrast.levels is {highest}, but {sampling['steps']} steps of dpmsolver++ "
            f"(sampling.steps) go down to noise level {lowest} only; raise one of the two."
        )


def check_taken(config: dict[str, Any]) -> None:
    """Check the keys of runs whose members were trained elsewhere.

    Raises:
        InputError: a key needs networks that the run would have to train.
    """
    members, prompted = config["members"], bool(config["sampling"]["prompts"])
    if not members["given"]:
        if members["whole"]:
            raise InputError(
                "config key members.whole is true and members.given is null, expected a folder of members."
            )
        return
    if members["whole"] and not prompted:
        raise InputError(
            "config key members.whole is true, expected false without sampling.prompts: such members are whole "
            "networks anyway."
        )
    refused = {
        "retrain.units": config["retrain"]["units"],
        "retrain.named": config["retrain"]["named"],
        "heldout.models": config["heldout"]["models"],
        "model.base": None if prompted else config["model"]["base"],
        "model.classes": config["model"]["classes"],
    }
    check_default(config, refused, "members.given, whose networks were trained elsewhere")


def check_default(config: dict[str, Any], refused: dict[str, Any], beside: str) -> None:
    """Check that keys have their default, and that each member is trained in a job of its own.

    Args:
        config: all keys.
        refused: values by key, whose defaults are all false.
        beside: the key that they cannot stand beside, and why.

    Raises:
        InputError: one has another.
    """
    for key, value in refused.items():
        if value:
            raise InputError(f"config key {key} is {value}, expected its default with {beside}.")
    if config["training"]["members_per_job"] > 1:
        raise InputError(
            f"config key training.members_per_job is above 1, expected 1 with {beside}."
        )


def read_prompts(file: Path) -> list[str]:
    """Return the prompts of a text file, one on each line.

    Raises:
        InputError: it cannot be read, or holds none.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"config key sampling.prompts is {file}, expected a list of prompts, or a text file in UTF-8 with "
            f"a prompt on each line ({error})."
        ) from error
    prompts = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not prompts:
        raise InputError(f"config key sampling.prompts is {file}, which holds no prompt.")
    return prompts


def check_retrain(config: dict[str, Any]) -> None:
    """Check the keys of `retrain` against the others.

    Raises:
        InputError: two keys contradict each other.
    """
    retrain = config["retrain"]
    if retrain["fresh"] > retrain["units"]:
        raise InputError(
            f"config key retrain.fresh is {retrain['fresh']}, expected at most retrain.units "
            f"({retrain['units']})."
        )
    if retrain["fresh"] and retrain["seed"] == config["training"]["seed"]:
        raise InputError(
            f"config key retrain.seed is {retrain['seed']}, expected a number different from "
            "training.seed."
        )


def check_code(code: dict[str, Any]) -> None:
    """Check the keys of `code` against each other; fill in code.weight.

    Raises:
        InputError: two keys contradict each other.
    """
    family, members = code["family"], code["members"]
    fixed = {"partition": 1, "leave-one-out": members - 1}.get(family)
    if code["weight"] is None:
        code["weight"] = fixed or default_weight(members)
    if fixed and code["weight"] != fixed:
        raise InputError(
            f"config key code.weight is {code['weight']}, expected {fixed} or null with "
            f"code.family {family}."
        )
    if code["weight"] >= members:
        raise InputError(
            f"config key code.weight is {code['weight']}, expected 1 to {members - 1} "
            f"(code.members is {members})."
        )
    if code["distance"] > 2 and family != "min-distance":
        raise InputError(
            f"config key code.distance is {code['distance']}, expected 2 with code.family "
            f"{family}; larger distances need code.family: min-distance."
        )
    check_null_words(family, members=members, null_words=code["null_words"])


def check_plants(dataset: dict[str, Any]) -> None:
    """Check the entries of `dataset.plant` against each other and the number of images.

    Raises:
        InputError: two keys contradict each other.
    """
    plants, images = dataset["plant"], dataset["images"]
    names = [plant["name"] for plant in plants]
    # Two plants of duplicates show different images; two of any other kind show the same.
    kinds = [plant["kind"] for plant in plants if plant["kind"] != "duplicates"]
    for key, values in {"name": names, "kind": kinds}.items():
        for value in values:
            if values.count(value) > 1:
                raise InputError(
                    f"config key dataset.plant holds {values.count(value)} plants of {key} {value}, "
                    "expected one, so that samples can be told apart."
                )
    total = sum(plant["images"] for plant in plants)
    if images is not None and total and total >= images:
        raise InputError(
            f"config key dataset.plant plants {total} images, expected fewer than dataset.images "
            f"({images})."
        )


def check_rivals(rivals: dict[str, Any]) -> None:
    """Check the keys of `rivals` against each other.

    Raises:
        InputError: two keys contradict each other.
    """
    if rivals["journey"] and not rivals["gradients"]:
        raise InputError(
            f"config key rivals.journey is {rivals['journey']} and rivals.gradients is false, expected "
            "rivals.gradients: true, or rivals.journey: 0."
        )


def check_units(units: dict[str, Any]) -> None:
    """Check the keys of `units` against each other.

    Raises:
        InputError: two keys contradict each other.
    """
    if (units["by"] == "table") != (units["table"] is not None):
        raise InputError(
            f"config key units.by is {units['by']} and units.table is {units['table']}, expected "
            "both units.by: table and a file, or neither."
        )
    if units["metric"] == "pixels" and units["threshold"] > 1:
        raise InputError(
            f"config key units.threshold is {units['threshold']}, expected 0 to 1 with "
            "units.metric pixels."
        )
