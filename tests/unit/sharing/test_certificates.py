"""What a certificate may say: of which members and images, on a run of files alone."""

import pytest
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
