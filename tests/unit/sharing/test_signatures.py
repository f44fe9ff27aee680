"""Signatures by ssh-keygen; tests/workflow/test_certificates.py signs certificates of a run."""

import shutil
import subprocess

import pytest
from encoded_ensembles.sharing import signatures
from encoded_ensembles.storage.files import InputError

needs_openssh = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("{}")
    return path


def test_an_unsigned_file_is_said_to_be_so_and_refused_with_signers(file, tmp_path):
    assert signatures.check(file, signers=None) == "unsigned"
    with pytest.raises(InputError, match=r"c\.json is unsigned, expected a signature in .*\.sig"):
        signatures.check(file, signers=tmp_path / "signers")


def test_without_openssh_no_file_is_signed(file, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="ssh-keygen was not found; install OpenSSH"):
        signatures.sign(file, key=tmp_path / "key")


@needs_openssh
def test_a_signature_names_its_key_and_its_signer(file, tmp_path):
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    for _ in range(2):  # an earlier signature is replaced
        assert signatures.sign(file, key=key) == tmp_path / "c.json.sig"
    assert signatures.check(file, signers=None).startswith("signed with ED25519 key SHA256:")
    signers.write_text(f"ada {(tmp_path / 'key.pub').read_text()}")
    assert signatures.check(file, signers=signers).startswith("signed by ada with ED25519 key")
    file.write_text("{ }")
    for given in (None, signers):
        with pytest.raises(InputError, match=r"ssh-keygen -Y [\w-]+ refused it"):
            signatures.check(file, signers=given)


@needs_openssh
def test_a_key_that_is_none_is_refused(file, tmp_path):
    with pytest.raises(InputError, match=r"--key .*nothing: ssh-keygen -Y sign refused it"):
        signatures.sign(file, key=tmp_path / "nothing")
