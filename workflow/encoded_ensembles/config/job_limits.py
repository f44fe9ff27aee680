"""Limits on the number of jobs of a configuration."""

from typing import Any

from encoded_ensembles.storage.files import InputError

# Of one rule: at every start, Snakemake needs ten seconds to plan a thousand jobs (measured).
MOST_JOBS = 10_000


def check_jobs(config: dict[str, Any]) -> None:
    """Check that no rule has more jobs than items of work, or than Snakemake can plan.

    Raises:
        InputError: a rule has more.
    """
    code, frechet, landscape = config["code"], config["frechet"], config["landscape"]
    masks = 1 + sum(1 if k == code["members"] else frechet["repeats"] for k in frechet["kept"])
    shares = [("frechet.blocks", frechet["blocks"], masks, "keep masks")]
    if landscape["mode"] == "screened":
        samples = config["sampling"]["samples"]
        shares.append(("landscape.blocks", landscape["blocks"], samples, "samples"))
    elif units := most_units(config):
        shares.append(("landscape.blocks", landscape["blocks"], units, "units"))
    for key, blocks, most, what in shares:
        if blocks > most:
            raise InputError(
                f"config key {key} is {blocks}, expected at most {most}, the number of {what} to "
                "divide into blocks."
            )
    retrain, heldout = config["retrain"], config["heldout"]
    controls = retrain["units"] + len(retrain["named"]) + retrain["fresh"]
    for key, jobs in {
        "retrain.units": controls * code["weight"],
        "heldout.models": heldout["models"] * heldout["repeats"],
    }.items():
        if jobs > MOST_JOBS:
            raise InputError(
                f"config key {key} requests {jobs} trainings, expected at most {MOST_JOBS}, the limit "
                "for jobs of one rule; lower it."
            )


def most_units(config: dict[str, Any]) -> int | None:
    """Return an upper bound on the number of units; None if it depends on the data."""
    dataset, units = config["dataset"], config["units"]
    if units["by"] == "label" and dataset["labels"] is not None:
        return int(dataset["labels"]) + len(dataset["plant"])
    return dataset["images"]
