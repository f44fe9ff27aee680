"""Scores of other attribution methods: their names, and the files that hold them."""

import re
from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import InputError

# Of the run's own methods, and of what lies beside their scores in one file.
OWN = re.compile(
    r"random|features|contrast|damping|member_folds|pixels(-.*)?|calibrated(\..*)?"
    r"|(trak|d-trak|retrac)(\..*)?"
)


def check_name(name: str) -> None:
    """Check that a method of yours is not called like one of the run's own.

    Raises:
        InputError: it is.
    """
    if OWN.fullmatch(name):
        raise InputError(
            f"grade.scores holds {name}, which is the name of a method of the run's own; expected "
            f"another name, such as my-{name}."
        )


def read_foreign(given: list[str], *, names: np.ndarray, samples: int) -> dict[str, np.ndarray]:
    """Read scores of other methods: .npy (U, B), or a table with sample, unit_name and score.

    Args:
        given: NAME=FILE of each.
        names: (U,) of the units.
        samples: B.

    Returns:
        (U, B) of each, by its name.

    Raises:
        InputError: a name is one of the run's own methods; a file is missing, has another shape, or
            lacks a pair.
    """
    import pandas as pd

    found = {}
    shape = (len(names), samples)
    for text in given:
        name, _, file = text.partition("=")
        check_name(name)
        path = Path(file)
        if not path.is_file():
            raise InputError(f"grade.scores.{name} is {file}, but there is no such file.")
        try:
            if path.suffix.lower() == ".npy":
                each = np.load(path, allow_pickle=False)
                if not isinstance(each, np.ndarray) or each.dtype.kind not in "fiub":
                    raise ValueError("it is no array of numbers")
            elif path.suffix.lower() == ".parquet":
                table = pd.read_parquet(path)
            else:  # a unit may be called NA, or 007
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
            each = wide.reindex(index=names, columns=range(samples)).to_numpy()
        if each.shape != shape or not np.isfinite(each).all():
            raise InputError(
                f"{file} holds scores {each.shape}, {int(np.isfinite(each).sum())} of them finite; "
                f"expected a finite one for each of {shape[0]} units and {shape[1]} samples."
            )
        found[name] = each
    return found
