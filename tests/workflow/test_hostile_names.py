"""Names that would do harm if a shell, a page or a figure took them for more than names."""

import numpy as np
import pandas as pd
import pytest
import yaml
from miniatures import NAMES
from PIL import Image


@pytest.fixture
def hostile(workspace):
    """A workspace whose pictures lie in folders with these names, and whose path is one too."""
    folder = workspace.folder / "my $(touch pwned) 'pictures' {run}"
    rng = np.random.default_rng(0)
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        for number in range(3):  # more than are held out
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number} {name[:9]}.png")
    config = {
        "run": "hostile",
        "dataset": {"name": "folder", "path": str(folder), "size": 8, "channels": 3,
                    "images": None, "heldout": 2, "spare": 0},
        "units": {"by": "label", "exclude": NAMES[:1]},
        "code": {"members": 8, "weight": 4, "null_words": 8},
        "model": {"widths": [8]},
        "training": {"epochs": 2, "steps_per_epoch": 1},
        "sampling": {"samples": 2, "steps": 2},
        "contrast": {"levels": 999},
        "landscape": {"blocks": 1, "sets": {f"odd{i}": [NAMES[i]] for i in (1, 5, 6, 7, 9)}},
        "frechet": {"extractor": "pixels", "samples": 8, "repeats": 1, "blocks": 1},
        "figures": {"samples": [0, 1], "top": 5},
    }  # fmt: skip
    (workspace.folder / "hostile.yaml").write_text(yaml.safe_dump(config))
    return workspace


@pytest.mark.slow
def test_names_are_names_all_the_way(hostile):
    hostile.run(config="hostile.yaml")
    run = hostile.folder / "results/hostile"
    units = pd.read_csv(run / "code/units.csv", keep_default_na=False)
    assert set(units["unit_name"]) == set(NAMES[1:])
    attributed = pd.read_csv(run / "contrast/contrast.csv", keep_default_na=False)
    assert set(attributed["unit_name"]) == set(NAMES[1:])
    assert len(list((run / "figures").glob("*.png"))) >= 11
    done = hostile.snakemake("--report", "report.html", config="hostile.yaml")
    assert done.returncode == 0, done.stderr
    page = (hostile.folder / "report.html").read_text()
    assert "<script>alert(1)" not in page
    for name in NAMES[1:]:
        done = hostile.encens("certify", "--run", "hostile", "--sample", "0", "--units", name)
        assert done.returncode == 0, (name, done.stderr)
    assert not list(hostile.folder.rglob("pwned"))
