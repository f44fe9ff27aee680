"""Scores of other attribution methods: their names, and the files that hold them."""

import re
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import InputError

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


def read_foreign(given: list[str], *, names: np.ndarray, samples: int) -> dict[str, np.ndarray]:
    """Return scores of other methods, from .npy (U, B) or tables with sample, unit_name and score.

    Args:
        given: NAME=FILE for each method.
        names: (U,) of the units.
        samples: B.

    Returns:
        (U, B) of each method, by name.

    Raises:
        InputError: a name is one of the run's own methods; a file is missing, has another shape, or
            lacks a pair.
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
            wide = table.pivot_table(index="unit_name", columns="sample", values="score")
            values = wide.reindex(index=names, columns=range(samples)).to_numpy()
        if values.shape != shape or not np.isfinite(values).all():
            raise InputError(
                f"{file} holds scores {values.shape}, {int(np.isfinite(values).sum())} of them finite; "
                f"expected a finite score for each of {shape[0]} units and {shape[1]} samples."
            )
        scores[name] = values
    return scores
