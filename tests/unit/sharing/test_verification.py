"""Certificates and their verification, on a run made by hand: files alone, no network is trained.

What real certificates say is in tests/workflow/test_certificates.py.
"""

import json

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.codes.splits import to_ranges
from encoded_ensembles.data.images import image_digests, pixel_digests, set_digest
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates, verification
from encoded_ensembles.storage import files
from encoded_ensembles.storage.files import InputError

CODE = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], bool)
UNITS = ["a", "b", "c"]
UNIT_OF = np.array([0, 0, 1, 2])
SHAPE = (1, 4, 4)


def write_member(run, member, rows, *, base=None):
    """Write the split and the record of a member that is trained on some images."""
    digest = set_digest(run.images["sha256"].to_numpy()[rows])
    facts = {"images": to_ranges(np.array(rows)), "digest": digest}
    files.write_facts(run.folder / f"splits/{member}.json", facts)
    folder = run.folder / "members" / member
    frozen = {"base": base} if base else {}
    files.write_facts(folder / "training.json", {"split": digest} | frozen)
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        (folder / name).write_text(f"{name} of {member}")


@pytest.fixture
def run(tmp_path):
    """A run of four images in three units, with four members."""
    folder = tmp_path / "run"
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 1), dtype=np.uint8)
    names = [f"x/{i}" for i in range(4)]
    table = {
        "name": names,
        "unit_name": np.array(UNITS)[UNIT_OF],
        "sha256": image_digests(pixels, names),
        "pixels_sha256": pixel_digests(pixels),
    }
    files.write_table(folder / "code/images.parquet", pd.DataFrame(table))
    arrays = {"code": CODE, "unit_of": UNIT_OF, "unit_names": np.array(UNITS)}
    files.write_arrays(folder / "code/code.npz", arrays)
    noise = np.zeros((3, 2, *SHAPE), np.float32)
    files.write_tensors(folder / "noise/landscape.safetensors", {"noise": noise})
    config = {"run": "made", "model": {}, "sampling": {"scheduler": "ddpm"}}
    files.write_facts(folder / "run.json", {"config": config})
    made = Run(folder)
    for member in range(4):
        write_member(made, f"{member:02d}", np.flatnonzero(CODE[UNIT_OF, member]))
    return made


def certify(run, folder, *, sample=1, keep=None, shape=SHAPE, picture=None, units=("a",)):
    """Write a certificate of a picture as `encens certify` does, with whatever is wrong about it."""
    image = np.linspace(-1, 1, np.prod(shape), dtype=np.float32).reshape(shape)
    mask = np.array([False, False, True, True]) if keep is None else np.array(keep, bool)
    path = folder / "certificate.safetensors"
    subjects = certificates.write_picture(path, image, sample=sample, keep=mask)
    if picture is not None:
        certificates.write_picture(folder / "other.safetensors", picture, sample=0, keep=mask)
        (folder / "other.png").replace(subjects[1])
    text = certificates.statement(run, sample=sample, units=list(units), subjects=subjects)
    file = path.with_suffix(".json")
    file.write_bytes(certificates.dump(text))
    return file


def refused(run, file, reason):
    with pytest.raises(InputError, match=reason):
        verification.verify(file, run)


def test_a_certificate_names_the_kept_members_and_the_images(run, tmp_path):
    predicate = verification.verify(certify(run, tmp_path), run)["predicate"]
    assert (predicate["kept"], predicate["members"]) == (["02", "03"], 4)
    (unit,) = predicate["units"]
    assert (unit["name"], unit["word"]) == ("a", "1100")
    assert [image["name"] for image in unit["images"]] == ["x/0", "x/1"]
    assert {name.split("/")[1] for name in predicate["files"] if name.startswith("members")} == {
        "02",
        "03",
    }


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


@pytest.mark.parametrize("keep", [[0, 0, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_a_picture_of_other_members_is_refused(run, tmp_path, keep):
    """Issue 14.28: the picture itself says with which members it was sampled."""
    refused(
        run,
        certify(run, tmp_path, keep=keep),
        r"but the certificate is of sample 1 of members 02 03",
    )


def test_a_picture_of_another_sample_is_refused(run, tmp_path):
    file = certify(run, tmp_path)
    text = json.loads(file.read_text())
    text["predicate"]["sample"] = 0
    file.write_bytes(certificates.dump(text))
    refused(run, file, "is sample 1 of members 02 03, but the certificate is of sample 0")


def test_a_png_that_shows_something_else_is_refused(run, tmp_path):
    """Issue 14.28: the digest in the certificate is that of the foreign picture."""
    file = certify(run, tmp_path, picture=np.zeros(SHAPE, np.float32))
    refused(run, file, r"certificate.png does not show what .*certificate.safetensors holds")


def test_samples_and_shapes_that_the_noise_is_not_for_are_refused(run, tmp_path):
    """Issue 14.28: the noise is for two samples of 4x4 pixels."""
    assert verification.verify(certify(run, tmp_path, sample=1), run)["predicate"]["sample"] == 1
    refused(run, certify(run, tmp_path, sample=2), "but the noise is for 2 samples of shape")
    for shape in ((1, 8, 8), (3, 4, 4)):
        refused(run, certify(run, tmp_path, shape=shape), "but the noise is for 2 samples of shape")


def numbers(value, path=()):
    """Yield the path of every whole number in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        if type(child) is int:
            yield (*path, key)
        elif isinstance(child, dict | list):
            yield from numbers(child, (*path, key))


def test_a_number_of_another_type_is_refused(run, tmp_path):
    """Issue 14.28: 1.0 and true equal 1, and say something else."""
    file = certify(run, tmp_path)
    text = json.loads(file.read_text())
    paths = list(numbers(text))
    assert paths
    for path in paths:
        for change in (float, bool):
            altered = json.loads(file.read_text())
            *above, last = path
            place = altered
            for key in above:
                place = place[key]
            place[last] = change(place[last])
            said = verification.first_difference(altered, text)
            assert said, path
            assert said.startswith(".".join(map(str, path)))


def test_the_first_difference_by_hand():
    given = {"a": 1, "b": [{"c": "x"}, 2]}
    assert verification.first_difference(given, given) is None
    for other, said in (
        ({"a": 1}, "b is not part of a certificate"),
        (given | {"z": 0}, "z is missing"),
        ({"a": 1, "b": [{"c": "y"}, 2]}, 'b[0].c is "x", but the files of the run give "y"'),
        ({"a": 1, "b": [{"c": "x"}]}, "b is "),
        ({"a": 1, "b": [{"c": "x"}, 3]}, "b[1] is 2, but the files of the run give 3"),
        ({"a": "1", "b": given["b"]}, 'a is 1, but the files of the run give "1"'),
    ):
        assert verification.first_difference(given, other).startswith(said)


def test_every_bound_file_is_compared(run, tmp_path):
    file = certify(run, tmp_path)
    bound = [run.folder / name for name in json.loads(file.read_text())["predicate"]["files"]]
    for path in [*bound, tmp_path / "certificate.png", tmp_path / "certificate.safetensors"]:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused(run, file, f"{path.name} has sha256")
        path.unlink()
        refused(run, file, f"{path.name} is missing; the certificate binds it")
        path.write_bytes(whole)
    verification.verify(file, run)


def test_what_is_no_certificate_is_refused_in_one_sentence(run, tmp_path):
    file = certify(run, tmp_path)
    text = json.loads(file.read_text())
    for content, reason in (
        ("{", "is not JSON"),
        ("[]", "the certificate is not as it should be"),
        (json.dumps(text | {"_type": "other"}), "_type is not as it should be"),
        (json.dumps(text | {"subject": text["subject"][:1]}), "subject is not as it should be"),
        (json.dumps(text), "has the content but not the bytes that encens certify writes"),
    ):
        file.write_text(content)
        refused(run, file, reason)
    text["predicate"]["files"] = {"../../etc/passwd": "0" * 64}
    file.write_text(json.dumps(text))
    refused(run, file, r"names the file \.\./\.\./etc/passwd, expected one inside")
