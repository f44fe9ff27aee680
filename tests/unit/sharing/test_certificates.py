"""What a certificate may say: of which members and images, on a run of files alone."""

import pandas as pd
import pytest
from encoded_ensembles.data.images import set_digest
from encoded_ensembles.members.names import LORA_FILES
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates
from encoded_ensembles.storage import files
from encoded_ensembles.storage.files import InputError
from run_of_files import make_run, write_member


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


def test_an_image_of_the_unit_in_a_kept_members_split_is_refused(run):
    """Issue 14.28: the central claim. The digests agree; member 03 really was trained on it."""
    write_member(run, "03", [1, 3])
    with pytest.raises(InputError, match=r"split of member 03 holds the image with sha256 \w{64}"):
        certificates.statement(run, sample=0, units=["a"], subjects=[])
    write_member(run, "01", [0, 1, 2, 3])  # one that is not kept
    write_member(run, "03", [3])
    certificates.statement(run, sample=0, units=["a"], subjects=[])


def test_a_member_of_another_split_or_run_is_refused(run):
    path = run.folder / "splits/03.json"
    facts = files.read_facts(path)
    for change, reason in (
        ({"images": "2"}, "was trained on a split with digest"),
        ({"digest": "0" * 64}, "was trained on a split with digest"),
        ({"images": "3-4"}, r"names image 4, but code/images.parquet has 4"),
    ):
        files.write_facts(path, facts | change)
        with pytest.raises(InputError, match=reason):
            certificates.statement(run, sample=0, units=["a"], subjects=[])
    files.write_facts(path, facts)
    files.write_facts(run.folder / "members/03/training.json", {"split": "0" * 64})
    with pytest.raises(InputError, match="was trained on a split with digest 0000"):
        certificates.statement(run, sample=0, units=["a"], subjects=[])


def test_a_member_of_another_base_is_refused(run):
    """Members of this run are whole networks: one that was trained as an adapter is not of it."""
    write_member(run, "03", [3], base={"config.json": "0" * 64})
    with pytest.raises(InputError, match=r"member 03 was trained on the base .* expected none"):
        certificates.statement(run, sample=0, units=["a"], subjects=[])
    write_member(run, "03", [3])
    (run.folder / "members/03/adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="which sampling would use in place of its weights"):
        certificates.statement(run, sample=0, units=["a"], subjects=[])


def test_units_that_every_member_saw_are_refused(run):
    with pytest.raises(InputError, match="every one of the 4 members saw one of a, c"):
        certificates.kept_without(run, ["a", "c"])
    numbers, keep = certificates.kept_without(run, ["b", "a"])
    assert (numbers.tolist(), keep.tolist()) == ([0, 1], [False, False, False, True])


WORDS = ["red", "blue", "red", "green"]


def prompted(run, trained=WORDS, **more):
    """Return the run as one of adapters, of which those without unit a recorded the captions `trained`."""
    names = run.images["name"].tolist()
    captions = pd.DataFrame({"part": "training", "name": names, "caption": WORDS})
    files.write_table(run.folder / "data/captions.parquet", captions)
    for name in ("base/pipeline.json", "text/prompts.npz"):
        files.write_text(run.folder / name, name)
    for member, rows in (("02", [2, 3]), ("03", [3])):
        folder = run.folder / "members" / member
        for name in LORA_FILES:
            files.write_text(folder / name, name)
        digest = set_digest([f"{names[row]}\0{trained[row]}" for row in rows])
        facts = files.read_facts(folder / "training.json") | {"given": {}, "captions": digest}
        files.write_facts(folder / "training.json", facts)
    config = run.config | {"sampling": run.config["sampling"] | {"prompts": ["a"]}} | more
    files.write_facts(run.folder / "run.json", {"config": config})
    return Run(run.folder)


def test_captions_are_listed_bound_and_compared(run):
    own = prompted(run)
    predicate = certificates.statement(own, sample=0, units=["a"], subjects=[])["predicate"]
    (unit,) = predicate["units"]
    assert [image["caption"] for image in unit["images"]] == ["red", "blue"]
    assert "may have the same words" in predicate["captions"]["claim"]
    assert {"data/captions.parquet", "text/prompts.npz"} <= set(predicate["files"])
    other = prompted(run, trained=["red", "blue", "red", "gray"])
    with pytest.raises(InputError, match="member 02 was trained on captions with digest"):
        certificates.statement(other, sample=0, units=["a"], subjects=[])
    taken = prompted(run, trained=["", "", "", "x"], members={"given": "trained", "whole": False})
    predicate = certificates.statement(taken, sample=0, units=["a"], subjects=[])["predicate"]
    assert "trained on the base of this run" in predicate["trained_elsewhere"]["claim"]
