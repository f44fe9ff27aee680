"""Fixtures: a copy of the workflow in a folder of its own, and a finished toy run."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)  # CI may be slow
settings.load_profile("suite")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts

REPOSITORY = Path(__file__).parent.parent
TOY = REPOSITORY / "tests" / "toy.yaml"


class Workspace:
    """A folder with a copy of the workflow, to run and to change."""

    def __init__(self, folder: Path):
        for name in ("Snakefile", "config.yaml", "profiles", "envs", "workflow"):
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        shutil.copy(TOY, folder / "toy.yaml")
        self._set(folder)

    @classmethod
    def at(cls, folder: Path):
        """Take a folder that holds a copy of the workflow already."""
        workspace = cls.__new__(cls)
        workspace._set(folder)
        return workspace

    def _set(self, folder: Path):
        self.folder = folder
        # The command line of this copy, whatever is installed.
        self.environment = dict(
            os.environ,
            PYTHONPATH=str(folder / "workflow"),
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        )

    def command(self, *arguments, cores=2):
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]

    def snakemake(self, *arguments, cores=2, config="toy.yaml"):
        configured = ["--configfile", config] if config else []
        return subprocess.run(
            self.command(*arguments, *configured, cores=cores),
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def run(self, *arguments, **options):
        """Run to the end and return how many jobs of each rule ran."""
        done = self.snakemake(*arguments, **options)
        assert done.returncode == 0, done.stderr
        return executed(done.stderr)

    def encens(self, *arguments):
        return subprocess.run(
            ["encens", *map(str, arguments)],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def results(self, run="toy"):
        return self.folder / "results" / run

    def digests(self, run="toy"):
        """Return the digest of every result but logs, timings and leftovers of killed writers."""
        root = self.results(run)
        return {
            str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(root.rglob("*"))
            if file.is_file()
            and file.relative_to(root).parts[0] not in ("logs", "benchmarks")
            and not file.name.endswith(".tmp")
        }


def executed(log):
    """Count the jobs of each rule that Snakemake finished, from what it printed."""
    counts = {}
    for line in log.splitlines():
        if line.startswith("Finished jobid:"):
            name = line.split("(Rule: ")[1].rstrip(")")
            counts[name] = counts.get(name, 0) + 1
    return counts


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """A workspace with the finished toy run, shared by all workers; neither change it nor run in it."""
    here = tmp_path_factory.getbasetemp()
    folder = (here if worker_id == "master" else here.parent) / "finished"
    jobs = folder / "jobs.json"
    with FileLock(f"{folder}.lock"):  # the first worker makes the run, the others wait for it
        if not jobs.exists():
            folder.mkdir()
            jobs.write_text(json.dumps(Workspace(folder).run()))
    workspace = Workspace.at(folder)
    workspace.jobs = json.loads(jobs.read_text())
    return workspace


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
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
