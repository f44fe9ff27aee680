"""Downloads: resumed after interruptions, retried, and checked before a file gets its name.

`pooch` also checks and names files, but it restarts from the beginning after every interruption.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encoded_ensembles.progress import report
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import requests

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each further attempt at an address
TIMEOUT = (10.0, 30.0)  # seconds to connect, and without data
CHUNK = 1 << 16  # bytes

Check = Callable[[Path], None]  # raises InputError if a file is not the expected one


class RefusedError(Exception):
    """An address does not have the file, and retrying is useless."""


def obtain(target: Path, addresses: Sequence[str], *, check: Check, largest: int) -> Path:
    """Return `target`; it is downloaded if it does not exist or fails the check.

    One process downloads it; others that want it wait.

    Args:
        target: the file; a partial download is beside it as .{name}.part, and a lock as .{name}.lock.
        addresses: of the file, tried in this order.
        check: raises InputError if a file is not the expected one.
        largest: largest size of the file in bytes.

    Raises:
        InputError: no address provides the file, or its folder cannot be written.
    """
    from filelock import FileLock

    if target.is_file() and _problem(target, check) is None:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    held = FileLock(lock)
    try:
        held.acquire()
    except OSError as error:
        raise InputError(f"{lock} cannot be written ({error.strerror}).") from error
    try:
        if target.is_file() and (problem := _problem(target, check)):
            report(f"{problem} It is downloaded again.")
            target.unlink()
        if not target.is_file():
            _download(target, addresses, check=check, largest=largest)
    finally:
        lock.unlink(missing_ok=True)  # those who wait for it look for the file first
        held.release()
    return target


def _problem(file: Path, check: Check) -> InputError | None:
    """Return why a file is not the expected one; None if it is."""
    try:
        check(file)
    except InputError as error:
        return error
    return None


def _download(target: Path, addresses: Sequence[str], *, check: Check, largest: int) -> None:
    """Download `target` from the first address that provides it.

    Raises:
        InputError: none does.
    """
    problems = []
    for address in addresses:
        part = target.with_name(f".{target.name}.part")
        problem = _attempt(address, part, check=check, largest=largest)
        if problem is None:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
            return
        problems.append(f"{address} {problem}")
    raise InputError(
        f"{target.name} could not be downloaded: {'; '.join(problems)}. Connect to the network, set "
        f"dataset.mirror, or put the file into {target.parent}."
    )


def _attempt(address: str, part: Path, *, check: Check, largest: int) -> str | None:
    """Download to `part` with retries; return the last problem, or None."""
    import requests

    if not address.startswith(("https://", "http://")):
        raise InputError(f"{address} is not a web address, expected https:// or http://.")
    problem = None
    for pause in (0.0, *PAUSES):
        if problem:
            report(f"{address} {problem}; trying again in {pause:g} s")
            time.sleep(pause)
        started_at = part.stat().st_size if part.is_file() else 0
        try:
            transfer(address, part, largest=largest)
            check(part)
        except RefusedError as error:
            return str(error)
        except requests.RequestException as error:
            problem = _reason(error)
        except InputError as error:
            part.unlink(missing_ok=True)
            problem = f"sent another file ({str(error).rstrip('.')})"
            if not started_at:  # otherwise the earlier bytes may be the wrong ones
                return problem
        except OSError as error:
            raise InputError(f"{part} cannot be written ({error.strerror}).") from error
        else:
            return None
    return problem


def transfer(address: str, part: Path, *, largest: int) -> None:
    """Download an address to `part`, after its existing bytes if the server supports that.

    Raises:
        RefusedError: the server does not have the file.
        requests.RequestException: the server cannot be reached, or the transfer breaks off or stalls.
    """
    import requests

    existing = part.stat().st_size if part.is_file() else 0
    # No compression in transfer: positions in the compressed stream are not positions in the file.
    headers = {"Accept-Encoding": "identity"} | (
        {"Range": f"bytes={existing}-"} if existing else {}
    )
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # the file is complete or wrong: the check decides
        if response.status_code == requests.codes.too_many_requests or response.status_code >= 500:
            response.raise_for_status()
        if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise RefusedError(f"answers {response.status_code} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise RefusedError("sends a web page in place of the file")
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {existing}-")
        done = existing if resumed and response.status_code == requests.codes.partial_content else 0
        with part.open("ab" if done else "wb") as file:
            _copy(response, file.write, name=address, done=done, largest=largest)


def _copy(
    response: "requests.Response",
    write: Callable[[bytes], int],
    *,
    name: str,
    done: int,
    largest: int,
) -> None:
    """Write the content of a response; `done` bytes exist already."""
    length = response.headers.get("Content-Length", "")
    total = f"{(done + int(length)) >> 20}" if length.isdecimal() else "?"
    last = time.monotonic()
    for chunk in response.iter_content(CHUNK):
        done += len(chunk)
        if done > largest:
            raise RefusedError(f"sends more than the {largest} bytes that the file can have")
        write(chunk)
        if time.monotonic() - last >= 10:
            report(f"{name}: {done >> 20} of {total} MiB")
            last = time.monotonic()


def _reason(error: "requests.RequestException") -> str:
    """Return the reason of a failed request in a few words."""
    import requests

    if error.response is not None:
        return f"answers {error.response.status_code} {error.response.reason}"
    if "timed out" in str(error).lower():
        return f"sent nothing for {TIMEOUT[1]:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke off"
    return f"cannot be reached ({type(error).__name__})"


def digest_check(known: str) -> Check:
    """Return a check that a file has a digest such as sha256:0f3a... or md5:77c1..."""
    kind, _, expected = known.partition(":")

    def check(file: Path) -> None:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, kind).hexdigest()
        if digest != expected:
            raise InputError(
                f"{file.name.removeprefix('.').removesuffix('.part')} has {kind} {digest} "
                f"({file.stat().st_size} bytes), expected {expected}."
            )

    return check
