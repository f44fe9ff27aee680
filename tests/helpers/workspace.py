"""A copy of the workflow in a folder of its own, to run and to change."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from warm_jobs import warm_path

REPOSITORY = Path(__file__).parents[2]
TOY = REPOSITORY / "tests" / "toy.yaml"


class Workspace:
    """A folder with a copy of the workflow, to run and to change, by the commands of `warm_jobs`."""

    warm = True

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
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        if self.warm:
            path.insert(0, str(warm_path()))
        self.environment = dict(
            os.environ, PYTHONPATH=str(folder / "workflow"), PATH=os.pathsep.join(path)
        )

    def command(self, *arguments, cores=2):
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]

    def snakemake(self, *arguments, cores=2, config="toy.yaml"):
        configured = ["--configfile", config] if config else []
        command = ["snakemake", "--cores", str(cores), *arguments, *configured]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False,
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


class ColdWorkspace(Workspace):
    """A workspace with the real commands, each of which imports all that it needs."""

    warm = False


# The first call of a verb, or of any verb that plots, is the real command; further ones are forked.
FIRST = """#!/bin/sh
case $1 in plot-*) verb=plot;; *) verb=$1;; esac
if mkdir "$(dirname "$0")/$verb" 2>/dev/null; then exec {real} "$@"; fi
exec {forked} "$@"
"""


class OnceColdWorkspace(ColdWorkspace):
    """A workspace where each command is the real one once."""

    def _set(self, folder: Path):
        super()._set(folder)
        command, real = folder / "bin/encens", Path(sys.executable).parent / "encens"
        command.parent.mkdir()
        command.write_text(FIRST.format(real=real, forked=warm_path() / "encens"))
        command.chmod(0o755)
        self.environment["PATH"] = f"{command.parent}{os.pathsep}{self.environment['PATH']}"


def executed(log):
    """Count the jobs of each rule that Snakemake finished, from what it printed."""
    counts = {}
    for line in log.splitlines():
        if line.startswith("Finished jobid:"):
            name = line.split("(Rule: ")[1].rstrip(")")
            counts[name] = counts.get(name, 0) + 1
    return counts
