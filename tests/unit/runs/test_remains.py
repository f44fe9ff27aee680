"""What remains of units in the folder of a run, and its deletion."""

import numpy as np
import pytest
from encoded_ensembles.data import images as data
from encoded_ensembles.runs import forgetting, layout, remains, walk
from encoded_ensembles.runs.remains import Goes
from encoded_ensembles.storage import disk
from six_units import CODE, six_units

MADE_AGAIN = [
    "data/training.npz", "code/code.npz", "splits/00.json", "members/00/training.json", "samples/ensemble.safetensors",
    "landscape/1-of-5.safetensors", "influence/influence.parquet", "gallery.html", "figures/code.png",
]  # fmt: skip
LEFT = [
    "landscape/1-of-6.safetensors", "sets/one.safetensors", "retrain/same/5/1/training.json",
    "studies/levels.parquet", "checkpoints/00.safetensors", "checkpoints/same.0.1.safetensors",
    "checkpoints/trained/00/training.json", "ensemble/members/01/config.json", "universe.ctf", "universe.npz",
    "certificates/sample-1.0.png", "forget/old/samples.png", "logs/ablate_set.one.log", "landscape/.x.host.1.tmp",
    "members/12/training.json", "splits/12.sha256", "splits/heldout.3.json", "checkpoints/12.safetensors",
    "checkpoints/trained/12/loss.csv", "ledger/words-1.npz.damaged", ".ensemble.abc/new/code.npz",
]  # fmt: skip
STAY = ["ledger/words-1.npz", "forget/old/answer.json", "forget/now/samples.png", "run.json", "config.yaml", "mine/notes.txt", "data/mine.csv"]  # fmt: skip
NOTHING = [
    "members/02/training.json", "splits/02.json", "checkpoints/02.safetensors", "checkpoints/trained/02/loss.csv",
    "noise/landscape.safetensors", "data/heldout.npz", "frechet/classifier.json", "benchmarks/a.tsv",
]  # fmt: skip


@pytest.fixture
def configured(schema):
    return six_units(schema)


def test_images_that_are_set_aside_may_be_of_the_same_units():
    pixels = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    labels = np.array([0, 1, 1, 0])
    names = np.array(["p/1", "q/2", "q/3", "p/4"])
    images = data.ImageSet(pixels, labels, np.array(["cat", "dog"]), names)
    same = {data.pixel_digests(pixels)[1]}
    find = remains.find_kin
    assert find(images, ["cat"], same, by="image") == ["q/2"]
    assert find(images, ["cat"], same, by="label") == ["p/1", "q/2", "p/4"]
    assert find(images, ["q"], set(), by="folder") == ["q/2", "q/3"]
    captions = {"p/1": "a cat", "q/2": "cats", "q/3": "a cat and a dog"}
    assert find(images, ["dog"], same, by="word", caption_of=captions) == ["q/2", "q/3"]
    assert find(images, ["cat"], set(), by="word", caption_of=captions) == ["p/1", "q/3"]
    assert find(images.take(np.arange(0)), ["q"], set(), by="folder") == []


def test_what_remains_is_found_and_deleted_as_it_says(configured, tmp_path):
    """Issue 14.5: forget lists everything of the unit in the folder of the run, and removes it on request."""
    run = tmp_path / "results/a"
    for name in [*MADE_AGAIN, *LEFT, *STAY, *NOTHING]:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("x")
    new = forgetting.plan(configured, CODE, ["u0"]).config
    found = remains.find_remains(
        run,
        kept=["02", "03"],
        again=layout.outputs(new, landscape=5, frechet=1, classifier=True),
        classifier=False,
        answer=run / "forget/now",
    )
    by_fate = {goes: set() for goes in Goes}
    for each in found:
        assert each.holds
        unknown = each.place in ("mine", "data/mine.csv")
        assert each.holds.startswith("not known") == unknown
        by_fate[each.goes] |= {file.relative_to(run).as_posix() for file in each.files}
    assert by_fate == {Goes.RERUN: {*MADE_AGAIN}, Goes.DELETED: {*LEFT}, Goes.STAYS: {*STAY}}
    assert remains.delete(found) == len(LEFT)
    left = {file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file()}
    assert left == {*MADE_AGAIN, *STAY, *NOTHING}
    assert not (run / "certificates").exists()
    assert all(any(folder.iterdir()) for folder in run.rglob("*") if folder.is_dir())


def test_every_place_that_a_rule_writes_to_is_known():
    """A new folder of a run needs a word on what it holds of a unit."""
    places = disk.FOLDERS | disk.TOP
    assert places <= remains.HOLDS.keys()


@pytest.mark.parametrize(("makes", "goes"), [(True, Goes.RERUN), (False, Goes.DELETED)])
def test_a_classifier_that_saw_training_pictures_holds_weights_trained_on_them(
    configured, tmp_path, makes, goes
):
    """With few spare images it is trained on the training images; another extractor leaves it behind."""
    run = tmp_path / "results/a"
    (run / "frechet").mkdir(parents=True)
    for file in layout.CLASSIFIER:
        (run / file).write_text("x")
    again = layout.outputs(configured, landscape=5, frechet=1, classifier=makes)
    how = {"kept": [], "again": again, "answer": run / "forget/now"}
    (found,) = remains.find_remains(run, **how, classifier=True)
    assert (found.place, found.holds, found.goes) == ("frechet/classifier", remains.WEIGHTS, goes)
    assert remains.find_remains(run, **how, classifier=False) == []


@pytest.fixture
def linked(tmp_path):
    """A run with links: folders on another disk, one of another run, one of the user's, and a file."""
    run, disk, other = tmp_path / "results/a", tmp_path / "disk", tmp_path / "results/b"
    files = [
        "disk/members/00/training.json", "disk/checkpoints/00.safetensors", "disk/weights/training.json", "disk/universe.ctf",
        "results/b/logs/a.log", "mine/a.png",
    ]  # fmt: skip
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("x")
    run.mkdir()
    links = {
        "members": disk / "members", "checkpoints": disk / "checkpoints", "logs": other / "logs", "sets": run,
        "mine": tmp_path / "mine", "universe.ctf": disk / "universe.ctf",
    }  # fmt: skip
    for name, target in links.items():
        (run / name).symlink_to(target)
    (run / "members/01").symlink_to(disk / "weights")
    return run


def test_what_a_linked_folder_holds_is_listed_and_deleted(configured, linked, tmp_path):
    """The link was deleted, and the weights stayed on the other disk; a linked members/ was not known."""
    again = layout.outputs(configured, landscape=5, frechet=1, classifier=False)
    found = remains.find_remains(
        linked, kept=[], again=again, answer=linked / "forget/now", classifier=False
    )
    listed = {each.place: (each.goes, each.holds) for each in found}
    weights = remains.WEIGHTS
    assert listed["members/00"] == listed["members/01"] == (Goes.RERUN, weights)
    assert listed["checkpoints"] == (Goes.DELETED, weights)
    for name, target in {"logs": "results/b/logs", "universe.ctf": "disk/universe.ctf"}.items():
        goes, holds = listed[name]
        assert goes is Goes.STAYS
        assert holds.startswith(f"a link to {tmp_path / target}: ")
    assert listed["mine"][0] is Goes.STAYS
    remains.delete(found)
    assert not list((tmp_path / "disk/checkpoints").iterdir())
    assert (linked / "checkpoints").is_symlink()
    kept = ["disk/members/00/training.json", "disk/universe.ctf", "results/b/logs/a.log", "mine/a.png"]  # fmt: skip
    assert all((tmp_path / file).is_file() for file in kept)


def test_every_folder_that_may_be_a_link_is_known():
    files = {*disk.TOP, "universe.ctf", "universe.npz", "ledger"}
    assert walk.WRITTEN | files == remains.HOLDS.keys() | files
