"""The device to compute on, and the settings for reproducible bytes."""

import ctypes
import os
import platform
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoded_ensembles.lean_import import without_compiler
from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch
    from filelock import BaseFileLock

TAKEN: "list[BaseFileLock]" = []  # locks on devices, held until the process ends
# cuBLAS reads this at its start, and has no deterministic algorithms without it.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
# oneDNN compiles its convolutions for each size of a batch, and sizes of training batches vary. Of the 1,024 that it keeps
# by itself none is left when its size comes again: a quarter of the time of training 28x28 images. Read when torch first computes.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(1 << 14))


def keep_memory() -> None:
    """Let glibc keep freed memory instead of returning it to the system.

    Otherwise the memory of every batch is mapped and cleared again, a fifth of the time of sampling
    8x8 images (6,800 against 8,700 images per second, one thread of an EPYC). Changes no result.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    try:
        libc = ctypes.CDLL("libc.so.6")
        for option in (trim_threshold, mmap_threshold):
            libc.mallopt(option, 1 << 30)
    except (OSError, AttributeError):  # not glibc
        return


def choose_device(name: str = "auto") -> "torch.device":
    """Return the device to compute on; switches torch to deterministic algorithms.

    Args:
        name: a torch device such as "cuda:1"; or "auto" for the visible GPU with the fewest jobs, or
            the CPU without a GPU.

    Raises:
        InputError: the device does not exist.
    """
    import torch

    keep_memory()
    with without_compiler():  # which would be told so too
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


@cache  # a process stays on its GPU
def free_gpu() -> int:
    """Return the number of the visible GPU that this process uses.

    Slurm shows a job only its own GPUs (CUDA_VISIBLE_DEVICES). Jobs that Snakemake runs on one machine
    see all GPUs, and distribute themselves over them.
    """
    import torch

    visible = torch.cuda.device_count()
    if visible == 1:
        return 0
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(visible)]
    return take_turn(names, Path(tempfile.gettempdir()) / f"encens-gpus-{os.getuid()}")


def take_turn(names: list[str], folder: Path) -> int:
    """Return the device with the fewest processes, and reserve a place on it for this process.

    A device has places, one file each. A process locks one place until it ends, also if it is killed.
    First places are locked before second places: no process waits, and more processes than devices
    are spread evenly.

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
    """Return the properties that determine the last bits of a result besides the code.

    Args:
        device: of `choose_device`.
        precision: "float32" or "bfloat16" (autocast).

    Returns:
        name of the hardware, versions of torch and, on a GPU, of CUDA and cuDNN, threads, the type
        of autocast or None, and whether TF32 and deterministic algorithms are on.
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
    """Raise InputError if a GPU does not support a precision in hardware."""
    import torch

    if precision != "bfloat16" or device.type != "cuda":
        return
    if torch.cuda.get_device_capability(device) < (8, 0):  # Ampere
        raise InputError(
            f"training.precision is bfloat16, which {torch.cuda.get_device_name(device)} does not "
            "support; set it to float32."
        )
