"""Code words that others published, from a table or an array file."""

from pathlib import Path

import numpy as np

from encoded_ensembles.storage.files import InputError, read_arrays


def read_code_words(path: Path, *, units: int) -> dict[str, np.ndarray]:
    """Return the arrays code (U, n), null_words (0, n), family and distance of given code words.

    Args:
        path: .npz of encode-units; or .csv with one row of zeros and ones per unit, in the order of the
            units, one column per member, and optionally a first column named unit.
        units: U.

    Raises:
        InputError: the file cannot be read, or is no code of `units` distinct words of one weight.
    """
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        if "code" not in arrays:
            raise InputError(f"{path} has no array code, expected the .npz of encode-units.")
        words = arrays["code"]
        kind = {str(name): arrays[name] for name in ("family", "distance") if name in arrays}
    else:
        words, kind = _read_csv(path), dict[str, np.ndarray]()
    if words.shape[0] != units or words.ndim != 2 or words.shape[1] < 2:
        raise InputError(
            f"{path} has words {words.shape}, expected {units} rows of 2 to 64 members."
        )
    weights = words.sum(axis=1)
    if weights.min() != weights.max() or not 0 < weights[0] < words.shape[1]:
        raise InputError(
            f"{path} has words of {weights.min()} to {weights.max()} members, expected one weight, of "
            f"1 to {words.shape[1] - 1} members."
        )
    first = np.unique(words, axis=0, return_index=True)[1]
    if len(first) < units:
        again = int(np.setdiff1d(np.arange(units), first)[0])
        same = int(np.flatnonzero((words == words[again]).all(axis=1))[0])
        raise InputError(
            f"{path} has the same word in rows {same + 1} and {again + 1}, expected another word for each "
            "unit: units of one word cannot be told apart; make them one unit."
        )
    default = {"family": np.array("random"), "distance": np.array(2)}
    return {"code": words.astype(bool), "null_words": words[:0].astype(bool), **(kind or default)}


def _read_csv(path: Path) -> np.ndarray:
    """Return the zeros and ones of a table."""
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error}).") from error
    table = table.drop(columns=[name for name in table.columns if name == "unit"])
    values = table.to_numpy()
    if values.dtype.kind not in "iub" or not np.isin(values, (0, 1)).all():
        raise InputError(f"{path} has other values than 0 and 1 beside the column unit.")
    return values
