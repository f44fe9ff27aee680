"""Which GPU a job takes, what is switched on, and what is recorded. No GPU is needed: several are faked."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from encoded_ensembles.members import device
from encoded_ensembles.storage.files import InputError

HOLD = """
import sys
from pathlib import Path
from encoded_ensembles.members.device import take_turn
print(take_turn(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Return a function that makes so many GPUs visible."""

    def visible(number):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda i: SimpleNamespace(uuid=f"GPU-{i}")
        )
        monkeypatch.setattr(torch, "empty", lambda *shape, device: None)
        monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
        device.free_gpu.cache_clear()

    yield visible
    device.free_gpu.cache_clear()


@pytest.fixture
def job(tmp_path):
    """Return a function that starts a process which takes a device, and holds it until it ends."""
    running = []

    def start(*names):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, tmp_path / "places", *names],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return int(process.stdout.readline()), process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_jobs_spread_over_devices_and_then_share_them(job):
    taken = [job("a", "b")[0] for _ in range(4)]
    assert taken == [0, 1, 0, 1]


def test_a_device_is_free_again_when_its_job_is_killed(job):
    (_, first), (_, _second) = job("a", "b"), job("a", "b")
    first.kill()
    first.wait()
    assert job("a", "b")[0] == 0


def test_devices_are_known_by_name_whatever_their_numbers(job):
    """As where CUDA_VISIBLE_DEVICES shows jobs the same devices in another order."""
    assert job("a", "b")[0] == 0
    assert job("b", "a")[0] == 0
    assert job("b", "c", "a")[0] == 1


@pytest.mark.parametrize(("number", "expected"), [(0, "cpu"), (1, "cuda:0"), (3, "cuda:1")])
def test_auto_takes_a_gpu_that_no_other_job_is_on(gpus, job, tmp_path, number, expected):
    gpus(number)
    (tmp_path / f"encens-gpus-{os.getuid()}").symlink_to(tmp_path / "places")
    job("GPU-0")
    assert str(device.choose_device()) == expected
    assert str(device.choose_device()) == expected  # and stays there


def test_a_device_by_name_is_taken_as_it_is(gpus):
    gpus(2)
    assert str(device.choose_device("cuda:1")) == "cuda:1"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_device_that_is_not_there():
    with pytest.raises(InputError, match="--device is cuda:7, which this machine does not have"):
        device.choose_device("cuda:7")


def test_results_are_made_repeatable(gpus, monkeypatch):
    """On a GPU too: by what is switched on, since none is here to repeat anything on."""
    gpus(1)
    called = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", called.append)
    for flags in (torch.backends.cudnn, torch.backends.cuda.matmul):
        flags.allow_tf32 = True
    torch.backends.cudnn.deterministic = False
    torch.backends.cudnn.benchmark = True
    assert device.choose_device().type == "cuda"
    assert called == [True]
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    code = (
        "import encoded_ensembles.members.device, os; print(os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ":4096:8\n"


def test_what_is_recorded_of_a_processor():
    found = device.describe(device.choose_device("cpu"), precision="bfloat16")
    assert found.pop("name").startswith("cpu (")
    assert found == {
        "torch": torch.__version__, "cuda": None, "cudnn": None, "autocast": "bfloat16",
        "threads": int(os.environ["OMP_NUM_THREADS"]), "tf32": False, "deterministic": True,
    }  # fmt: skip


def test_what_is_recorded_of_a_gpu(gpus, monkeypatch):
    gpus(1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A100")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 92400)
    found = device.describe(device.choose_device())
    assert (found["name"], found["cuda"], found["cudnn"]) == ("NVIDIA A100", "13.0", 92400)
    assert (found["tf32"], found["deterministic"], found["autocast"]) == (False, True, None)
    torch.backends.cuda.matmul.allow_tf32 = True  # which is what is recorded, not what was meant
    try:
        assert device.describe(torch.device("cuda:0"))["tf32"]
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def test_bfloat16_on_a_gpu_without_it(gpus, monkeypatch):
    gpus(1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    gpu, cpu = torch.device("cuda:0"), torch.device("cpu")
    with pytest.raises(
        InputError, match=r"bfloat16, which Tesla V100 does not support; .* float32"
    ):
        device.check_precision("bfloat16", gpu)
    device.check_precision("float32", gpu)
    device.check_precision("bfloat16", cpu)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    device.check_precision("bfloat16", gpu)
