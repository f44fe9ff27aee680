"""Certificates of non-influence: those that hold verify, and nothing in them can be altered."""

import itertools
import json
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from encoded_ensembles.codes import masks
from encoded_ensembles.ensemble import sampling
from encoded_ensembles.members.load import load_unet
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates, signatures, verification
from encoded_ensembles.storage.files import InputError, read_tensors


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    """A copy of what a certificate binds, and run.json: not the images, nor the members it drops."""
    folder = tmp_path_factory.mktemp("bound") / "toy"
    source = finished.results()
    for name in ("run.json", "code", "noise", "splits", "members"):
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        folder.mkdir(exist_ok=True)
        copy(source / name, folder / name)
    return Run(folder)


@pytest.fixture(scope="module")
def members(run):
    return [load_unet(folder, device=torch.device("cpu")) for folder in run.member_folders]


def certify(run, members, folder, *, sample, units):
    """Certify as `encens certify` does, without starting a process."""
    numbers = np.flatnonzero(np.isin(run.code["unit_names"], units))
    mask = masks.set_keep(run.code["code"][numbers])
    noise = read_tensors(run.folder / "noise/landscape.safetensors")["noise"]
    drawn = sampling.sample(
        members, keep=mask[None], noise=noise[:, sample : sample + 1], sampler="ddpm",
        device=torch.device("cpu"),
    )  # fmt: skip
    file = folder / f"{sample}-{'-'.join(map(str, numbers))}.json"
    subjects = certificates.write_picture(
        file.with_suffix(".safetensors"), drawn[0, 0], sample=sample, keep=mask
    )
    text = certificates.statement(run, sample=sample, units=units, subjects=subjects)
    file.write_bytes(certificates.dump(text))
    return file


def test_the_certificate_of_every_sample_and_unit_verifies(run, members, finished, tmp_path):
    names = run.code["unit_names"].tolist()
    landscape = {}
    for block in ("1-of-2", "2-of-2"):
        part = read_tensors(finished.results() / f"landscape/{block}.safetensors")
        landscape |= dict(zip(part["units"].tolist(), part["counterfactuals"], strict=True))
    for sample, unit in itertools.product(range(3), range(len(names))):
        file = certify(run, members, tmp_path, sample=sample, units=[names[unit]])
        assert verification.verify(file, run)["predicate"]["sample"] == sample
        held = read_tensors(file.with_suffix(".safetensors"))["counterfactual"]
        assert np.array_equal(held, landscape[unit][sample])  # the same bytes as the pipeline's


def test_in_totos_own_library_reads_it(run, members, tmp_path):
    from google.protobuf.json_format import Parse
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    file = certify(run, members, tmp_path, sample=0, units=pair(run))
    read = Statement.copy_from_pb(Parse(file.read_text(), Message()))
    read.validate()
    assert read.pb.predicate["sample"] == 0
    assert [subject.name for subject in read.pb.subject] == [
        f"{file.stem}.safetensors",
        f"{file.stem}.png",
    ]


def pair(run):
    """Return two units that some member has not seen."""
    code = run.code["code"]
    for a in range(len(code)):
        for b in range(a):
            if masks.set_keep(code[[a, b]]).any():
                return run.code["unit_names"][[a, b]].tolist()
    raise AssertionError


def fields(value, path=()):
    """Yield the path of every field of a JSON value, leaves and branches."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from fields(child, (*path, key))


def altered(value):
    """Return another value of the same kind."""
    if isinstance(value, str):
        return "0" * 64 if len(value) == 64 else value + "x"
    return value + 1 if isinstance(value, int) else type(value)()


def test_every_altered_or_missing_field_is_refused(run, members, tmp_path):
    file = certify(run, members, tmp_path, sample=1, units=pair(run))
    whole = json.loads(file.read_text())
    paths = list(fields(whole))
    assert len(paths) >= 50
    for path in paths:
        for change in ("alter", "remove", "add"):
            text = json.loads(file.read_text())
            *front, last = path
            place = text
            for key in front:
                place = place[key]
            if change == "remove":
                del place[last]
            elif change == "alter":
                if place[last] in ([], {}):
                    continue
                place[last] = altered(place[last])
            elif isinstance(place[last], dict):
                place[last]["more"] = "x"
            elif isinstance(place[last], list):
                place[last].append("x")
            else:
                continue
            other = tmp_path / "altered.json"
            other.write_bytes(certificates.dump(text))
            with pytest.raises(InputError, match=r"[.?]$"):
                verification.verify(other, run)


def test_a_hundred_random_altered_bytes_are_refused(run, members, tmp_path):
    """One byte of any bound file, of the certificate or of its pictures; each with a reason."""
    rng = random.Random(1)
    file = certify(run, members, tmp_path, sample=2, units=pair(run))
    given = verification.verify(file, run)
    bound = [run.folder / name for name in given["predicate"]["files"]]
    bound += [file, file.with_suffix(".safetensors"), file.with_suffix(".png")]
    reasons = set()
    for trial in range(100):
        target = bound[trial % len(bound)]
        whole = target.read_bytes()
        place = rng.randrange(len(whole))
        changed = bytes([whole[place] ^ rng.randrange(1, 256)])
        target.write_bytes(whole[:place] + changed + whole[place + 1 :])
        try:
            with pytest.raises(InputError) as refused:
                verification.verify(file, Run(run.folder))
        finally:
            target.write_bytes(whole)
        reasons.add(str(refused.value))
        assert len(str(refused.value)) > 20
    assert len(reasons) > 50
    verification.verify(file, Run(run.folder))


def test_white_space_in_a_certificate_is_refused(run, members, tmp_path):
    file = certify(run, members, tmp_path, sample=0, units=pair(run)[:1])
    file.write_bytes(file.read_bytes().replace(b'": "', b'":  "', 1))
    with pytest.raises(InputError, match="it was edited"):
        verification.verify(file, run)


def test_a_lie_that_is_consistent_in_itself_is_refused(run, members, tmp_path):
    """A member is swapped for one that saw the unit, its digests with it."""
    name = run.code["unit_names"][0]
    file = certify(run, members, tmp_path, sample=0, units=[name])
    text = json.loads(file.read_text())
    saw = run.members[int(np.flatnonzero(run.code["code"][0])[0])]
    kept = text["predicate"]["kept"]
    text["predicate"]["kept"] = sorted([saw, *kept[1:]])
    files = {key: value for key, value in text["predicate"]["files"].items() if kept[0] not in key}
    for bound in certificates.bound_files([saw], run.config):
        files[bound] = certificates.sha256_file(run.folder / bound)
    text["predicate"]["files"] = files
    file.write_bytes(certificates.dump(text))
    with pytest.raises(InputError, match=r"predicate\.files"):
        verification.verify(file, run)


def test_a_manifest_that_hides_a_unit_is_refused(finished, tmp_path):
    """A member trained on the unit is given the manifest of one that was not."""
    folder = tmp_path / "toy"
    shutil.copytree(finished.results(), folder)
    run = Run(folder)
    stays, saw = (
        run.members[int(np.flatnonzero(run.code["code"][0] == bit)[0])] for bit in (False, True)
    )
    name = run.code["unit_names"][0]
    shutil.copytree(folder / f"members/{saw}", folder / f"members/{stays}", dirs_exist_ok=True)
    with pytest.raises(InputError, match=f"member {stays} was trained on a split with digest"):
        certificates.statement(run, sample=0, units=[name], subjects=[])


def test_equal_pixels_in_another_unit_are_stated(finished, tmp_path):
    run = Run(finished.results())
    images = run.images.copy()
    images.loc[5, "pixels_sha256"] = images.loc[0, "pixels_sha256"]
    run.__dict__["images"] = images
    units = [run.code["unit_names"][0]]
    text = certificates.statement(run, sample=0, units=units, subjects=[])
    twin = {"name": images["name"][5], "unit_name": images["unit_name"][5]}
    assert text["predicate"]["same_pixels_in_other_units"] == [twin]


def test_units_that_every_member_saw_cannot_be_certified(finished):
    run = Run(finished.results())
    with pytest.raises(InputError, match="every one of the 6 members saw one of"):
        certificates.statement(run, sample=0, units=run.code["unit_names"].tolist(), subjects=[])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    kind, key, *_ = (folder / "one.pub").read_text().split()
    (folder / "signers").write_text(f"registrar@example.org {kind} {key}\n")
    return folder


def test_signatures(keys, tmp_path):
    file = tmp_path / "certificate.json"
    file.write_text("{}\n")
    signers = keys / "signers"
    assert signatures.check(file, signers=None) == "unsigned"
    with pytest.raises(InputError, match="is unsigned, expected a signature"):
        signatures.check(file, signers=signers)
    signatures.sign(file, key=keys / "one")
    assert "its owner not checked" in signatures.check(file, signers=None)
    assert "signed by registrar@example.org" in signatures.check(file, signers=signers)
    file.write_text("{ }\n")
    for allowed in (None, signers):
        with pytest.raises(InputError, match="refused it"):
            signatures.check(file, signers=allowed)
    signatures.sign(file, key=keys / "two")
    with pytest.raises(InputError, match="refused it"):
        signatures.check(file, signers=signers)
    with pytest.raises(InputError, match="--key"):
        signatures.sign(file, key=keys / "absent")


def test_the_verbs(rerun, keys, tmp_path):
    """Certify, verify without torch, sample again, and refuse."""
    names = (rerun.results() / "code/units.csv").read_text().splitlines()[1:3]
    unit = names[0].split(",")[1]
    done = rerun.encens(
        "certify", "--run", "toy", "--sample", 1, "--units", unit, "--key", keys / "one"
    )
    assert done.returncode == 0, done.stderr
    (file,) = (rerun.results() / "certificates").glob("*.json")
    done = rerun.encens("verify", file, "--signers", keys / "signers", "--resample")
    assert done.returncode == 0, done.stderr
    assert "holds. sample 1 without" in done.stdout
    assert "signed by registrar@example.org" in done.stdout
    assert "with the same bytes" in done.stdout
    code = (
        "import sys; from encoded_ensembles import cli; sys.argv[1:] = ['verify', sys.argv[1]]\n"
        "try: cli.main()\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], env=rerun.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False"
    done = rerun.encens("certify", "--run", "toy", "--sample", 1, "--units", unit)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("; unsigned\n")
    assert not signatures.signature_file(file).exists()
    file.with_suffix(".png").write_bytes(b"x")
    done = rerun.encens("verify", file)
    assert done.returncode == 1
    assert "has sha256" in done.stderr
    assert "Traceback" not in done.stderr
    done = rerun.encens("certify", "--run", "toy", "--sample", 9, "--units", unit)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "--sample is 9, expected 0 to 2" in done.stderr
