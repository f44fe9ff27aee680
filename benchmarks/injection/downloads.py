"""Servers that stall, drop, answer with a web page, or send wrong bytes."""

import hashlib
import http.server
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from encoded_ensembles.data.sources import download
from encoded_ensembles.storage.files import InputError

from injection.jobs import REFUSED, SAME, Row, World

FAULTS = 64
CONTENT = random.Random(0).randbytes(300_000)
KINDS = ("stalls", "drops", "page", "wrong bytes", "flipped", "503", "404", "longer")
FINAL = {
    "page",
    "wrong bytes",
    "flipped",
    "404",
    "longer",
}  # what an address is not asked again for


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, the first time with a fault."""

    fault: str
    cut: int
    asked: int

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        kind = type(self)
        kind.asked += 1  # type: ignore[misc]
        disturbed = kind.asked == 1 or self.fault in FINAL
        if disturbed and self.fault.isdecimal():
            self.send_error(int(self.fault))
            return
        begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        body, kind_of = CONTENT[begin:], "application/octet-stream"
        if disturbed:
            flipped = bytes([body[self.cut - begin] ^ 1]) if self.cut >= begin else b""
            body, kind_of = {
                "page": (b"<html>Please log in</html>", "text/html"),
                "wrong bytes": (random.Random(self.cut).randbytes(len(body)), kind_of),
                "flipped": (body[: self.cut] + flipped + body[self.cut + 1 :], kind_of),
                "longer": (body + b"more" * 100, kind_of),
            }.get(self.fault, (body, kind_of))
        self.send_response(206 if begin else 200)
        self.send_header("Content-Type", kind_of)
        self.send_header("Content-Length", str(len(body)))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        if disturbed and self.fault in ("stalls", "drops"):
            self.wfile.write(body[: self.cut])
            self.wfile.flush()
            if self.fault == "stalls":
                time.sleep(1.5)
            self.close_connection = True
        else:
            self.wfile.write(body)


def disturbed(_: World | None, rng: random.Random, limit: int | None) -> Iterator[Row]:
    """Download from servers with faults; half of the time another address has the file."""
    pauses, patience = download.PAUSES, download.TIMEOUT
    download.PAUSES, download.TIMEOUT = (0.0, 0.0), (5.0, 1.0)
    try:
        for number in range(FAULTS if limit is None else limit):
            yield _download(KINDS[number % len(KINDS)], rng, mirror=bool(number // len(KINDS) % 2))
    finally:
        download.PAUSES, download.TIMEOUT = pauses, patience


def _download(fault: str, rng: random.Random, *, mirror: bool) -> Row:
    """Download once: the file is whole afterwards, or refused and not there."""
    cut = rng.randrange(len(CONTENT))
    kinds = [type("Bad", (Server,), {"fault": fault, "cut": cut, "asked": 0})]
    if mirror:
        kinds.append(type("Good", (Server,), {"fault": "", "cut": 0, "asked": 0}))
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in kinds]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    check = download.digest_check(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
    said, outcome = "", SAME
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "data.npz"
        addresses = [f"http://127.0.0.1:{server.server_port}/data.npz" for server in servers]
        try:
            download.obtain(target, addresses, check=check, largest=len(CONTENT) + 50)
        except InputError as error:
            said = (
                str(error)
                .replace(addresses[0], "http://127.0.0.1/data.npz")
                .replace(folder, "resources")
            )
            if mirror or fault not in FINAL:
                outcome = "gave up"
            elif "data.npz could not be downloaded" not in said or target.exists():
                outcome = "wrong refusal"
            else:
                outcome = REFUSED
        else:
            said = "downloaded"
            if target.read_bytes() != CONTENT:
                outcome = "wrong bytes"
            elif not mirror and fault in FINAL:
                outcome = "no refusal"
    for server in servers:
        server.shutdown()
        server.server_close()
    redone = f"{sum(kind.asked for kind in kinds)} requests"  # type: ignore[attr-defined]
    where = f"download, at byte {cut}{', with a mirror' if mirror else ''}"
    return Row(f"server: {fault}", where, said, redone, outcome)
