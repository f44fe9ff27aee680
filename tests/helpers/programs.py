"""Benchmark and study programs, run in a child process; a module of its own, which the child imports."""

import os
import resource
import runpy
import sys
from pathlib import Path

from workspace import REPOSITORY

PROCESSOR_SECONDS, SECONDS = 60, 500  # of one process, of one program, at most


def work(program, arguments, kept, log):
    """Run a program in a child process, as from the root of the repository."""
    os.setsid()  # so that it is killed with its own children
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    with log.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(REPOSITORY)
    os.environ |= {
        "SMOKE": str(kept),
        "PYTHONPATH": str(REPOSITORY / "workflow"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    sys.argv = [program, *arguments]
    sys.path.insert(0, str((REPOSITORY / program).parent))
    runpy.run_path(program, run_name="__main__")
