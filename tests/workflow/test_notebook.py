"""A run in a notebook: what it answers, and the example."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.runs.run import Run
from encoded_ensembles.storage.files import InputError, read_tensors
from workspace import REPOSITORY

NOTEBOOK = REPOSITORY / "docs/example.ipynb"


@pytest.fixture(scope="module")
def run(finished):
    return Run(str(finished.results()))


@pytest.fixture(autouse=True)
def off_screen():
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


@pytest.mark.parametrize(
    "by",
    ["joint", "contrast", "undirected", "distance", "ssim", "features", "matched", "directional", "expected"],
)  # fmt: skip
def test_attribution_is_the_runs_tables_in_order(run, by):
    found = run.attribute(1, top=5, by=by)
    assert found.columns.tolist() == [
        "unit", "unit_name", "value", "p", "q", "rank", "attributed", "expected", "low", "high"
    ]  # fmt: skip
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    tables = {
        name: pd.read_parquet(run.folder / name / f"{name}.parquet")
        for name in ("influence", "expected")
    }
    own, expected = (table[table["sample"] == 1].set_index("unit") for table in tables.values())
    ranks = expected["rank"] if by == "expected" else own[f"{by}_rank"]
    statistic = "contrast" if by == "expected" else by
    for row in found.itertuples():
        assert ranks[row.unit] == row.rank
        assert row.value == own[statistic][row.unit]
        assert (row.p, row.q) == (own[f"{statistic}_p"][row.unit], own[f"{statistic}_q"][row.unit])
        assert row.expected == expected["expected"][row.unit]
        assert row.unit_name == own["unit_name"][row.unit]
    assert len(run.attribute(1, None)) == 12


def test_samples_units_and_counterfactuals_are_the_runs(run):
    file = run.folder / "samples/ensemble.safetensors"
    assert np.array_equal(run.samples, read_tensors(file)["factual"])
    assert len(run.units) == 12
    for unit, moved in enumerate(run.counterfactuals()):
        for sample in range(3):
            assert np.array_equal(run.counterfactual(sample, unit), moved[sample])
        name = run.units["unit_name"][unit]
        assert np.array_equal(run.counterfactual(2, name), moved[2])
        images = run.unit_images(name)
        assert images.shape == (1, 1, 8, 8)
        assert np.abs(images).max() <= 1
    table = run.influence[run.influence["sample"] == 0].set_index("unit_name")
    distance = np.linalg.norm(run.counterfactual(0, name).astype(float) - run.samples[0])
    assert np.isclose(distance, table["distance"][name])


def test_plots_show_what_they_say(run):
    axes = run.plot_attribution(0, top=3)
    assert len(axes) == 4
    best = run.attribute(0, top=3)
    assert [ax.get_title().splitlines()[0] for ax in axes[1:]] == best["unit_name"].tolist()
    pixels = axes[1].images[0].get_array()
    image = run.unit_images(best["unit_name"][0])[0, 0]
    assert np.allclose(pixels, (image + 1) / 2)
    unit = best["unit_name"][0]
    factual, without, change = run.plot_counterfactual(0, unit)
    assert without.get_title() == f"without {unit}"
    moved = run.counterfactual(0, unit)
    assert np.allclose(without.images[0].get_array(), np.clip((moved[0] + 1) / 2, 0, 1))
    assert np.allclose(change.images[0].get_array(), (moved - run.samples[0])[0])
    assert factual.get_title() == "sample 0"
    _, own = plt.subplots()
    assert run.plot_sample(2, own) is own
    ax = run.plot_landscape(0, unit=unit, ax=own)
    assert ax is own
    (line,) = ax.lines
    table = run.influence[run.influence["sample"] == 0].set_index("unit_name")
    assert line.get_xdata()[0] == table["distance"][unit]
    assert [text.get_text() for text in run.plot_landscape(1).get_legend().texts] == [
        "8 null code words", "12 units"
    ]  # fmt: skip


def test_whole_numbers_of_numpy_are_numbers(run):
    """Issue 14.17: they come out of tables and arrays."""
    for number in (np.int64(2), np.uint8(2)):
        assert run.attribute(number, top=np.int32(3)).equals(run.attribute(2, top=3))
        assert np.array_equal(run.counterfactual(number, number), run.counterfactual(2, 2))


def test_mistakes_are_named(run, tmp_path):
    for call, words in (
        (lambda: Run(tmp_path), "is not the folder of a finished run"),
        # Issue 14.17: what people give in place of a number.
        (lambda: run.attribute("2"), "sample is '2', expected a whole number from 0 to 2"),
        (lambda: run.attribute(1.0), "sample is 1.0, expected a whole number"),
        (lambda: run.attribute(True), "sample is True, expected a whole number"),
        (lambda: run.attribute(np.int64(7)), "sample is 7, expected a whole number"),
        (lambda: run.attribute(0, top=-1), "top is -1, expected a whole number above 0"),
        (lambda: run.attribute(0, top=0), "top is 0, expected a whole number above 0"),
        (lambda: run.attribute(0, top="5"), "top is '5', expected a whole number above 0"),
        (lambda: run.plot_attribution(0, top=-1), "top is -1, expected"),
        (lambda: run.counterfactual(0, []), "unit is [], expected a whole number"),
        (lambda: run.counterfactual(0, ""), "'' is no unit"),
        (lambda: run.attribute(3), "sample is 3, expected a whole number from 0 to 2"),
        (lambda: run.attribute(0, by="luck"), "by is luck, expected joint, contrast"),
        (lambda: run.counterfactual(-1, 0), "sample is -1"),
        (lambda: run.counterfactual(0, 12), "unit is 12, expected a whole number from 0 to 11"),
        (lambda: run.counterfactual(0, "digits/9999"), "digits/9999 is no unit"),
        (lambda: run.plot_landscape(0, statistic="contrast"), "null words lack"),
    ):
        with pytest.raises(InputError) as error:
            call()
        assert words in str(error.value)


def test_the_example_runs_clean(finished, tmp_path):
    """On the toy run, in a kernel of its own, with not a warning."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = finished.environment | {"ENCENS_RUN": str(finished.results())}
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    with client.setup_kernel(env=environment):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    assert not [
        each for each in outputs if each.output_type == "error" or each.get("name") == "stderr"
    ]
    assert len([each for each in outputs if "image/png" in each.get("data", {})]) == 5


def test_the_example_is_shown_as_it_ran():
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all("execution" not in cell.metadata for cell in cells)
    assert NOTEBOOK.stat().st_size < 500_000
