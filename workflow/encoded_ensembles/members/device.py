"""Where to compute, and how to get the same bytes each time."""

import ctypes
import os
import platform
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch
    from filelock import BaseFileLock

TAKEN: "list[BaseFileLock]" = []  # places on devices, held until the process ends
# cuBLAS reads this when it starts; without it, it has no deterministic algorithms.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def keep_memory() -> None:
    """Let glibc keep freed memory instead of handing it back to the system.

    The tensors of every batch are otherwise mapped and cleared anew: a fifth of the time of sampling
    8x8 images (6,800 against 8,700 images a second, one thread of an EPYC). Changes no result.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        for option in (trim_threshold, mmap_threshold):
            libc.mallopt(option, 1 << 30)
    except (OSError, AttributeError):  # not glibc
        return


def choose_device(name: str = "auto") -> "torch.device":
    """Return the device to compute on, after switching torch to deterministic algorithms.

    Args:
        name: "auto" takes a GPU if one is visible, of several the one that the fewest jobs are on,
            else the CPU; or a torch device such as "cuda:1".

    Raises:
        InputError: the device named is not there.
    """
    import torch

    keep_memory()
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if name == "auto":
        name = f"cuda:{free_gpu()}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"--device is {name}, which this machine does not have; expected auto, cpu or cuda."
        ) from error
    return device


@cache  # a process stays on the GPU that it took
def free_gpu() -> int:
    """Return the number of the visible GPU that this process takes.

    Slurm shows a job its own GPUs only (CUDA_VISIBLE_DEVICES). Jobs that Snakemake runs on one machine
    see all of them, and share them out among themselves.
    """
    import torch

    visible = torch.cuda.device_count()
    if visible == 1:
        return 0
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(visible)]
    return take_turn(names, Path(tempfile.gettempdir()) / f"encens-gpus-{os.getuid()}")


def take_turn(names: list[str], folder: Path) -> int:
    """Return which of some devices the fewest processes have taken, and take it for this process.

    A device has places, one file each; a process holds one under a lock that ends with the process,
    however it ends. First places go first, then second ones: no process waits, and processes share
    devices evenly where there are more processes than devices.

    Args:
        names: of the devices, the same for all processes.
        folder: for the files, of this machine and user.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in count():
        for number, name in enumerate(names):
            lock = FileLock(folder / f"{name}.{place}", mode=0o600)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            TAKEN.append(lock)
            return number
    raise AssertionError  # count() has no end


def describe(device: "torch.device", *, precision: str = "float32") -> dict[str, Any]:
    """Return what decides the last bits of a result besides the code.

    Args:
        device: of `choose_device`.
        precision: "float32" or "bfloat16" (autocast).

    Returns:
        name of the hardware, versions of torch and, on a GPU, of CUDA and cuDNN, threads, the type
        that autocast computes in or None, and whether TF32 and deterministic algorithms are on.
    """
    import torch

    gpu = device.type == "cuda"
    return {
        "name": torch.cuda.get_device_name(device) if gpu else f"cpu ({platform.machine()})",
        "torch": torch.__version__,
        "cuda": torch.version.cuda if gpu else None,
        "cudnn": torch.backends.cudnn.version() if gpu else None,
        "threads": torch.get_num_threads(),
        "autocast": None if precision == "float32" else precision,
        "tf32": torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def check_precision(precision: str, device: "torch.device") -> None:
    """Raise InputError if a GPU has no arithmetic of its own in a precision."""
    import torch

    if precision != "bfloat16" or device.type != "cuda":
        return
    if torch.cuda.get_device_capability(device) < (8, 0):  # Ampere
        raise InputError(
            f"training.precision is bfloat16, which {torch.cuda.get_device_name(device)} does not have; "
            "set it to float32."
        )
