"""A run as a counterfactual universe, and back."""

import json
import tarfile

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.import_universe import import_universe
from encoded_ensembles.data.images import read_images, to_bytes
from encoded_ensembles.runs.run import Run
from encoded_ensembles.storage.files import InputError, read_arrays, read_tensors, write_arrays
from PIL import Image


@pytest.fixture(scope="module")
def universe(finished, tmp_path_factory):
    path = tmp_path_factory.mktemp("universe") / "toy.ctf"
    done = finished.encens("export-universe", "--run", "toy", "--output", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def landscape(finished):
    return np.stack(list(Run(finished.results()).counterfactuals()))


@pytest.fixture(scope="module")
def imported(universe, finished):
    """A folder with the universe imported twice: its pictures, and the numbers behind them."""
    folder = universe.parent
    done = finished.encens("import-universe", universe, "--output", folder / "rounded")
    assert done.returncode == 0, done.stderr
    import_universe(universe, folder / "exact", floats=universe.with_suffix(".npz"))
    return folder


def test_every_picture_of_the_run_is_in_the_file(universe, finished, landscape):
    """Read as published: tiles line by line, units numbered from 1."""

    def tiles(name):
        sheet = np.asarray(Image.open(tar.extractfile(name)))
        return sheet.reshape(-1, 8, 8, 1)  # our sheets are one picture wide

    factual = read_tensors(finished.results() / "samples/ensemble.safetensors")["factual"]
    with tarfile.open(universe) as tar:
        config = json.load(tar.extractfile("config.json"))
        assert (config["TrainingUnits"], config["NumberGenerated"]) == (12, 3)
        images = read_images(finished.results() / "data/training.npz").images
        unit_of = read_arrays(finished.results() / "code/code.npz")["unit_of"]
        assert np.array_equal(tiles("training_set.png")[unit_of], images)
        assert np.array_equal(tiles("factual.png"), to_bytes(factual))
        for unit in range(12):
            assert np.array_equal(tiles(f"leave_{unit + 1}_out.png"), to_bytes(landscape[unit]))
    floats = read_arrays(universe.with_suffix(".npz"))
    assert floats["counterfactuals"].tobytes() == landscape.tobytes()
    assert floats["factual"].tobytes() == factual.tobytes()


def test_tables_and_figures_of_a_universe_are_those_of_the_run(imported, finished, landscape):
    ours = pd.read_parquet(finished.results() / "influence/influence.parquet")
    radius = pd.read_parquet(finished.results() / "influence/radius.parquet")
    for name, close in {"exact": 1e-12, "rounded": 0.02}.items():
        folder = imported / name / "influence"
        theirs = pd.read_parquet(folder / "influence.parquet")
        for column in ("sample", "unit", "distance", "distance_published"):
            scale = ours[column].abs().max()
            assert np.allclose(theirs[column], ours[column], atol=close * scale, rtol=0)
        assert (theirs["distance_p"] == 1).all()  # nothing is attributed without a null
        found = pd.read_parquet(folder / "radius.parquet")
        assert np.allclose(found["radius"], radius["radius"], atol=close * radius["radius"].max())
        assert found["null_radius"].isna().all()
        assert len(pd.read_parquet(folder / "null.parquet")) == 0
        for figure in ("influence", "landscape"):
            assert (imported / name / f"figures/{figure}.pdf").stat().st_size > 1000
    units = pd.read_parquet(finished.results() / "code/units.parquet")["unit_name"]
    exact = pd.read_parquet(imported / "exact/influence/influence.parquet")
    assert exact.loc[exact["sample"] == 0, "unit_name"].tolist() == units.tolist()
    assert (theirs["unit_name"].unique()[[0, 11]] == ["unit-000001", "unit-000012"]).all()
    blocks = sorted((imported / "exact/landscape").iterdir())
    assert np.array_equal(read_tensors(blocks[0])["counterfactuals"], landscape)


def test_false_attribution_of_a_universe_is_counted_by_hand(universe, imported):
    found = pd.read_parquet(imported / "rounded/influence/false_attribution.parquet")
    with tarfile.open(universe) as tar:
        sheet = {
            name: np.asarray(Image.open(tar.extractfile(name))).reshape(-1, 64).astype(float)
            for name in tar.getnames()[1:]
        }

    def nearest(pictures):
        apart = pictures[:, None] - sheet["training_set.png"]
        return np.square(apart).sum(axis=2).argmin(axis=1)

    attributed = nearest(sheet["factual.png"])
    assert found["unit"].tolist() == attributed.tolist()
    after = np.stack([nearest(sheet[f"leave_{unit}_out.png"]) for unit in range(1, 13)])
    same = after == attributed
    for sample, unit in enumerate(attributed):
        assert found["unchanged"][sample] == same[unit, sample]
        others = np.delete(same[:, sample], unit)
        assert np.isclose(found["unchanged_other"][sample], others.mean())


def test_mistakes_are_named(universe, tmp_path):
    with pytest.raises(InputError, match=r"GB of counterfactuals, expected at most 1e-06 GB"):
        import_universe(universe, tmp_path / "in", limit=1e-6)
    arrays = read_arrays(universe.with_suffix(".npz"))
    other = tmp_path / "other.npz"
    write_arrays(other, arrays | {"factual": arrays["factual"] + 0.1})
    with pytest.raises(InputError, match="does not round to the pictures of this universe"):
        import_universe(universe, tmp_path / "in", floats=other)
    assert not (tmp_path / "in").exists()


def test_a_folder_with_files_is_left_as_it_is(universe, tmp_path):
    """Blocks of two landscapes would be drawn together, and a run would lose its data and code."""
    kept = tmp_path / "run/landscape/1-of-2.safetensors"
    kept.parent.mkdir(parents=True)
    output = tmp_path / "run"
    kept.write_text("x")
    with pytest.raises(
        InputError, match=r"holds landscape/1-of-2.safetensors, expected a folder without"
    ):
        import_universe(universe, output)
    assert [file for file in output.rglob("*") if file.is_file()] == [kept]
    kept.unlink()
    import_universe(universe, output)  # folders alone, as a workflow makes them


def test_wrong_words_leave_no_half_import(universe, tmp_path):
    """What is given is read before anything is written."""
    words = tmp_path / "words.csv"
    words.write_text("a,b\n1,0\n")
    with pytest.raises(InputError, match=r"expected 12 rows of 2 to 64 members"):
        import_universe(universe, tmp_path / "theirs", words=words)
    assert not (tmp_path / "theirs").exists()
