"""encens plan: what a run takes, before it is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from typer import Option

if TYPE_CHECKING:
    from encoded_ensembles.plan import Work
    from encoded_ensembles.rates import Rates

OWN_SIZE = {"digits": 8, "mnist5k": 28, "fashion-mnist": 28}  # where dataset.size is null


def plan(
    configfile: Annotated[
        list[Path], Option(help="configuration, laid over config.yaml; may be repeated")
    ] = [],  # noqa: B006  # typer's way
    images: Annotated[
        int | None, Option(help="training images, where dataset.images does not say")
    ] = None,
    units: Annotated[int | None, Option(help="units, where they are not the images")] = None,
    size: Annotated[int | None, Option(help="pixels of a side, where dataset.size is null")] = None,
    channels: Annotated[int | None, Option(help="where dataset.channels is null")] = None,
    cores: Annotated[int, Option(help="jobs at a time")] = 1,
    output: Annotated[Path | None, Option(help="also write the figures here, .json")] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Say what a run takes: jobs, member evaluations, operations, bytes, and time on this machine.

    Run it where you run Snakemake, which says how many jobs there are. Rates are measured for half a
    minute. What is not sampling or training counts as the start of its jobs.
    """
    from encoded_ensembles import plan as planned
    from encoded_ensembles.files import write_json
    from encoded_ensembles.rates import measure

    config = _read(configfile)
    shape = _shape(config, size, channels)
    number = images or config["dataset"]["images"]
    if number is None:
        _ask("dataset.images is null, so the number of images is not known", "--images")
    if units is None and config["units"]["by"] != "image":
        _ask(f"units.by is {config['units']['by']}, so the number of units is not known", "--units")
    rates, networks = measure(
        model=config["model"], training=config["training"], shape=shape, device=device
    )
    work = planned.plan(config, planned.Size(number, units or number, shape, **networks.__dict__))
    rows = _rows(work, _count_jobs(configfile), rates)
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "rule"}
    _print([*rows, {"rule": "all"} | total], cores)
    if output:
        write_json(output, {"rules": rows, "total": total, "rates": rates.__dict__})


def _read(files: list[Path]) -> dict[str, Any]:
    """Return the checked configuration of config.yaml with `files` laid over it.

    Raises:
        InputError: a file is not there or is not a configuration.
    """
    import yaml

    from encoded_ensembles.config import check_config
    from encoded_ensembles.files import InputError
    from encoded_ensembles.sources import PACKAGE

    def overlay(base: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
        both = {
            key: overlay(base[key], value)
            for key, value in upper.items()
            if isinstance(value, dict) and isinstance(base.get(key), dict)
        }
        return base | upper | both

    config: dict[str, Any] = {}
    for file in [Path("config.yaml"), *files]:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if not isinstance(found, dict):
            raise InputError(f"{file} holds {type(found).__name__}, expected keys and values.")
        config = overlay(config, found)
    schema = PACKAGE.parent / "schemas" / "config.schema.yaml"
    return check_config(config, yaml.safe_load(schema.read_text(encoding="utf-8")))


def _ask(what: str, option: str) -> NoReturn:
    """Stop, because the configuration leaves open what a plan needs.

    Raises:
        InputError: always.
    """
    from encoded_ensembles.files import InputError

    raise InputError(f"{what} before the data is fetched; give it by {option}.")


def _shape(
    config: Mapping[str, Any], size: int | None, channels: int | None
) -> tuple[int, int, int]:
    """Return (C, H, W) of the images, by options, configuration or the data set, in this order."""
    dataset = config["dataset"]
    side = size or dataset["size"] or OWN_SIZE.get(dataset["name"])
    if side is None:
        _ask("dataset.size is null, so the size of images is not known", "--size")
    depth = channels or dataset["channels"] or (3 if dataset["name"] == "folder" else 1)
    return depth, side, side


def _count_jobs(files: list[Path]) -> dict[str, int]:
    """Return how many jobs of each rule Snakemake would run, from nothing.

    Raises:
        InputError: Snakemake does not run here.
    """
    import re
    import subprocess
    import sys

    from encoded_ensembles.files import InputError

    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--cores", "1"]
    configured = ["--configfile", *map(str, files)] if files else []
    done = subprocess.run([*command, *configured], capture_output=True, text=True, check=False)
    if done.returncode or "Job stats:" not in done.stdout:
        last = (done.stderr.strip() or "it printed nothing").splitlines()[-1]
        raise InputError(f"snakemake --dry-run does not work here ({last}); plan where you run it.")
    table = done.stdout.split("Job stats:")[1].splitlines()[3:]
    counted: dict[str, int] = {}
    for line in table:
        name, _, count = line.rpartition(" ")
        if name.strip() == "total" or not count.isdigit():
            break
        # train_members_0, ... are jobs of train_member for several members each.
        rule = re.sub(r"^train_members_\d+$", "train_member", name.strip())
        counted[rule] = counted.get(rule, 0) + int(count)
    return counted


def _rows(
    work: "Mapping[str, Work]", jobs: Mapping[str, int], rates: "Rates"
) -> list[dict[str, Any]]:
    """Return one row of figures for each rule that has jobs, in Snakemake's order of names."""
    from encoded_ensembles.plan import Work, start

    rows = []
    for rule, count in sorted(jobs.items()):
        if rule == "all":
            continue
        each = work.get(rule, Work())
        rows.append(
            {
                "rule": rule,
                "jobs": count,
                "evaluations": round(each.rows),
                "flops": each.flops(rates),
                "bytes": round(each.bytes),
                "seconds": count * start(rule, rates) + each.seconds(rates),
            }
        )
    return rows


def _print(rows: list[dict[str, Any]], cores: int) -> None:
    """Print the figures as a table, and how long the run takes on some cores."""
    print(f"{'rule':20} {'jobs':>7} {'evaluations':>14} {'TFLOP':>12} {'MB':>11} {'seconds':>12}")
    for row in rows:
        print(
            f"{row['rule']:20} {row['jobs']:7,} {row['evaluations']:14,} {row['flops'] / 1e12:12,.3f} "
            f"{row['bytes'] / 1e6:11,.1f} {row['seconds']:12,.0f}"
        )
    hours = rows[-1]["seconds"] / 3600
    print(f"{hours:.2f} hours of one core of this machine; {hours / cores:.2f} hours on {cores}.")
