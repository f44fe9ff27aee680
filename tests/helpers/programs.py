"""Benchmark and study programs, run in a child process; a module of its own, which the child imports."""

import os
import resource
import runpy
import sys
import sysconfig

from workspace import REPOSITORY

PROCESSOR_SECONDS, SECONDS = 60, 500  # of one process, of one program, at most


def work(program, arguments, kept, log, warm):
    """Run a program in a child process, as from the root of the repository.

    `warm` is a folder of commands that take the place of python, encens and snakemake, or None.
    """
    os.setsid()  # so that it is killed with its own children
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    with log.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(REPOSITORY)
    folders = [str(warm)] if warm else []
    if warm:
        sys.executable = str(warm / "python")
    os.environ |= {
        "SMOKE": str(kept),
        "PYTHONPATH": str(REPOSITORY / "workflow"),
        "PATH": os.pathsep.join([*folders, sysconfig.get_path("scripts"), os.environ["PATH"]]),
    }
    sys.argv = [program, *arguments]
    sys.path.insert(0, str((REPOSITORY / program).parent))
    runpy.run_path(program, run_name="__main__")
