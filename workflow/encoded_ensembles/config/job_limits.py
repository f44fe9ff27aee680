"""How many jobs a configuration may ask for: no more than there is work, or than can be planned."""

from typing import Any

from encoded_ensembles.storage.files import InputError

MOST_JOBS = (
    10_000  # of a rule: Snakemake plans a thousand in ten seconds (measured), on every start
)


def check_jobs(config: dict[str, Any]) -> None:
    """Check that no rule has more jobs than there is work, or than Snakemake can plan.

    Raises:
        InputError: one has.
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
                f"config key {key} is {blocks}, expected at most {most}, the number of {what} that "
                "blocks share."
            )
    retrain, heldout = config["retrain"], config["heldout"]
    controls = retrain["units"] + len(retrain["named"]) + retrain["fresh"]
    for key, jobs in {
        "retrain.units": controls * code["weight"],
        "heldout.models": heldout["models"] * heldout["repeats"],
    }.items():
        if jobs > MOST_JOBS:
            raise InputError(
                f"config key {key} asks for {jobs} trainings, expected at most {MOST_JOBS}, as many "
                "jobs of a rule as can be planned; lower it."
            )


def most_units(config: dict[str, Any]) -> int | None:
    """Return how many units there are at most; None where only the data says it."""
    dataset, units = config["dataset"], config["units"]
    if units["by"] == "label" and dataset["labels"] is not None:
        return int(dataset["labels"]) + len(dataset["plant"])
    return dataset["images"]
