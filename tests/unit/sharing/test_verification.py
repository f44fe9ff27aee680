"""Certificates and their verification, on a run made by hand: files alone, no network is trained.

What real certificates say is in tests/workflow/test_certificates.py.
"""

import json

import numpy as np
import pytest
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates, verification
from encoded_ensembles.storage.files import InputError, read_facts, write_facts
from run_of_files import SHAPE, certify, make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


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


@pytest.mark.parametrize("shape", [SHAPE, (1, 2, 8), (3, 4, 4), (1, 5, 4)])
def test_a_png_that_shows_something_else_is_refused(run, tmp_path, shape):
    """Issue 14.28: the digest in the certificate is that of the foreign picture."""
    file = certify(run, tmp_path, picture=np.zeros(shape, np.float32))
    refused(run, file, r"certificate.png does not show what .*certificate.safetensors holds")


def test_a_picture_of_bfloat16_is_bound_to_its_batch(run, tmp_path):
    """Its bytes depend on it."""
    record = read_facts(run.folder / "run.json")
    record["config"]["sampling"] |= {"precision": "bfloat16", "batch": 16}
    write_facts(run.folder / "run.json", record)
    file = certify(Run(run.folder), tmp_path)
    verification.verify(file, Run(run.folder))
    record["config"]["sampling"]["batch"] = 8
    write_facts(run.folder / "run.json", record)
    refused(Run(run.folder), file, r"predicate.batch is 16, but the files of the run give 8")


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
