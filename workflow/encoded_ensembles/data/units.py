"""Units: sets of images with one code word, single images or images that belong together."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from encoded_ensembles.data.captions import group_by_words
from encoded_ensembles.data.images import ImageSet, to_signed
from encoded_ensembles.data.near_duplicates import cluster
from encoded_ensembles.data.plants import Plant
from encoded_ensembles.storage.files import InputError, close_matches

if TYPE_CHECKING:
    import pandas as pd

TOP = "."  # the label and the unit of images outside folders, because names cannot be empty


class Grouping(NamedTuple):
    """The rule that groups images into units; the keys of `units` in the configuration.

    Attributes:
        by: "image", "label", "folder" (of the image's name), "table", "duplicates" or "word".
        table: CSV or parquet file with a column `name` (of images), for "table".
        column: its column that names the unit.
        metric: "phash" or "pixels", for "duplicates".
        threshold: largest distance of duplicates.
        plants: of `dataset.plant`; the images of a plant with `together` are one unit, other images
            are grouped by `by`; folders and tables use their names before planting.
        words: for "word", in order of precedence.
        caption_of: for "word", the caption of each image, by its name.
    """

    by: str
    table: Path | None = None
    column: str = "unit_name"
    metric: str = "phash"
    threshold: float = 0.0
    plants: tuple[Plant, ...] = ()
    words: tuple[str, ...] = ()
    caption_of: Mapping[str, str] = MappingProxyType({})


class Units(NamedTuple):
    """The units of an image set."""

    names: np.ndarray  # (U,) str, distinct, ascending
    unit_of: np.ndarray  # (N,) int64: the unit of each image


def assign_units(images: ImageSet, grouping: Grouping) -> Units:
    """Return the units of `images`, sorted by name.

    Raises:
        InputError: the table cannot be read, lacks a column, or lacks an image; or no caption holds
            one of the words.
        ValueError: `grouping.by` is unknown.
    """
    plant_of, names_before = np.zeros(len(images), "U1"), images.names
    together = np.zeros(len(images), bool)
    for plant in grouping.plants:
        is_planted = plant.holds(images.names)
        plant_of = np.where(is_planted, plant.folder, plant_of)
        bare = [name.removeprefix(f"{plant.folder}/") for name in names_before.tolist()]
        names_before = np.where(is_planted, bare, names_before)
        together |= is_planted & plant.together
    rest = np.flatnonzero(~together)
    others = images.take(rest) if together.any() else images  # to take all would copy all pixels
    grouped = _group(others, names_before[rest], grouping)
    of_image = np.where(together, plant_of, np.zeros(1, grouped.dtype))
    of_image[rest] = grouped
    names, unit_of = np.unique(of_image, return_inverse=True)
    return Units(names, unit_of.astype(np.int64))


def _group(images: ImageSet, names: np.ndarray, grouping: Grouping) -> np.ndarray:
    """Return the unit of each image, (N,) str; folders and tables refer to `names` (N,)."""
    if grouping.by == "image":
        return images.names
    if grouping.by == "label":
        labels = images.label_names[images.labels]
        return np.where(labels == "", TOP, labels)
    if grouping.by == "folder":
        return np.array([name.rpartition("/")[0] or TOP for name in names.tolist()])
    if grouping.by == "table" and grouping.table:
        return read_table(grouping.table, names=names, column=grouping.column)
    if grouping.by == "duplicates":
        return cluster(images, metric=grouping.metric, threshold=grouping.threshold)
    if grouping.by == "word":
        texts = [grouping.caption_of[name] for name in images.names.tolist()]
        return group_by_words(images.names, texts, grouping.words)
    raise ValueError(
        f"by is {grouping.by!r}, expected image, label, folder, table, duplicates, word"
    )


def read_table(path: Path, *, names: np.ndarray, column: str) -> np.ndarray:
    """Return the unit of each image, from a CSV or parquet table.

    Blanks around names of images, units and columns are ignored, and repeated rows count once.

    Args:
        path: .csv or .parquet, with a column `name`; rows of other images are ignored.
        names: (N,) of the images.
        column: the column that names the unit.

    Returns:
        (N,) str.

    Raises:
        InputError: the file cannot be read, lacks a column, or an image has no unit or two.
    """
    rows = table_rows(path, names=names, column=column)
    twice = rows[rows["image"].duplicated(keep=False)].sort_values("image", kind="stable")
    if len(twice):
        raise InputError(
            f"units.table {path} names image {twice['image'].iloc[0]} twice, with units "
            f"{' and '.join(twice['unit'].iloc[:2])}, expected one unit; delete a row."
        )
    unit_of = rows.set_index("image")["unit"].reindex(names)
    if unit_of.isna().any():
        missing = unit_of.index[unit_of.isna()]
        raise InputError(
            f"units.table {path} gives no {column} for {len(missing)} of {len(names)} images, such "
            f"as {missing[0]}; add them."
        )
    return unit_of.to_numpy(dtype=str)


def table_rows(path: Path, *, names: np.ndarray, column: str) -> "pd.DataFrame":
    """Return the columns image and unit of a table as of `read_table`, where both are known.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    import pandas as pd

    table = _load_table(path)
    for wanted in ("name", column):
        if list(table.columns).count(wanted) != 1:
            raise InputError(
                f"units.table {path} has columns {', '.join(table.columns)}, expected one called "
                f"{wanted}; separate columns of a CSV with commas."
            )
    known = _by_bare_name(names)
    image = table["name"].map(lambda name: known.get(name) or known.get(str(name).strip()))
    unit = table[column].map(lambda unit: str(unit).strip() or None, na_action="ignore")
    return pd.DataFrame({"image": image, "unit": unit}).dropna().drop_duplicates()


def _load_table(path: Path) -> "pd.DataFrame":
    """Return a table without blanks around the names of its columns; values of a CSV are text.

    Raises:
        InputError: the file cannot be read as a table.
    """
    import warnings

    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the first
            if path.suffix.lower() == ".parquet":
                table = pd.read_parquet(path)
            else:
                table = pd.read_csv(
                    path, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False
                )
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"units.table {path} cannot be read as a table ({reason}), expected a .parquet, or a .csv in "
            "UTF-8 with commas between columns and double quotes around values that hold commas."
        ) from error
    return table.rename(columns=lambda name: str(name).strip())


def _by_bare_name(names: np.ndarray) -> dict[str, str]:
    """Return each image's name by itself, and by the name without blanks around it if unique."""
    bare: dict[str, list[str]] = {}
    for name in names.tolist():
        bare.setdefault(name.strip(), []).append(name)
    unique = {name: images[0] for name, images in bare.items() if len(images) == 1}
    return unique | {name: name for name in names.tolist()}


def find_units(names: np.ndarray, wanted: list[str]) -> np.ndarray:
    """Return the numbers of the units called `wanted`, ascending and without repetition.

    Raises:
        InputError: `wanted` is empty, or a name is unknown; the message names the closest unit.
    """
    if not len(wanted):
        raise InputError(
            f"no unit is named, expected at least one of the {len(names)} unit_names in code/units.csv."
        )
    place = {name: number for number, name in enumerate(names.tolist())}
    for name in wanted:
        if name not in place:
            raise InputError(
                f"{name or repr(name)} is no unit of the training images, expected one of the "
                f"{len(names)} unit_names in code/units.csv{close_matches(name, list(place))}"
            )
    return np.array(sorted({place[name] for name in wanted}), np.int64)


def masked(images: "pd.DataFrame") -> "pd.DataFrame":
    """Return the images whose pixels equal those of an image in another unit.

    An ablation of one unit keeps members that saw the same pixels in the other unit.

    Args:
        images: columns name, unit_name, pixels_sha256, as in code/images.parquet.

    Returns:
        their rows, by pixels_sha256 and name.
    """
    shared = images.groupby("pixels_sha256")["unit_name"].transform("nunique") > 1
    return images[shared].sort_values(["pixels_sha256", "name"], ignore_index=True)


def same_pixels(images: "pd.DataFrame", units: list[str]) -> "pd.DataFrame":
    """Return the images of other units whose pixels equal those of an image in these units.

    Args:
        images: columns name, unit_name, pixels_sha256, as in code/images.parquet.
        units: names.

    Returns:
        their columns name and unit_name, by pixels_sha256 and name.
    """
    shared = masked(images)
    inside = shared["unit_name"].isin(units)
    twins = shared["pixels_sha256"].isin(shared.loc[inside, "pixels_sha256"]) & ~inside
    return shared.loc[twins, ["name", "unit_name"]]


def unit_warnings(units: Units, *, weight: int, masking: "pd.DataFrame") -> list[str]:
    """Return warnings for the user on these units, one sentence each.

    Args:
        units: of N images.
        weight: w; units with more than 1/w of the images get a warning.
        masking: result of `masked`.
    """
    sizes = np.bincount(units.unit_of, minlength=len(units.names))
    warnings = [
        f"unit {units.names[unit]} holds {sizes[unit]} of {sizes.sum()} images, more than 1/w = "
        f"1/{weight} of the data: members that saw it and members that did not differ in size, and "
        "its counterfactual shows that too."
        for unit in np.flatnonzero(sizes * weight > sizes.sum())
    ]
    if len(masking):
        first, second = masking["name"].iloc[:2]
        warnings.append(
            f"{len(masking)} images have the pixels of an image in another unit (such as {first} and "
            f"{second}): they mask each other, since the ablation of one keeps members that saw the "
            "other; units.by: duplicates makes them one unit."
        )
    return warnings


def first_images(images: np.ndarray, unit_of: np.ndarray, units: "pd.Series") -> np.ndarray:
    """Return the first image of each of `units` (k,), (k, C, H, W) float32 in [-1, 1]."""
    return to_signed(images[[int(np.flatnonzero(unit_of == unit)[0]) for unit in units]])
