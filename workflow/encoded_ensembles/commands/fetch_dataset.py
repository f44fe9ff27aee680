"""encens fetch-dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Ledger
from encoded_ensembles.commands.options.units import (
    By,
    Column,
    Metric,
    Plants,
    Table,
    Threshold,
    Words,
)

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.data.images import ImageSet
    from encoded_ensembles.data.units import Grouping


def fetch_dataset(
    name: Annotated[
        str, Option(help="digits, openclipart, folder ...: a dataset.name of the schema")
    ],
    training: Annotated[Path, Option(help="output, .npz: the images members train on")],
    heldout: Annotated[Path, Option(help="output, .npz: the images held out for evaluation")],
    spare: Annotated[Path, Option(help="output, .npz: images left over, for the classifier")],
    facts: Annotated[
        Path, Option(help="output, .json: origin, licence, counts, digests, warnings")
    ],
    images: Annotated[
        int | None, Option(help="images to train on; all remaining ones if absent")
    ] = None,
    heldout_images: Annotated[
        float, Option(help="images to hold out; below 1, a share of the candidates")
    ] = 0,
    spare_images: Annotated[int, Option(help="largest number of spare images")] = 0,
    part: Annotated[str, Option(help="official part to train on: train, test or all")] = "train",
    labels: Annotated[
        int | None, Option(help="number of labels to train on, drawn by the seed; all if absent")
    ] = None,
    per_label: Annotated[
        int | None, Option(help="largest number of training images of a label; all if absent")
    ] = None,
    size: Annotated[int | None, Option(help="side in pixels; the data set's if absent")] = None,
    channels: Annotated[
        int | None, Option(help="1 grey, 3 colour; the data set's if absent")
    ] = None,
    border: Annotated[int, Option(help="black pixels added on each side of each image")] = 0,
    path: Annotated[
        Path | None, Option(help="folder of pictures or of the data set's files")
    ] = None,
    mirror: Annotated[str | None, Option(help="address to download from")] = None,
    cache: Annotated[Path, Option(help="folder for downloads")] = Path("resources"),
    seed: Annotated[int, Option(help="seed of the choice of images")] = 0,
    exclude: Annotated[
        list[str] | None, Option(help="unit to leave out of the training images; repeatable")
    ] = None,
    by: By = "image",
    table: Table = None,
    column: Column = "unit_name",
    metric: Metric = "phash",
    threshold: Threshold = 0.0,
    word: Words = None,
    plant: Plants = None,
    captions: Annotated[
        Path | None, Option(help="output, .parquet with .csv: the caption of each image")
    ] = None,
    keep_label_names: Annotated[
        bool,
        Option(
            "--keep-label-names",
            help="keep names of labels that --exclude leaves without images, which digests of splits cover with model.classes",
        ),
    ] = False,
    default_caption: Annotated[str, Option(help="caption of images without one")] = "",
    vendor: Annotated[
        list[str] | None, Option(help="for openmoji: openmoji or twemoji; repeatable")
    ] = None,
    skin_tones: Annotated[
        bool, Option("--skin-tones", help="for openmoji: with variants in skin tones")
    ] = False,
    label: Annotated[str, Option(help="for openmoji: author, group or vendor")] = "author",
    ledger: Ledger = None,
) -> None:
    """Write a data set's images in the canonical format: training, held-out and spare.

    Each .npz holds images (N, H, W, C) uint8, labels (N,) int64, label_names (L,), names (N,) and
    the sha256 of the content; nothing is pickled. Images of a --plant are named
    plant-NAME/(earlier name); --facts lists those that are trained on. --captions has the columns
    part, image (row in the part's file), name, caption, and given (false for the default caption).
    """
    import numpy as np

    from encoded_ensembles.data.captions import (
        Caption,
        caption_facts,
        caption_of,
        caption_table,
        caption_warnings,
    )
    from encoded_ensembles.data.catalogue import load
    from encoded_ensembles.data.images import ImageSet, resize, write_images
    from encoded_ensembles.data.plants import parse_plant, plant_images
    from encoded_ensembles.data.selection import choose, to_ledger
    from encoded_ensembles.data.source import captions_without, hide_labels, warnings_of
    from encoded_ensembles.data.sources.openmoji import Pictograms
    from encoded_ensembles.data.units import Grouping
    from encoded_ensembles.progress import report
    from encoded_ensembles.storage.files import write_arrays, write_facts, write_table
    from encoded_ensembles.storage.ledger import ledger_file, read_ledger

    plants = tuple(map(parse_plant, plant or []))
    source = load(
        name,
        path=path,
        cache=cache,
        mirror=mirror,
        size=size,
        channels=channels,
        part=part,
        captioned=captions is not None,
        pictograms=Pictograms(tuple(vendor or ["openmoji"]), skin_tones, label),
    )
    caption: dict[str, Caption] = {}
    left_out: set[str] = set()
    if source.captions:
        caption = caption_of(source.all.names, source.captions, default=default_caption)
    if heldout_images >= 1:
        heldout_images = int(heldout_images)
    key = [name, images, heldout_images or 0, spare_images, seed]
    if (part, labels, per_label) != ("train", None, None):
        key += [part, labels, per_label]
    memory = ledger_file(ledger, "images", *key)
    choice = choose(
        source,
        images=images,
        heldout=heldout_images,
        spare=spare_images,
        seed=seed,
        labels=labels,
        per_label=per_label,
        ledger=read_ledger(memory),
    )
    parts = {}
    for use, rows in choice._asdict().items():
        image_set = source.all.take(rows)
        pixels = resize(image_set.images, size=size, channels=channels)
        pixels = np.pad(pixels, ((0, 0), (border, border), (border, border), (0, 0)))
        parts[use] = ImageSet(pixels, image_set.labels, image_set.label_names, image_set.names)
    unplanted = parts["training"].names.tolist()
    parts["training"] = plant_images(parts["training"], plants, seed=seed)
    if source.captions:
        planted = parts["training"].names.tolist()
        caption |= {new: caption[old] for new, old in zip(planted, unplanted, strict=True)}
    if exclude:
        texts = {name: each.text for name, each in caption.items()}
        words = tuple(word or [])
        grouping = Grouping(by, table, column, metric, threshold, plants, words, texts)
        stays = _stays(parts["training"], exclude, grouping)
        left_out = {old for old, here in zip(unplanted, stays.tolist(), strict=True) if not here}
        gone = parts["training"].labels[~stays]
        parts["training"] = parts["training"].take(np.flatnonzero(stays))
        if not keep_label_names:
            parts = {use: hide_labels(image_set, gone) for use, image_set in parts.items()}
    warnings, said = warnings_of(source, left_out=left_out), {}
    said_of = captions_without(source, left_out)
    if said_of:
        warnings += caption_warnings(said_of, default=default_caption)
        said = {"captions": caption_facts(said_of, default=default_caption)}
    for warning in warnings:
        report(f"warning: {warning}")
    if memory:
        write_arrays(memory, to_ledger(source, choice))
    files = {"training": training, "heldout": heldout, "spare": spare}
    digests = {use: write_images(files[use], image_set) for use, image_set in parts.items()}
    shape, names = parts["training"].images.shape[1:], parts["training"].names
    if captions:
        write_table(captions, caption_table({use: parts[use].names for use in parts}, caption))
    write_facts(
        facts,
        {
            "name": name,
            "origin": source.origin,
            "licence": source.licence,
            "shape": list(shape),
            "border": border,
            "images": {use: len(image_set) for use, image_set in parts.items()},
            "sha256": digests,
            "warnings": warnings,
            "plants": [
                each._asdict() | {"images": names[each.holds(names)].tolist()} for each in plants
            ],
            **said,
        },
    )


def _stays(images: "ImageSet", exclude: list[str], grouping: "Grouping") -> "np.ndarray":
    """Return which training images (N,) bool are of none of some units.

    Raises:
        InputError: a unit is unknown, or no image is left.
    """
    import numpy as np

    from encoded_ensembles.data.units import assign_units, find_units
    from encoded_ensembles.storage.files import InputError

    units = assign_units(images, grouping)
    try:
        left_out = find_units(units.names, exclude)
    except InputError as error:
        raise InputError(
            f"units.exclude: {error} Take it out of units.exclude if its images are gone."
        ) from error
    remaining = ~np.isin(units.unit_of, left_out)
    if not remaining.any():
        raise InputError("units.exclude names all units, expected one left to train on.")
    return remaining
