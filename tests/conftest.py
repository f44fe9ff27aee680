"""Fixtures: a copy of the workflow in a folder of its own, and a finished toy run."""

import gc
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from workspace import REPOSITORY, OnceColdWorkspace, Workspace

settings.register_profile("suite", deadline=None, derandomize=True)  # CI may be slow
settings.load_profile("suite")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts
# Python keeps compiled modules, as on users' machines; copies of the workflow take them along.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
COMPILE = """
import compileall
from encoded_ensembles.config import closure
compileall.compile_dir(closure.PACKAGE, quiet=2)
for file in closure.PACKAGE.rglob("*.py"):
    closure.read_module(file)
"""


def pytest_configure(config):
    """Compile the package before workers copy it, and put `hasty` in the path."""
    if not hasattr(config, "workerinput"):
        subprocess.run([sys.executable, "-c", COMPILE], check=True)
        asked = [shutil.which("scontrol"), "ping"]
        if asked[0] and subprocess.run(asked, capture_output=True, check=False).returncode:
            hasty(config)


def pytest_collection_finish():
    """Spare the garbage collector the tests themselves and what they import."""
    gc.collect()
    gc.freeze()


def hasty(config):
    """Have scontrol fail at once where Slurm is installed and does not run.

    Snakemake's plugin asks it at every start, and it waits for nine seconds before it gives up.
    """
    folder = tempfile.TemporaryDirectory(prefix="hasty")
    config.add_cleanup(folder.cleanup)
    command = Path(folder.name) / "scontrol"
    command.write_text("#!/bin/sh\nexit 1\n")
    command.chmod(0o755)
    os.environ["PATH"] = os.pathsep.join([folder.name, os.environ["PATH"]])


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """Return a function that makes a workspace of some name in the worker that asks first; the others wait for it.

    Its `jobs` are what the function returned that made it. Neither change it nor run in it.
    """
    here = tmp_path_factory.getbasetemp()

    def workspace(name, make):
        folder = (here if worker_id == "master" else here.parent) / name
        jobs = folder / "jobs.json"
        with FileLock(f"{folder}.lock"):
            if not jobs.exists():
                folder.mkdir()
                jobs.write_text(json.dumps(make(folder)))
        found = Workspace.at(folder)
        found.jobs = json.loads(jobs.read_text())
        return found

    return workspace


@pytest.fixture(scope="session")
def finished(once):
    """A workspace with the finished toy run, shared by all workers; neither change it nor run in it."""
    return once("finished", lambda folder: OnceColdWorkspace(folder).run())


@pytest.fixture
def rerun(finished, tmp_path):
    """A copy of the finished toy run, to change and run again."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)  # keeps the times of files, which Snakemake compares
    return Workspace.at(folder)


@pytest.fixture(scope="session")
def schema():
    import yaml

    return yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture
def read_json():
    return lambda path: json.loads(path.read_text())


@pytest.fixture
def serve():
    """Return a function that serves a folder on loopback, or with a handler, and says where."""
    running = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    def start(folder=None, *, handler=None):
        def make(*args):
            return (handler or Quiet)(*args, **({} if handler else {"directory": str(folder)}))

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), make)
        server.daemon_threads = True
        running.append(server)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
