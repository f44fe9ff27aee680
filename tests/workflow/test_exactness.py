"""The laws of a unit: its counterfactual does not know it, and who never saw it is not trained again."""

import hashlib
import json

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file
from sklearn.datasets import load_digits
from workspace import Workspace

MEMBERS, WEIGHT = 5, 2
LANDSCAPE = "results/own/landscape/1-of-1.safetensors"
TARGETS = (LANDSCAPE, "results/own/members/full/training.json")
CONFIG = {
    "run": "own",
    "dataset": {"name": "folder", "path": "pictures", "size": 8, "channels": 1, "images": None, "heldout": 4, "spare": 0},
    "code": {"members": MEMBERS, "weight": WEIGHT, "null_words": 2},
    "model": {"widths": [8]},
    "training": {"epochs": 6, "steps_per_epoch": 2},
    "sampling": {"samples": 3, "steps": 4},
    "landscape": {"blocks": 1},
    "frechet": {"extractor": "pixels", "samples": 20},
    "figures": {"samples": [0]},
}  # fmt: skip


def picture(number):
    return np.rint(load_digits().images[number] * (255 / 16)).astype(np.uint8)


def save(workspace, name, pixels):
    Image.fromarray(pixels).save(workspace.folder / "pictures" / name)


def prepare(folder):
    """Make a workspace with a folder of eleven digits, of which four are held out."""
    workspace = Workspace(folder)
    (workspace.folder / "pictures").mkdir()
    for number in range(11):
        save(workspace, f"{number:02d}.png", picture(number))
    (workspace.folder / "own.yaml").write_text(yaml.safe_dump(CONFIG))
    return workspace


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run on the folder, up to its landscape."""
    workspace = prepare(tmp_path_factory.mktemp("own"))
    workspace.run(*TARGETS, config="own.yaml")
    return workspace


class State:
    """What a run gave: the words, the members' weights and the landscape, by name."""

    def __init__(self, workspace):
        results = workspace.results("own")
        code = np.load(results / "code/code.npz")
        names = code["unit_names"].tolist()
        self.words = {name: tuple(word) for name, word in zip(names, code["code"], strict=True)}
        self.null = code["null_words"].tolist()
        self.heldout = np.load(results / "data/heldout.npz")["names"].tolist()
        block = load_file(workspace.folder / LANDSCAPE)
        self.counterfactual = {
            names[unit]: picture.tobytes()
            for unit, picture in zip(block["units"], block["counterfactuals"], strict=True)
        }
        self.members = [
            hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(results.glob("members/??/*.safetensors"))
        ]


def check_retrained(counts, before, after, word):
    """Exactly the members that see the unit, and the full model, were trained again."""
    assert counts["train_member"] == WEIGHT + 1
    changed = [a != b for a, b in zip(before.members, after.members, strict=True)]
    assert changed == list(word)
    assert (before.null, before.heldout) == (after.null, after.heldout)


NOISE = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
BLACK = np.zeros((8, 8), np.uint8)


def replace_a_unit(workspace, *targets, pictures=(NOISE, BLACK)):
    """Replace a unit by pictures in turn, and run each time."""
    before = State(workspace)
    name = list(before.words)[2]
    others = set(before.words) - {name}
    for pixels in pictures:
        save(workspace, name, pixels)
        counts = workspace.run(*targets, config="own.yaml")
        after = State(workspace)
        assert after.counterfactual[name] == before.counterfactual[name]
        assert after.words == before.words
        check_retrained(counts, before, after, before.words[name])
        assert all(after.counterfactual[u] != before.counterfactual[u] for u in others)
        before = after


def test_a_counterfactual_does_not_know_what_its_unit_was(own):
    replace_a_unit(own, *TARGETS)


@pytest.mark.slow
def test_a_counterfactual_does_not_know_what_its_unit_was_in_whole_runs(tmp_path):
    workspace = prepare(tmp_path)
    workspace.run(config="own.yaml")
    replace_a_unit(workspace, pictures=(NOISE, picture(50), BLACK))


def test_removing_and_adding_a_unit_moves_no_other(own):
    first = State(own)
    name = list(first.words)[4]
    (own.folder / "pictures" / name).unlink()
    counts = own.run(*TARGETS, config="own.yaml")
    removed = State(own)
    assert removed.words == {u: word for u, word in first.words.items() if u != name}
    check_retrained(counts, first, removed, first.words[name])

    save(own, "new.png", picture(99))
    counts = own.run(*TARGETS, config="own.yaml")
    added = State(own)
    assert {u: word for u, word in added.words.items() if u != "new.png"} == removed.words
    assert added.words["new.png"] not in removed.words.values()
    check_retrained(counts, removed, added, added.words["new.png"])


def configure(workspace, name, **changes):
    base = yaml.safe_load((workspace.folder / "toy.yaml").read_text())
    (workspace.folder / name).write_text(yaml.safe_dump(base | changes))


def units_of(workspace):
    code = np.load(workspace.results() / "code/code.npz")
    return code["unit_names"].tolist(), code["code"]


def test_forgetting_at_once_and_after_retraining(rerun):
    names, code = units_of(rerun)
    done = rerun.encens("forget", "--run", "toy", "--units", names[0])
    assert done.returncode == 0, done.stderr
    (folder,) = (rerun.results() / "forget").iterdir()
    answer = json.loads((folder / "answer.json").read_text())
    assert answer["members_that_never_saw_them"] == [f"{m:02d}" for m in np.flatnonzero(~code[0])]
    block = load_file(rerun.results() / "landscape/1-of-2.safetensors")
    without = load_file(folder / "samples.safetensors")["samples"]
    assert np.array_equal(without, block["counterfactuals"][0])
    lines = (folder / "frechet.csv").read_text().splitlines()
    scored = [["real", "0"], ["factual", "6"], ["without", "3"]]
    assert [line.split(",")[:2] for line in lines[1:]] == scored
    assert "without (3 members): Frechet distance (data-set classifier)" in done.stdout
    assert "Too few images" in done.stdout  # issue 14.20b
    config = str((folder / "config.yaml").relative_to(rerun.folder))
    assert f"--configfile {config}" in done.stdout

    counts = rerun.run("--until", "train_member", config=config)
    assert counts["train_member"] == code[0].sum() + 1
    after, words = units_of(rerun)
    assert after == names[1:]
    assert np.array_equal(words, code[1:])
    assert names[0] not in np.load(rerun.results() / "data/training.npz")["names"]
    again = rerun.snakemake("--until", "train_member", config=config)
    assert "Nothing to be done" in again.stderr


def test_forgetting_what_every_member_saw(rerun):
    names, _ = units_of(rerun)
    done = rerun.encens("forget", "--run", "toy", "--units", ",".join(names[:6]))
    assert done.returncode == 1
    assert "every one of the 6 members saw one of these units" in done.stderr
    (config,) = (rerun.results() / "forget").glob("*/config.yaml")
    assert yaml.safe_load(config.read_text())["units"]["exclude"] == names[:6]


def test_sets_of_units(rerun):
    names, code = units_of(rerun)
    pair = next([a, b] for a in range(12) for b in range(a) if not code[[a, b]].any(axis=0).all())
    sets = {"pair": [names[unit] for unit in pair]}
    configure(rerun, "sets.yaml", landscape={"blocks": 2, "sets": sets})
    rerun.run("results/toy/sets/pair.safetensors", config="sets.yaml")
    found = load_file(rerun.results() / "sets/pair.safetensors")
    assert found["keep"].tolist() == (~code[pair].any(axis=0)).tolist()
    assert found["units"].tolist() == sorted(pair)
    configure(rerun, "sets.yaml", landscape={"blocks": 2, "sets": sets | {"all": names}})
    done = rerun.snakemake("results/toy/sets/all.safetensors", config="sets.yaml")
    assert done.returncode == 1
    assert "sets.all: every one of the 6 members sees one of these units" in done.stderr


def test_a_family_without_null_words(workspace):
    code = {"family": "partition", "members": 2, "weight": None, "null_words": 0}
    configure(workspace, "partition.yaml", code=code)
    figures = [f"results/toy/figures/{name}.png" for name in ("landscape", "evidence", "aliasing")]
    workspace.run(*figures, config="partition.yaml")
    table = (workspace.results() / "influence/influence.csv").read_text().splitlines()
    assert {line.split(",")[5] for line in table[1:]} == {"1.0"}
    contrast = (workspace.results() / "contrast/contrast.csv").read_text().splitlines()
    assert {line.split(",")[-1] for line in contrast[1:]} == {"False"}
