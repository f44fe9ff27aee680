"""encens plan: what a run takes, before it is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from typer import Option

from encoded_ensembles.commands.options.features import Device

if TYPE_CHECKING:
    from encoded_ensembles.runs.plan import Work
    from encoded_ensembles.runs.rates import Rates


def plan(
    configfile: Annotated[
        list[Path], Option(help="configuration, laid over config.yaml; may be repeated")
    ] = [],  # noqa: B006  # typer's way
    images: Annotated[
        int | None,
        Option(help="training images, where the data set and the configuration do not say"),
    ] = None,
    units: Annotated[
        int | None, Option(help="units, where the data set and the configuration do not say")
    ] = None,
    cores: Annotated[int, Option(help="jobs at a time")] = 1,
    output: Annotated[Path | None, Option(help="also write the figures here, .json")] = None,
    device: Device = "auto",
) -> None:
    """Say what a run takes: jobs, member evaluations, operations, bytes, memory, and time on this machine.

    Run it where you run Snakemake, which says how many jobs there are. Rates are measured for half a
    minute. What is not sampling or training counts as the start of its jobs. The peak is the memory of
    one job of a rule, beside a GPU's own; jobs ask for half as much again.
    """
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.runs import plan as planned
    from encoded_ensembles.runs.peaks import peaks as find_peaks
    from encoded_ensembles.runs.rates import measure
    from encoded_ensembles.runs.size import Size, check_network, image_shape, size_of
    from encoded_ensembles.storage.files import write_json

    config = _read(configfile)
    check_network(config)
    number, units = _counts(config, images, units)
    shape = image_shape(config["dataset"])
    rates, networks = measure(
        model=config["model"], training=config["training"], shape=shape, device=device
    )
    size = Size(number, units, shape, **networks.__dict__)
    network = size_of(config, Path("results", config["run"]))[1]
    gpu = choose_device(device).type != "cpu"
    peaks = find_peaks(config, size, network, gpu=gpu)
    rows = _rows(planned.plan(config, size), _count_jobs(configfile), rates, peaks)
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "rule"}
    total["peak_mb"] = max(row["peak_mb"] for row in rows)
    _print([*rows, {"rule": "all"} | total], cores)
    if output:
        write_json(output, {"rules": rows, "total": total, "rates": rates.__dict__})


def _read(files: list[Path]) -> dict[str, Any]:
    """Return the checked configuration of config.yaml with `files` laid over it.

    Raises:
        InputError: a file is not there or is not a configuration.
    """
    import yaml

    from encoded_ensembles.config.check import check_config
    from encoded_ensembles.config.starter import read_schema
    from encoded_ensembles.storage.files import InputError

    def overlay(base: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
        both = {
            key: overlay(base[key], value)
            for key, value in upper.items()
            if isinstance(value, dict) and isinstance(base.get(key), dict)
        }
        return base | upper | both

    config: dict[str, Any] = {}
    for file in [Path("config.yaml"), *files]:
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except FileNotFoundError as error:
            raise InputError(
                f"{file} is not there, expected a configuration in the folder of the workflow; encens init "
                "makes one to run in."
            ) from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            why = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise InputError(
                f"{file} cannot be read as a configuration, expected YAML: {why}."
            ) from error
        if not isinstance(found, dict):
            raise InputError(f"{file} holds {type(found).__name__}, expected keys and values.")
        config = overlay(config, found)
    return check_config(config, read_schema())


def _ask(what: str, option: str) -> NoReturn:
    """Stop, because the configuration leaves open what a plan needs.

    Raises:
        InputError: always.
    """
    from encoded_ensembles.storage.files import InputError

    raise InputError(f"{what} before the data is fetched; give it by {option}.")


def _counts(config: Mapping[str, Any], images: int | None, units: int | None) -> tuple[int, int]:
    """Return how many training images and units there are, by options or the configuration.

    Raises:
        InputError: neither says it.
    """
    from encoded_ensembles.runs.size import count_images, count_units

    images = images or count_images(config["dataset"])
    if images is None:
        _ask("dataset.images is null, so the number of images is not known", "--images")
    units = units or count_units(config, images)
    if units is None:
        _ask(f"units.by is {config['units']['by']}, so the number of units is not known", "--units")
    return images, units


def _count_jobs(files: list[Path]) -> dict[str, int]:
    """Return how many jobs of each rule Snakemake would run, from nothing.

    Raises:
        InputError: Snakemake does not run here.
    """
    import re
    import subprocess
    import sys

    from encoded_ensembles.storage.files import InputError

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
    work: "Mapping[str, Work]", jobs: Mapping[str, int], rates: "Rates", peaks: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return one row of figures for each rule that has jobs, in Snakemake's order of names."""
    from encoded_ensembles.runs.peaks import peak_mb
    from encoded_ensembles.runs.plan import Work, start

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
                "peak_mb": round(peak_mb(rule, peaks)),
                "seconds": count * start(rule, rates) + each.seconds(rates),
            }
        )
    return rows


def _print(rows: list[dict[str, Any]], cores: int) -> None:
    """Print the figures as a table, and how long the run takes on some cores."""
    print(
        f"{'rule':20} {'jobs':>7} {'evaluations':>14} {'TFLOP':>12} {'MB':>11} {'peak MB':>8} "
        f"{'seconds':>12}"
    )
    for row in rows:
        print(
            f"{row['rule']:20} {row['jobs']:7,} {row['evaluations']:14,} {row['flops'] / 1e12:12,.3f} "
            f"{row['bytes'] / 1e6:11,.1f} {row['peak_mb']:8,} {row['seconds']:12,.0f}"
        )
    hours = rows[-1]["seconds"] / 3600
    print(f"{hours:.2f} hours of one core of this machine; {hours / cores:.2f} hours on {cores}.")
