"""Commands of tests in forked processes, which have torch, Snakemake and other packages imported already.

Three quarters of a toy run's time are spent on importing packages, once for each job. `warm_path` starts a
server that imports them once, and returns a folder of commands `encens` and `snakemake` that have the server
fork a process each. It imports the package of its workspace afresh. Working folder, environment, standard
streams and exit code are those of the command; when the command is killed, so is the process, but not what it
started. The run of the fixture `finished` uses each real command once.
"""

import array
import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

STREAMS = 3
IMPORTED = (
    "cleanfid.fid",
    "diffusers.models.unets.unet_2d",
    "diffusers.schedulers.scheduling_ddim",
    "diffusers.schedulers.scheduling_ddpm",
    "diffusers.schedulers.scheduling_dpmsolver_multistep",
    "diffusers.training_utils",
    "jsonschema.validators",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.pyplot",
    "pandas",
    "pyarrow.pandas_compat",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.datasets",
    "sklearn.ensemble",
    "sklearn.isotonic",
    "sklearn.linear_model",
    "snakemake.cli",
    "smart_open",
    "snakemake.report",
    "torch",
    "typer.main",
)
# Runs without `site`, so it starts in milliseconds.
CLIENT = f"""\
#!{sys.executable} -IS
import array, json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({{address!r}})
request = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
server.sendmsg([len(request).to_bytes(8, "big")], rights)
server.sendall(request)
job = int.from_bytes(server.recv(8), "big")
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _: os.kill(job, number))
reply = server.recv(8)
if len(reply) < 8:
    sys.exit(sys.argv[0] + ": the process of the tests that watches over this command ended")
code = int.from_bytes(reply, "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""
_folder = None


def warm_path() -> Path:
    """Return the folder of the command; the server lives as long as this process."""
    global _folder
    if _folder is None:
        place = tempfile.TemporaryDirectory(prefix="warm")
        atexit.register(place.cleanup)
        folder = Path(place.name)
        address = str(folder / "socket")
        for name in ("encens", "snakemake", "python"):
            command = folder / name
            command.write_text(CLIENT.format(address=address))
            command.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert server.stdout.readline() == b"ready\n"
        _folder = folder
    return _folder


def serve(address: str) -> None:
    """Fork a process per connection, until the standard input ends."""
    import snakemake.cli

    for name in IMPORTED:
        import_module(name)
    snakemake.cli.get_argument_parser()  # loads its plugins
    gc.collect()
    gc.freeze()  # forked processes need not look at all this again
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # handlers are not waited for
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            handle(connection)
        connection.close()


def handle(connection: socket.socket) -> None:
    """Start the job of a connection, report how it ended, and kill it if the connection ends first."""
    size, rights, _, _ = connection.recvmsg(8, socket.CMSG_SPACE(4 * STREAMS))
    streams = array.array("i", rights[0][2])
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(2**20)
    job = os.fork()
    if not job:
        connection.close()
        become(streams, *json.loads(request))
    for stream in streams:
        os.close(stream)
    connection.sendall(job.to_bytes(8, "big"))
    ended = os.pidfd_open(job)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        os.kill(job, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    if ended in ready:
        connection.sendall(code.to_bytes(8, "big", signed=True))
    os._exit(0)


def become(streams: array.array, argv: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run the command line in this process, as a process started by the client would."""
    import random

    import numpy as np
    import torch

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    np.random.seed()
    torch.seed()
    sys.argv = argv
    sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
    code = 0
    try:
        name = Path(argv[0]).name
        if name == "python":
            run_python(argv[1:])
            sys.exit()
        elif name == "snakemake":
            from snakemake.cli import main
        else:
            sys.executable = str(Path(argv[0]).parent / "python")  # of what it starts itself
            from encoded_ensembles.cli import main
        sys.exit(main())
    except SystemExit as error:
        code = error.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def run_python(arguments: list[str]) -> None:
    """Run what `python -c CODE`, `python -m MODULE` and `python FILE` run, with arguments behind it."""
    first, *rest = arguments
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif first == "-m":
        sys.argv = rest
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(first).resolve().parent))
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
