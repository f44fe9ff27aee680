"""Signatures on certificates, by OpenSSH's ssh-keygen -Y.

Source: man ssh-keygen, options -Y sign, -Y verify, -Y find-principals, -Y check-novalidate.
"""

import subprocess
from pathlib import Path

from encoded_ensembles.storage.files import InputError

NAMESPACE = "certificate@encoded-ensembles"


def signature_file(path: Path) -> Path:
    """Return the path of the signature of the file at `path`."""
    return path.with_name(f"{path.name}.sig")


def sign(path: Path, *, key: Path) -> Path:
    """Sign a file with an SSH private key, or with the public key of one in an agent.

    Returns:
        path of the signature.

    Raises:
        InputError: the key is not usable, or ssh-keygen is not installed.
    """
    signature = signature_file(path)
    signature.unlink(missing_ok=True)  # ssh-keygen asks before it overwrites
    _ssh_keygen("sign", "-f", str(key), "-n", NAMESPACE, str(path), failure=f"--key {key}")
    return signature


def check(path: Path, *, signers: Path | None) -> str:
    """Check the signature of a file, and return a phrase that names the signer.

    Args:
        path: the file.
        signers: OpenSSH's allowed_signers file (lines `name key-type key`), which assigns keys to
            names; without it only the key is named.

    Raises:
        InputError: the signature does not match the file, its key is not among the signers, or
            `signers` is passed but the file is unsigned.
    """
    signature = signature_file(path)
    if not signature.is_file():
        if signers:
            raise InputError(f"{path} is unsigned, expected a signature in {signature}.")
        return "unsigned"
    common = ("-n", NAMESPACE, "-s", str(signature))
    content = path.read_bytes()
    if signers is None:
        output = _ssh_keygen("check-novalidate", *common, stdin=content, failure=str(signature))
        return f"signed with {_key(output)}, its owner not checked (--signers does)"
    allowed = ("-f", str(signers))
    principals = _ssh_keygen(
        "find-principals", *allowed, "-s", str(signature), failure=str(signature)
    )
    name = principals.splitlines()[0]
    output = _ssh_keygen(
        "verify", *allowed, "-I", name, *common, stdin=content, failure=str(signature)
    )
    return f"signed by {name} with {_key(output)}"


def _key(output: str) -> str:
    """Return the key from a line such as: Good "x" signature with ED25519 key SHA256:abc."""
    return output.strip().splitlines()[-1].partition(" with ")[2]


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
        message = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise InputError(f"{failure}: ssh-keygen -Y {action} refused it ({message[:200]}).")
    return done.stdout.decode(errors="replace")
