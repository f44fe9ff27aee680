"""Scores of other attribution methods: their names, and the files that hold them."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import pandas as pd

# Names of the run's own methods, and of other arrays in the file of their scores.
OWN = re.compile(
    r"random|features|patches(_level|_width)?|stlpips|contrast|joint|undirected|damping|member_folds|pixels(-.*)?|calibrated(\..*)?"
    r"|(trak|d-trak|journey-trak|retrac)(-sum)?(\..*)?"
)


def check_name(name: str) -> None:
    """Check that a foreign method does not have the name of one of the run's own.

    Raises:
        InputError: it has.
    """
    if OWN.fullmatch(name):
        raise InputError(
            f"grade.scores holds {name}, which is the name of a method of the run's own; expected "
            f"another name, such as my-{name}."
        )


def read_foreign(
    given: list[str], *, names: np.ndarray, samples: int, excluded: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Return scores of other methods, from .npy (U, B) or tables with sample, unit_name and score.

    Args:
        given: NAME=FILE for each method.
        names: (U,) of the units.
        samples: B.
        excluded: names in units.exclude, whose rows in tables are ignored.

    Returns:
        (U, B) of each method, by name.

    Raises:
        InputError: a name is one of the run's own methods; a file is missing, has another shape,
            lacks a pair, or has a pair twice, another unit or another sample.
    """
    import pandas as pd

    scores = {}
    shape = (len(names), samples)
    for text in given:
        name, _, file = text.partition("=")
        check_name(name)
        path = Path(file)
        if not path.is_file():
            raise InputError(f"grade.scores.{name} is {file}, expected an existing file.")
        try:
            if path.suffix.lower() == ".npy":
                values = np.load(path, allow_pickle=False)
                if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
                    raise ValueError("it is not an array of numbers")
            elif path.suffix.lower() == ".parquet":
                table = pd.read_parquet(path)
            else:  # NA and 007 are valid names of units
                kinds, blank = {"unit_name": str}, {"score": ["", "nan", "NaN"]}
                table = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=blank)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{file} cannot be read as scores ({error}).") from error
        if path.suffix.lower() != ".npy":
            missing = {"sample", "unit_name", "score"} - set(table.columns)
            if missing:
                raise InputError(
                    f"{file} has the columns {', '.join(table.columns)}, expected sample, unit_name "
                    "and score."
                )
            rows = table[~table["unit_name"].isin(list(excluded))]
            values = _from_rows(rows, file=file, names=names, samples=samples)
        if values.shape != shape or not np.isfinite(values).all():
            raise InputError(
                f"{file} holds scores {values.shape}, {int(np.isfinite(values).sum())} of them finite; "
                f"expected a finite score for each of {shape[0]} units and {shape[1]} samples."
            )
        scores[name] = values
    return scores


def _from_rows(rows: "pd.DataFrame", *, file: str, names: np.ndarray, samples: int) -> np.ndarray:
    """Return the scores (U, B) of rows with sample, unit_name and score; NaN where there is none.

    Raises:
        InputError: a row is of another unit or sample, or two are of one pair.
    """
    import pandas as pd

    rows = rows.assign(
        **{name: pd.to_numeric(rows[name], errors="coerce") for name in ("sample", "score")}
    )
    for column, known in (("unit_name", names.tolist()), ("sample", range(samples))):
        other = rows.loc[~rows[column].isin(known), column]
        if len(other):
            expected = (
                "a unit_name in code/units.csv or in units.exclude"
                if column == "unit_name"
                else f"0 to {samples - 1}"
            )
            raise InputError(
                f"{file} has {len(other)} rows of other {column}s, the first {other.iloc[0]}, expected "
                f"{expected}; correct or delete these rows."
            )
    twice = rows[rows.duplicated(["sample", "unit_name"])]
    if len(twice):
        raise InputError(
            f"{file} has several rows of sample {twice['sample'].iloc[0]} and unit_name "
            f"{twice['unit_name'].iloc[0]}, expected one score for each pair; delete the others."
        )
    wide = rows.pivot_table(index="unit_name", columns="sample", values="score")
    return wide.reindex(index=names, columns=range(samples)).to_numpy(np.float64)
