"""What a run warns of is said where its user looks: on the console, before anything is trained."""

import numpy as np
import yaml
from PIL import Image


def test_warnings_are_on_the_console_before_training(workspace, read_json):
    """Issue 14.21: pictures passed over, equal pixels in two units, a large unit."""
    pictures = workspace.folder / "pictures"
    rng = np.random.default_rng(0)
    for number in range(24):
        file = pictures / f"artist{min(number, 15)}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(file)
    for number in (6, 7):
        (pictures / f"artist{number}/twin.png").write_bytes(
            (pictures / "artist0/0.png").read_bytes()
        )
    (pictures / "phone.heic").touch()
    config = {
        "run": "warned",
        "dataset": {"name": "folder", "path": "pictures", "size": 8, "images": None, "heldout": 2, "spare": 0},
        "units": {"by": "label"},
    }  # fmt: skip
    (workspace.folder / "warned.yaml").write_text(yaml.safe_dump(config))
    run = workspace.results("warned")

    done = workspace.snakemake("results/warned/splits/00.sha256", config="warned.yaml")
    assert done.returncode == 0, done.stderr
    (passed,) = read_json(run / "data/dataset.json")["warnings"]
    assert passed.startswith("files passed over: 1 (1 .heic)")
    large, twins = read_json(run / "code/properties.json")["warnings"]
    assert "unit artist15 holds" in large
    assert "images have the pixels of an image in another unit" in twins
    for warning in (passed, large, twins):
        assert done.stderr.count(f"Warning: {warning}") == 1

    # A dry run says them too, as soon as it comes to what depends on the splits.
    done = workspace.snakemake("-n", config="warned.yaml")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    for warning in (passed, large, twins):
        assert said.count(f"Warning: {warning}") == 1
        assert said.index(warning) < said.index("rule train_member")

    # And what sampling finds out, once it has.
    (run / "contrast").mkdir()
    (run / "contrast/arithmetic.json").write_text('{"warnings": ["members hardly differ"]}')
    done = workspace.snakemake("-n", config="warned.yaml")
    assert (done.stdout + done.stderr).count("Warning: members hardly differ") == 1


def test_all_bad_pictures_are_named_at_the_end_of_the_console(workspace):
    """Issue 14.21: each with its reason, in one go."""
    pictures = workspace.folder / "pictures"
    pictures.mkdir()
    Image.new("RGB", (9, 9)).save(pictures / "good.png")
    Image.fromarray(np.zeros((9, 9), np.int32)).save(pictures / "deep.tif")
    (pictures / "empty.jpg").touch()
    (pictures / "text.png").write_text("no picture")
    config = {"run": "bad", "dataset": {"name": "folder", "path": "pictures", "size": 8}}
    (workspace.folder / "bad.yaml").write_text(yaml.safe_dump(config))
    done = workspace.snakemake("results/bad/data/training.npz", config="bad.yaml")
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()[-12:]  # below it Snakemake says where its own log is
    place = next(
        i for i, line in enumerate(lines) if line.startswith("encens: error: 3 of 4 pictures")
    )
    deep, empty, text, log = lines[place + 1 : place + 5]
    assert "deep.tif cannot be read as an image (signed and 32-bit numbers" in deep
    assert "empty.jpg cannot be read as an image (it is empty)" in empty
    assert "text.png cannot be read as an image (it is none of PNG" in text
    assert "fetch_dataset.log" in log
