"""encens plan: the cost of a run, before it starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from typer import Option

from encoded_ensembles.commands.options.features import Device

if TYPE_CHECKING:
    from encoded_ensembles.runs.plan import Work
    from encoded_ensembles.runs.rates import Rates


NAMED = 0.9  # share of samples for which the advised number of members names a unit


def plan(
    configfile: Annotated[
        list[Path], Option(help="configuration, merged over config.yaml; repeatable")
    ] = [],  # noqa: B006  # Typer needs a list
    images: Annotated[
        int | None,
        Option(help="number of training images, if configuration and data set leave it open"),
    ] = None,
    units: Annotated[
        int | None, Option(help="number of units, if configuration and data set leave it open")
    ] = None,
    cores: Annotated[int, Option(help="number of jobs at a time")] = 1,
    output: Annotated[Path | None, Option(help="output, .json: the same numbers")] = None,
    device: Device = "auto",
) -> None:
    """Estimate a run's jobs, member evaluations, operations, bytes, memory, and time on this machine.

    Run it in the folder of the workflow: Snakemake counts the jobs. Rates are measured for half a
    minute; for text-to-image runs times are computed from operations. For rules that neither sample nor train, only the
    start of their jobs is counted. The peak is the main memory of one job of a rule, without a GPU's memory; jobs
    request 1.5 times as much.
    """
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.runs import plan as planned
    from encoded_ensembles.runs.layout import prompted
    from encoded_ensembles.runs.peaks import peaks as find_peaks
    from encoded_ensembles.runs.rates import measure
    from encoded_ensembles.runs.size import Size, check_network, image_shape, size_of
    from encoded_ensembles.runs.text_rates import text_rates
    from encoded_ensembles.storage.files import write_json

    config = _read(configfile)
    check_network(config)
    number, units = _counts(config, images, units)
    shape = image_shape(config["dataset"])
    text = text_rates(config, shape, number, device=device) if prompted(config) else None
    rates, networks = (
        (text.rates, text.networks)
        if text
        else measure(model=config["model"], training=config["training"], shape=shape, device=device)
    )
    size = Size(number, units, shape, **networks.__dict__)
    network = text.size if text else size_of(config, Path("results", config["run"]))[1]
    gpu = choose_device(device).type != "cpu"
    peaks = find_peaks(config, size, network, gpu=gpu)
    work = planned.plan(config, size, passes=text.passes if text else 1)
    rows = _rows(work, _count_jobs(configfile), rates, peaks)
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "rule"}
    total["peak_mb"] = max(row["peak_mb"] for row in rows)
    _print([*rows, {"rule": "all"} | total], cores)
    if text:
        print(text.on_gpu(total["flops"]))
    print(_naming(config, units))
    if output:
        write_json(output, {"rules": rows, "total": total, "rates": rates.__dict__})


def _naming(config: Mapping[str, Any], units: int) -> str:
    """Return a sentence: for how many samples a unit can be expected to be named."""
    from encoded_ensembles.codes.assignment import count_free
    from encoded_ensembles.codes.families import Family
    from encoded_ensembles.influence.power import expected_named, measured_effects, members_needed

    effects, level = measured_effects(), config["contrast"]["attributed"]
    code = config["code"]
    members, weight = code["members"], code["weight"]
    family = Family(code["family"], members, weight, code["distance"])
    words = count_free(units, family=family, limit=config["contrast"]["null_words"])
    share = expected_named(units, members, weight=weight, words=words, effects=effects, level=level)
    needed = members_needed(units, share=NAMED, effects=effects, level=level)
    advice = (
        f"{needed} members with half of them in a random word would name one for {NAMED:.0%}"
        if needed
        else f"more than 64 members would be needed for {NAMED:.0%}"
    )
    measured = int(effects["units"].max())
    beyond = (
        f"; a lower bound, nothing was measured beyond {measured} units" if units > measured else ""
    )
    return (
        f"With {members} members and {units:,} units, expect a unit to be named for about {share:.0%} of "
        f"samples; {advice} (effects as measured on digits of 8x8 pixels, docs/power.md{beyond})."
    )


def _read(files: list[Path]) -> dict[str, Any]:
    """Return the checked configuration of config.yaml with `files` merged over it.

    Raises:
        InputError: a file does not exist or is not a configuration.
    """
    import yaml
    from snakemake.utils import update_config

    from encoded_ensembles.config.check import check_config
    from encoded_ensembles.config.starter import read_schema
    from encoded_ensembles.storage.files import InputError

    config: dict[str, Any] = {}
    for file in [Path("config.yaml"), *files]:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except FileNotFoundError as error:
            raise InputError(
                f"{file} does not exist, expected a configuration in the folder of the workflow; encens "
                "init writes such a folder."
            ) from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            why = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise InputError(
                f"{file} cannot be read as a configuration, expected YAML: {why}."
            ) from error
        if not isinstance(content, dict):
            raise InputError(f"{file} holds {type(content).__name__}, expected keys and values.")
        update_config(config, content)
    return check_config(config, read_schema())


def _ask(what: str, option: str) -> NoReturn:
    """Raise an error for a number that the configuration leaves open.

    Raises:
        InputError: always.
    """
    from encoded_ensembles.storage.files import InputError

    raise InputError(f"{what} before the data is fetched; set it with {option}.")


def _counts(config: Mapping[str, Any], images: int | None, units: int | None) -> tuple[int, int]:
    """Return the numbers of training images and units, from options or the configuration.

    Raises:
        InputError: neither determines one of them.
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
    """Return the number of jobs of each rule in a complete run.

    Raises:
        InputError: snakemake --dry-run fails.
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
        raise InputError(
            f"snakemake --dry-run failed ({last}); run encens plan in the folder of the workflow."
        )
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
    """Return one row of numbers for each rule that has jobs, in the order of names."""
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
    """Print the numbers as a table, and the time of the run on the given number of cores."""
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
