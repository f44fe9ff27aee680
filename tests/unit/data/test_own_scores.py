"""Scores of other methods: arrays and tables alike, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.data import own_scores
from encoded_ensembles.storage.files import InputError

NAMES = np.array(["NA", "007", "cat"])
SCORES = np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.5]])


def write_table(file, scores=SCORES):
    """Write a table of all pairs, in an order of its own."""
    rows = [(b, NAMES[u], scores[u, b]) for u in (2, 0, 1) for b in range(2)]
    table = pd.DataFrame(rows, columns=["sample", "unit_name", "score"])
    table.to_csv(file, index=False) if file.suffix == ".csv" else table.to_parquet(file)


def test_arrays_and_tables_hold_the_same_scores(tmp_path):
    """Names are read as text: NA is no missing value, and 007 no number."""
    np.save(tmp_path / "a.npy", SCORES)
    write_table(tmp_path / "b.csv")
    write_table(tmp_path / "c.parquet")
    given = [f"{file.stem}={file}" for file in sorted(tmp_path.iterdir())]
    found = own_scores.read_foreign(given, names=NAMES, samples=2)
    assert list(found) == ["a", "b", "c"]
    assert all(np.array_equal(scores, SCORES) for scores in found.values())


def test_a_name_of_the_runs_own_methods_is_refused():
    for name in ("random", "pixels-0.5", "trak.full", "calibrated.distance", "contrast"):
        with pytest.raises(InputError, match=f"grade.scores holds {name}, .* such as my-{name}"):
            own_scores.check_name(name)
    own_scores.check_name("my-trak")


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (SCORES[:2], r"holds scores \(2, 2\), 4 of them finite; .* 3 units and 2 samples"),
        (np.where(SCORES == 6.5, np.nan, SCORES), r"holds scores \(3, 2\), 5 of them finite"),
        (np.full((3, 2), "x"), "cannot be read as scores .*not an array of numbers"),
    ],
)
def test_arrays_that_are_refused(tmp_path, scores, said):
    np.save(tmp_path / "a.npy", scores)
    with pytest.raises(InputError, match=said):
        own_scores.read_foreign([f"a={tmp_path / 'a.npy'}"], names=NAMES, samples=2)


def test_tables_that_are_refused(tmp_path):
    file = tmp_path / "a.csv"
    with pytest.raises(InputError, match=r"grade.scores.a is .*a\.csv, expected an existing file"):
        own_scores.read_foreign([f"a={file}"], names=NAMES, samples=2)
    file.write_text("sample,unit,score\n0,cat,1\n")
    with pytest.raises(InputError, match="has the columns sample, unit, score, expected sample"):
        own_scores.read_foreign([f"a={file}"], names=NAMES, samples=2)
    for row, said in (
        ("0,cat,9", "several rows of sample 0 and unit_name cat, expected one score for each pair"),
        (
            "0,zzz,1",
            "1 rows of other unit_names, the first zzz, expected a unit_name in code/units",
        ),
        ("7,cat,1", "1 rows of other samples, the first 7, expected 0 to 1"),
        (",cat,1", "1 rows of other samples, the first nan"),
    ):
        write_table(file)
        file.write_text(f"{file.read_text()}{row}\n")
        with pytest.raises(InputError, match=said):
            own_scores.read_foreign([f"a={file}"], names=NAMES, samples=2)
    write_table(file, np.where(SCORES == 2, np.nan, SCORES))
    with pytest.raises(InputError, match="5 of them finite; expected a finite score for each"):
        own_scores.read_foreign([f"a={file}"], names=NAMES, samples=2)


def test_rows_of_excluded_units_are_ignored(tmp_path):
    """Scores of a run stay valid for the run without some of its units."""
    write_table(tmp_path / "a.csv")
    write_table(tmp_path / "b.parquet")
    given = [f"{file.stem}={file}" for file in sorted(tmp_path.iterdir())]
    found = own_scores.read_foreign(given, names=NAMES[[0, 2]], samples=2, excluded=["007", "gone"])
    assert all(np.array_equal(scores, SCORES[[0, 2]]) for scores in found.values())
