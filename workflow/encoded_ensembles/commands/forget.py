"""encens forget: a run without some units, at once and after retraining."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.run import RunFolder, Units
from encoded_ensembles.commands.options.sampling import Batch

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from encoded_ensembles.runs.forgetting import Forgetting
    from encoded_ensembles.runs.remains import Remain
    from encoded_ensembles.runs.run import Run


def forget(
    run_folder: RunFolder,
    units: Units,
    output: Annotated[Path | None, Option(help="output folder; RUN/forget/NAME if absent")] = None,
    delete_remains: Annotated[
        bool,
        Option(
            "--delete-remains",
            help="delete what a run under the new configuration leaves: exports, certificates, checkpoints, outdated files, logs",
        ),
    ] = False,
    batch: Batch = None,
    device: Device = "auto",
) -> None:
    """Answer a deletion request: sample without some units, and prepare the retraining.

    Writes config.yaml (with it Snakemake trains again only the members that saw the units),
    answer.json (the units, their images' digests, the members that stay, the same pixels in other units,
    what remains in the run's folder), samples.safetensors and samples.png (factual samples, and those
    without the units), and frechet.csv.
    """
    from encoded_ensembles.features.frechet import caution, in_words
    from encoded_ensembles.runs.forgetting import plan
    from encoded_ensembles.runs.remains import delete
    from encoded_ensembles.runs.run import Run, unit_names
    from encoded_ensembles.storage.files import InputError
    from encoded_ensembles.storage.ledger import short_digest

    run = Run(run_folder)
    wanted = plan(run.config, run.code, unit_names(units, run.code["unit_names"]))
    folder = output or run.folder / "forget" / short_digest(wanted.units)
    kept = [name for name, stays in zip(run.members, wanted.keep, strict=True) if stays]
    saw = [*(name for name in run.members if name not in kept), "full"]
    _configure(wanted, folder)
    if kept:
        _sample(run, wanted, folder, batch, device)
    remains = _answer(run, wanted, folder, kept, saw)
    again = (
        f"for {len(run.members)} members without them, train {len(saw) - 1} and the full model "
        f"again:\n  snakemake --cores all --configfile {folder / 'config.yaml'}"
    )
    if kept:
        print(f"never saw them: members {' '.join(kept)} ({len(kept)} of {len(run.members)})")
        print(f"saw them: members {' '.join(saw[:-1])}, and the full model")
        table = _score(run, wanted, folder, batch, device)
        print(*map(in_words, table.to_dict("records")), sep="\n")
        if few := caution(table):
            print(few)
        print(f"samples without them: {folder / 'samples.png'}\n{again}")
    _report(run.folder, remains)
    if delete_remains:
        print(f"{delete(remains)} files deleted.")
    if not kept:
        raise InputError(
            f"every one of the {len(saw) - 1} members saw one of these units, expected a member that "
            f"saw none of them; {again}"
        )


def _configure(wanted: "Forgetting", folder: Path) -> None:
    """Write the configuration without the units, and print what else it no longer holds.

    Raises:
        InputError: the configuration without them is not valid.
    """
    import yaml

    from encoded_ensembles.config.check import check_config
    from encoded_ensembles.config.starter import read_schema
    from encoded_ensembles.storage.files import write_text

    check_config(wanted.config, read_schema())
    write_text(
        folder / "config.yaml",
        "# The run without the units in units.exclude; written by encens forget.\n"
        + yaml.safe_dump(wanted.config, sort_keys=False, allow_unicode=True),
    )
    for change in wanted.changes:
        print(f"in the new configuration, {change}")


def _answer(
    run: "Run", wanted: "Forgetting", folder: Path, kept: list[str], saw: list[str]
) -> "list[Remain]":
    """Write the answer, print which pictures stay elsewhere, and return what remains of the units."""
    from encoded_ensembles.data.units import same_pixels
    from encoded_ensembles.storage.files import write_json

    images = run.images[run.images["unit_name"].isin(wanted.units)]
    twins = same_pixels(run.images, wanted.units)
    remains = _remains(run, wanted, folder, kept)
    remains += _kin(run, wanted.units, set(images["pixels_sha256"]))
    write_json(
        folder / "answer.json",
        {
            "units": wanted.units,
            "images": images.to_dict("records"),
            "members_that_never_saw_them": kept,
            "members_to_train_again": saw,
            "same_pixels_in_other_units": twins.to_dict("records"),
            "remains": [{"place": r.place, "holds": r.holds, "goes": r.goes} for r in remains],
        },
    )
    print(f"{', '.join(map(shown, wanted.units))}: {len(images)} images of {len(run.images)}")
    for name, unit in zip(twins["name"], twins["unit_name"], strict=True):
        print(
            f"the same pixels stay as {shown(name)} of unit {shown(unit)}, which the "
            "members named below may have seen; forget that unit too"
        )
    return remains


def _remains(run: "Run", wanted: "Forgetting", folder: Path, kept: list[str]) -> "list[Remain]":
    """Return what remains of the units in the folder of the run, except pictures that are set aside."""
    import numpy as np

    from encoded_ensembles.features.frechet import trains_on_spare
    from encoded_ensembles.runs.integrity import has_classifier
    from encoded_ensembles.runs.layout import outputs
    from encoded_ensembles.runs.remains import find_labels, find_remains

    blocks = {part: wanted.config[part]["blocks"] for part in ("landscape", "frechet")}
    made, number = has_classifier(run.folder), run.record["dataset"]["images"]
    samples = run.config["frechet"]["samples"]
    remains = find_remains(
        run.folder,
        kept=kept,
        again=outputs(wanted.config, classifier=made, **blocks),
        answer=folder,
        # One that this configuration does not make may be of another.
        classifier=not made
        or not trains_on_spare(number["spare"], number["training"], samples=samples),
    )
    forgotten = np.isin(run.code["unit_names"], wanted.units)[run.code["unit_of"]]
    classes = run.config["model"].get("classes", False)
    return [*remains, *find_labels(run.folder, forgotten, classes=classes)]


def _kin(run: "Run", units: list[str], pixels: set[str]) -> "list[Remain]":
    """Return the pictures of some units that are held out or spare.

    Args:
        run: whose data they are.
        units: names.
        pixels: digests of the pixels of the units' images.
    """
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.units import table_rows
    from encoded_ensembles.runs.layout import CAPTIONS
    from encoded_ensembles.runs.remains import Goes, Remain, find_kin, find_near
    from encoded_ensembles.storage.files import read_table

    grouping, captions, listed, remains = run.config["units"], {}, [], []
    by = grouping["by"]
    if by == "word":  # the others are images, whose captions hold none of the words
        table = read_table(run.folder / CAPTIONS)
        captions = dict(zip(table["name"], table["caption"], strict=True))
        units = [name for name in units if name in grouping["words"]]
    for use in ("heldout", "spare"):
        file = run.folder / "data" / f"{use}.npz"
        images = read_images(file)
        if by == "table":
            rows = table_rows(
                Path(grouping["table"]), names=images.names, column=grouping["column"]
            )
            listed = rows.loc[rows["unit"].isin(units), "image"].tolist()
        if by == "duplicates":
            forgotten = np.isin(run.code["unit_names"], units)[run.code["unit_of"]]
            how = {key: grouping[key] for key in ("metric", "threshold")}
            listed = find_near(images, run.training.take(np.flatnonzero(forgotten)), **how)
        if kin := find_kin(images, units, pixels, by=by, caption_of=captions, listed=listed):
            holds = f"pictures of theirs that no member trains on: {' '.join(map(shown, kin))}"
            remains.append(Remain(f"data/{use}.npz", holds, Goes.STAYS, [file]))
    return remains


def _report(folder: Path, remains: "list[Remain]") -> None:
    """Print what remains in the folder of a run, by what deletes it."""
    from encoded_ensembles.runs.remains import Goes

    print(f"what remains of them in {folder} (answer.json lists it too):")
    for goes in Goes:
        places: dict[str, list[str]] = {}
        for remain in remains:
            if remain.goes is goes:
                places.setdefault(remain.holds, []).append(shown(remain.place))
        if places:
            print(f"  {goes}:")
        for holds, names in places.items():
            print(f"    {' '.join(names)}: {holds}")
    print("not searched, since outside this folder: sources, copies, backups, .snakemake")


def shown(name: str) -> str:
    """Return a name as one line of text."""
    return name if name.isprintable() else repr(name)


def _sample(run: "Run", wanted: "Forgetting", folder: Path, batch: int | None, device: str) -> None:
    """Sample without the units, from the run's noise, and draw it beside the factual samples."""
    from encoded_ensembles.ensemble.engine import sample_rows
    from encoded_ensembles.figures.landscape import samples_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_tensors, write_tensors

    noise = run.folder / layout.NOISE
    factual = read_tensors(run.folder / layout.SAMPLES, names=["factual"])
    samples = sample_rows(
        run.member_folders, wanted.keep[None], noise, label="samples", **_how(run, batch, device)
    )[0]
    write_tensors(folder / "samples.safetensors", {"keep": wanted.keep, "samples": samples})
    rows = [
        (f"all {len(wanted.keep)} members", "", factual["factual"]),
        (f"the {wanted.keep.sum()} that never\nsaw the units", "", samples),
    ]
    save(samples_figure(rows), folder / "samples.pdf")


def _score(
    run: "Run", wanted: "Forgetting", folder: Path, batch: int | None, device: str
) -> "pd.DataFrame":
    """Return the Frechet distance without the units beside that of real images and of all members."""
    import pandas as pd

    from encoded_ensembles.codes.words import spell
    from encoded_ensembles.data.images import read_images, to_bytes
    from encoded_ensembles.ensemble.engine import sample_rows
    from encoded_ensembles.features import extractors, frechet
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import read_table, write_text

    scores = read_table(run.folder / layout.SCORES)
    kind = scores["extractor"].iloc[0]
    weights = run.config["frechet"]["inception"] or Path("resources") / extractors.INCEPTION
    reference = read_images(run.folder / layout.HELDOUT).images
    extractor = extractors.choose_extractor(
        reference,
        inception=Path(weights) if kind == "inception" else None,
        classifier=run.folder / layout.CLASSIFIER[0] if kind == "classifier" else None,
        device=choose_device(device),
    )
    noise = run.folder / layout.FRECHET_NOISE
    samples: np.ndarray = sample_rows(
        run.member_folders, wanted.keep[None], noise, label="frechet", **_how(run, batch, device)
    )[0]
    features = (extractor.features(to_bytes(samples)), extractor.features(reference))
    score = frechet.score(*features, inception=kind == "inception")
    references = scores[scores["set"].isin(["real", "factual"])].to_dict("records")
    without = {
        "set": "without",
        "kept": int(wanted.keep.sum()),
        "keep": spell(wanted.keep[None])[0],
        "images": len(samples),
        **score._asdict(),
        "extractor": extractor.name,
    }
    # a run of an earlier version has other columns
    table = pd.DataFrame([*(references if "singular" in scores else []), without])
    write_text(folder / "frechet.csv", table.to_csv(index=False))
    return table


def _how(run: "Run", batch: int | None, device: str) -> dict[str, Any]:
    """Return the sampling options of the run, as `engine.prepare` takes them."""
    options = run.sampling
    return {
        "scheduler": options["scheduler"],
        "precision": options["precision"],
        "compiled": options["compile"],
        "batch": options["batch"] if batch is None else batch,
        "autoencoder": run.autoencoder,
        **run.prompting,
        "device": device,
    }
