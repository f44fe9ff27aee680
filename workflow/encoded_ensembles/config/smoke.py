"""The smallest run of a configuration, to check that everything works."""

from typing import Any


def smallest(config: dict[str, Any]) -> dict[str, Any]:
    """Return a checked configuration at its smallest: eight images, two steps, the same network.

    Its results show only that everything runs; they are written to a separate run. It is checked as it
    is when it is used again, so `smoke` is false in it.
    """
    dataset = config["dataset"] | {"heldout": 8, "spare": 8, "plant": []}
    if config["units"]["by"] == "label" and dataset["name"] != "folder":
        dataset |= {"images": None, "labels": 4, "per_label": 2}
    else:
        dataset |= {"images": 8, "labels": None, "per_label": None}
    units: dict[str, Any] = {"exclude": []}
    if config["units"]["by"] == "word":  # eight images may hold none of the words
        units |= {"by": "image", "words": []}
    frechet = config["frechet"] | {"samples": 8, "repeats": 1, "kept": [1, 2, 5], "blocks": 1}
    if frechet["extractor"] in ("auto", "classifier"):  # eight images have too few labels
        frechet["extractor"] = "pixels"
    # Balanced, so that a member sees at least two units, and a control still trains on one.
    code = {"family": "balanced", "members": 5, "weight": 3, "distance": 2, "null_words": 2}
    retrain, heldout = config["retrain"], config["heldout"]
    return config | {
        "smoke": False,
        "run": f"{config['run']}-smoke",
        "dataset": dataset,
        "units": config["units"] | units,
        "code": config["code"] | code,
        # Members that were trained elsewhere are of other splits: the smoke run trains its own.
        "members": {"given": None, "whole": False},
        "training": config["training"] | {"epochs": 2, "steps_per_epoch": 1},
        "sampling": config["sampling"] | {"samples": 2, "steps": 2},
        "contrast": config["contrast"] | {"levels": 999},  # two steps may have no low level
        "landscape": config["landscape"] | {"blocks": 1, "sets": {}, "mode": "exact"},
        "retrain": retrain | {"units": min(1, retrain["units"]), "named": [], "fresh": 0},
        "heldout": heldout | {"models": min(2, heldout["models"]), "repeats": 1},
        "grade": config["grade"] | {"scores": {}, "bootstrap": 10},
        "rivals": config["rivals"]
        | {"levels": 2, "projection": 8, "journey": min(1, config["rivals"]["journey"])},
        "frechet": frechet,
        "figures": {"samples": [0, 1], "top": 2},
    }
