"""Signatures on certificates, by OpenSSH's ssh-keygen -Y.

Source: man ssh-keygen, options -Y sign, -Y verify, -Y find-principals, -Y check-novalidate.
"""

import subprocess
from pathlib import Path

from encoded_ensembles.storage.files import InputError

NAMESPACE = "certificate@encoded-ensembles"


def signature_file(path: Path) -> Path:
    """Return where the signature of the file at `path` lies."""
    return path.with_name(f"{path.name}.sig")


def sign(path: Path, *, key: Path) -> Path:
    """Sign a file with an SSH private key (or the public key of one that an agent holds).

    Returns:
        the signature's file.

    Raises:
        InputError: the key is not usable, or ssh-keygen is not installed.
    """
    signature = signature_file(path)
    signature.unlink(missing_ok=True)  # ssh-keygen asks before it overwrites
    _ssh_keygen("sign", "-f", str(key), "-n", NAMESPACE, str(path), failure=f"--key {key}")
    return signature


def check(path: Path, *, signers: Path | None) -> str:
    """Check the signature beside a file, and say in words who signed it.

    Args:
        path: the file.
        signers: OpenSSH's allowed_signers file (`name key-type key` a line), which says whose key
            is whose; without it only the key is named.

    Raises:
        InputError: the signature does not fit the file, its key is not among the signers, or there
            is none although signers are given.
    """
    signature = signature_file(path)
    if not signature.is_file():
        if signers:
            raise InputError(f"{path} is unsigned, expected a signature in {signature}.")
        return "unsigned"
    common = ("-n", NAMESPACE, "-s", str(signature))
    content = path.read_bytes()
    if signers is None:
        said = _ssh_keygen("check-novalidate", *common, stdin=content, failure=str(signature))
        return f"signed with {_key(said)}, whose it is was not checked (--signers does)"
    allowed = ("-f", str(signers))
    found = _ssh_keygen("find-principals", *allowed, "-s", str(signature), failure=str(signature))
    name = found.splitlines()[0]
    said = _ssh_keygen(
        "verify", *allowed, "-I", name, *common, stdin=content, failure=str(signature)
    )
    return f"signed by {name} with {_key(said)}"


def _key(said: str) -> str:
    """Return the key from a line such as: Good "x" signature with ED25519 key SHA256:abc."""
    return said.strip().splitlines()[-1].partition(" with ")[2]


def _ssh_keygen(action: str, *arguments: str, failure: str, stdin: bytes = b"") -> str:
    """Run ssh-keygen -Y and return what it printed.

    Raises:
        InputError: it failed, or is not installed.
    """
    try:
        done = subprocess.run(
            ["ssh-keygen", "-Y", action, *arguments], input=stdin, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise InputError("ssh-keygen was not found; install OpenSSH to use signatures.") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise InputError(f"{failure}: ssh-keygen -Y {action} refused it ({said[:200]}).")
    return done.stdout.decode(errors="replace")
