"""Downloads from servers that stall, drop, send web pages, or send something else."""

import hashlib
import http.server
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from encoded_ensembles.data.sources import download
from encoded_ensembles.storage.files import InputError

CONTENT = bytes(range(256)) * 2000
CHECK = download.digest_check(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(download, "TIMEOUT", (1.0, 0.3))


class Server(http.server.BaseHTTPRequestHandler):
    """Answers each request with the next way of `script`; remembers the ranges asked for."""

    script: list
    asked: list

    def log_message(self, *args):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        way = self.script.pop(0) if self.script else "whole"
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if way.isdecimal():
            self.send_error(int(way))
        elif way == "page":
            self.answer(b"<html>Please log in</html>", kind="text/html; charset=utf-8")
        elif way == "other":
            self.answer(b"something else")
        elif way == "no ranges":
            self.answer(CONTENT)
        elif wanted and begin >= len(CONTENT):
            self.send_error(416)
        else:
            self.part(begin, way)

    def answer(self, body, *, kind="application/octet-stream"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def part(self, begin, way):
        rest = CONTENT[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if way == "whole":
            self.wfile.write(rest)
            return
        self.wfile.write(rest[: len(rest) // 2])
        self.wfile.flush()
        if way == "stall":
            time.sleep(0.6)
        self.close_connection = True


@pytest.fixture
def server(serve):
    """Start a server that answers in the given ways, one after the other."""

    def start(*script):
        handler = type("Scripted", (Server,), {"script": list(script), "asked": []})
        return serve(handler=handler), handler.asked

    return start


def obtain(folder, *addresses, largest=512_000):
    return download.obtain(
        folder / "file", [f"{each}/file" for each in addresses], check=CHECK, largest=largest
    )


@pytest.mark.parametrize("way", ["drop", "stall"])
def test_goes_on_where_it_broke_off(server, tmp_path, way):
    address, asked = server(way, way, "whole")
    assert obtain(tmp_path, address).read_bytes() == CONTENT
    held = [int(each.removeprefix("bytes=")[:-1]) for each in asked[1:]]
    assert asked[0] is None
    assert 0 < held[0] < held[1] < len(CONTENT)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_goes_on_after_the_program_was_killed(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(CONTENT[:1000])
    address, asked = server("whole")
    assert obtain(tmp_path, address).read_bytes() == CONTENT
    assert asked == ["bytes=1000-"]


@pytest.mark.parametrize("held", [b"rubbish", CONTENT + b"more"])
def test_what_was_held_may_be_to_blame(server, tmp_path, held):
    (tmp_path / ".file.part").write_bytes(held)
    address, asked = server()
    assert obtain(tmp_path, address, largest=2 * len(CONTENT)).read_bytes() == CONTENT
    assert asked == [f"bytes={len(held)}-", None]


def test_held_whole(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(CONTENT)
    address, asked = server()
    assert obtain(tmp_path, address).read_bytes() == CONTENT
    assert asked == [f"bytes={len(CONTENT)}-"]


def test_a_server_that_knows_no_ranges_starts_again(server, tmp_path):
    address, _ = server("drop", "no ranges")
    assert obtain(tmp_path, address).read_bytes() == CONTENT


def test_errors_of_the_server_are_retried_and_others_are_not(server, tmp_path):
    address, asked = server("503", "429", "500", "whole")
    assert obtain(tmp_path, address).read_bytes() == CONTENT
    assert len(asked) == 4
    address, asked = server("404")
    with pytest.raises(InputError, match="answers 404 Not Found"):
        obtain(tmp_path / "other", address)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("page", "sends a web page in place of the file"),
        ("other", r"sent another file \(file has sha256 .* expected"),
    ],
)
def test_something_else_never_gets_the_name_and_the_next_address_is_asked(
    server, tmp_path, way, message
):
    bad, asked = server(way)
    with pytest.raises(InputError, match=message):
        obtain(tmp_path, bad)
    assert not list(tmp_path.iterdir())
    assert len(asked) == 1
    bad, _ = server(way)
    good, _ = server()
    assert obtain(tmp_path, bad, good).read_bytes() == CONTENT


def test_more_than_the_file_can_have_is_not_taken(server, tmp_path):
    address, _ = server()
    with pytest.raises(InputError, match="sends more than the 1000 bytes"):
        obtain(tmp_path, address, largest=1000)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 1000


def test_a_server_that_always_drops_is_given_up(server, tmp_path):
    address, asked = server(*["503"] * 9)
    with pytest.raises(InputError, match="answers 503"):
        obtain(tmp_path, address)
    assert len(asked) == 4


def test_offline(tmp_path):
    with pytest.raises(InputError) as caught:
        obtain(tmp_path, "http://127.0.0.1:9", "http://nowhere.invalid")
    said = str(caught.value)
    assert said.startswith(
        "file could not be downloaded: http://127.0.0.1:9/file cannot be reached"
    )
    assert "http://nowhere.invalid/file cannot be reached" in said
    assert f"set dataset.mirror, or put the file into {tmp_path}." in said
    with pytest.raises(InputError, match="is not a web address, expected https"):
        obtain(tmp_path, "file:///etc/passwd")


def test_a_file_that_is_there_is_checked_and_not_fetched(server, tmp_path):
    address, asked = server()
    (tmp_path / "file").write_bytes(CONTENT)
    assert obtain(tmp_path, address).read_bytes() == CONTENT
    assert not asked
    (tmp_path / "file").write_bytes(CONTENT[:-1])
    assert obtain(tmp_path, address).read_bytes() == CONTENT
    assert len(asked) == 1


def test_two_that_want_the_same_file_get_it_by_one_download(server, tmp_path):
    """Runs of one machine share the cache; both had written to one partial file."""
    address, asked = server("stall", "stall", "whole")
    with ThreadPoolExecutor(2) as pool:
        files = [*pool.map(lambda _: obtain(tmp_path, address), range(2))]
    assert {file.read_bytes() for file in files} == {CONTENT}
    assert len(asked) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_locked(server, tmp_path):
    address, asked = server()
    (tmp_path / ".file.lock").mkdir()
    with pytest.raises(InputError, match=r"\.file\.lock cannot be written"):
        obtain(tmp_path, address)
    assert not asked


def test_a_folder_that_cannot_be_written(server, tmp_path):
    address, _ = server()
    (tmp_path / ".file.part").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        obtain(tmp_path, address)
