"""Speed of this machine: measured time of sampling, training and starting a job.

On a CPU, processor time is measured, which other work on the machine changes little; on a GPU, wall time.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

    from encoded_ensembles.members.latents import Space

TURNS = 3
SOME = 10  # assumed number of labels, unknown before the data is fetched; it hardly matters
START = """
import encoded_ensembles.cli
from encoded_ensembles.lean_import import diffusers_import, only_needed
from encoded_ensembles.members import network
network.around_import = diffusers_import
with only_needed():
    import torch
    network.import_network()
"""
START_LIGHT = "import encoded_ensembles.cli, pandas, pyarrow"
START_FIGURE = """
import matplotlib; matplotlib.use("Agg"); import matplotlib.pyplot as plt, io, pandas, pyarrow
import encoded_ensembles.cli
fig, ax = plt.subplots(2, 3)
for kind in ("pdf", "png"):
    fig.savefig(io.BytesIO(), format=kind)
"""


@dataclass(frozen=True)
class Rates:
    """Times measured on this machine, in processor seconds.

    Attributes:
        call: constant part of a forward call.
        row: part per row of the call.
        step: constant part of a training step.
        image: part per image of the step.
        start: start of a job that uses PyTorch.
        start_figure: start of a job that draws a figure, with the drawing.
        start_light: start of another job.
        flops: floating point operations of one image's forward pass, not a time.
        passes: forward passes that a training step costs.
        encode: encoding an image by the autoencoder; 0 without one.
        decode: decoding an image by the autoencoder; 0 without one.
    """

    call: float
    row: float
    step: float
    image: float
    start: float
    start_figure: float
    start_light: float
    flops: float
    encode: float = 0.0
    decode: float = 0.0
    passes: float = 3


@dataclass(frozen=True)
class Networks:
    """Sizes of networks, and of their input.

    Attributes:
        seen: (C, H, W) of an image as members see it.
        weights: number of trained weights of a member.
        frozen: numbers of weights of frozen networks, by their keys in `model`.
    """

    seen: tuple[int, int, int]
    weights: int
    frozen: Mapping[str, int]


def measure(
    *,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    shape: tuple[int, int, int],
    device: str,
) -> tuple[Rates, Networks]:
    """Measure the rates of this machine for some networks.

    Args:
        model: keys of `model` in the configuration.
        training: keys of `training`.
        shape: (C, H, W) of the images.
        device: auto, cpu, cuda or cuda:N.

    Returns:
        the rates, and the sizes of the networks.

    Raises:
        InputError: base or autoencoder are not local folders, or do not fit the images.
    """
    from encoded_ensembles.members.device import choose_device

    with tempfile.TemporaryDirectory() as folder:
        model = with_copies(model, Path(folder))
        return _measure(model, training, shape, choose_device(device))


def _measure(
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    shape: tuple[int, int, int],
    where: "torch.device",
) -> tuple[Rates, Networks]:
    """Measure as `measure` does, with frozen networks already copied."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from encoded_ensembles.members.batches import Recipe
    from encoded_ensembles.members.latents import Latents, load_space

    autoencoder = model.get("autoencoder")
    space = load_space(Path(autoencoder) if autoencoder else None, device=where)
    whole, shape = shape, space.seen(shape)
    start = initial(model, shape, scale=whole[1] // shape[1])
    network, trained, base = for_sampling(model, start())
    network.to(where)
    frozen = {"base": base} if base else {}
    if isinstance(space, Latents):
        frozen["autoencoder"] = space.network.num_parameters()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, *shape, device=where), 0)
    known = {field.name: training[field.name] for field in fields(Recipe)}
    recipe = Recipe(**(known | {"steps_per_epoch": 1}))
    call, row = line(lambda rows: _sampling_step(network, rows, shape, where), 16, 256)
    step, image = line(lambda images: _training_step(start, recipe, images, shape, where), 16, 64)
    rates = Rates(
        call=call,
        row=row,
        step=step,
        image=image,
        **starts(),
        flops=float(counter.get_total_flops()),
        **_coding(space, whole, where),
    )
    return rates, Networks(shape, trained, frozen)


def _coding(
    space: "Space", shape: tuple[int, int, int], device: "torch.device"
) -> dict[str, float]:
    """Return the seconds of encoding and decoding an image (C, H, W); nothing for pixels."""
    import torch

    from encoded_ensembles.members.latents import Pixels

    if isinstance(space, Pixels):
        return {}

    def timed(work: Callable[[], Any]) -> float:
        work()  # warm-up
        before = clock(device)
        for _ in range(TURNS):
            work()
        return (clock(device) - before) / TURNS

    latent = torch.zeros(1, *space.seen(shape), device=device)
    return {
        "encode": timed(lambda: space.encode(np.zeros((1, *shape), np.float32))),
        "decode": timed(lambda: space.decode(latent)),
    }


def with_copies(model: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return keys of `model` with paths to copies of the frozen networks in a folder.

    Raises:
        InputError: a network is not a local folder.
    """
    from encoded_ensembles.members.given import KINDS, copy_frozen
    from encoded_ensembles.storage.files import InputError

    folders = {part: Path(model[part]) for part in KINDS if model.get(part)}
    for part, source in folders.items():
        if not source.is_dir():
            raise InputError(
                f"config key model.{part} is {source}, expected a folder on this machine, on which a "
                "plan can be measured; name a folder."
            )
        copy_frozen(part, str(source), folder / part)
    return {**model, **{part: str(folder / part) for part in folders}}


def initial(
    model: Mapping[str, Any], shape: tuple[int, int, int], *, scale: int = 1
) -> Callable[[], Any]:
    """Return a function that makes networks to train, from `model` in the configuration.

    Args:
        model: keys of `model`.
        shape: (C, H, W) of an image as members see it.
        scale: ratio of the image's side to the side that members see.
    """
    from encoded_ensembles.members.given import KINDS
    from encoded_ensembles.members.pipeline_kinds import ATTENTION
    from encoded_ensembles.members.training import make_initial
    from encoded_ensembles.storage.files import read_json

    network = {key: value for key, value in model.items() if key not in (*KINDS, "lora")}
    network["classes"] = SOME if model.get("classes") else None
    if model.get("base"):
        classes = read_json(Path(model["base"]) / "config.json").get("num_class_embeds")
        lora = model["lora"] | {"targets": model["lora"]["targets"] or ATTENTION}
        network = {"base": Path(model["base"]), "lora": lora, "classes": classes}
    return lambda: make_initial(network, shape=shape, seed=0, scale=scale)


def for_sampling(model: Mapping[str, Any], start: Any) -> tuple["UNet2DModel", int, int]:
    """Return a network ready to sample with, and its numbers of trained and of frozen weights."""
    from encoded_ensembles.members.adapter_training import save_adapter
    from encoded_ensembles.members.load import load_unet

    trained = sum(weight.numel() for weight in start.parameters() if weight.requires_grad)
    frozen = sum(weight.numel() for weight in start.parameters()) - trained
    if not model.get("base"):
        return start.eval().requires_grad_(False), trained, frozen
    with tempfile.TemporaryDirectory() as folder:
        save_adapter(start, Path(folder), base=str(Path(model["base"]).resolve()))
        return load_unet(Path(folder), device=start.device), trained, frozen


def line(seconds: Callable[[int], float], small: int, large: int) -> tuple[float, float]:
    """Fit a + b x to the seconds at two sizes x, measured in turns; return (a, b), both at least 0.

    Args:
        seconds: function from a size to seconds.
        small: the smaller size.
        large: the larger size.
    """
    pairs = [(seconds(small), seconds(large)) for _ in range(TURNS)]
    low, high = (statistics.median(each) for each in zip(*pairs, strict=True))
    slope = min(max((high - low) / (large - small), 0.0), high / large)
    return max(low - slope * small, 0.0), slope


def clock(device: "torch.device") -> float:
    """Return processor time on a CPU, or wall time on a GPU after its queued work has finished."""
    import torch

    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _sampling_step(
    network: "UNet2DModel", rows: int, shape: tuple[int, int, int], device: "torch.device"
) -> float:
    """Return the seconds of a sampling step of `rows` trajectories with one member."""
    from encoded_ensembles.ensemble.sampling import sample

    steps = 3
    z = np.zeros((steps + 1, 1, *shape), np.float32)
    before = clock(device)
    sample([network], keep=np.ones((rows, 1), bool), noise=z, sampler="ddpm", device=device)
    return (clock(device) - before) / steps


def _training_step(
    start: Callable[[], Any],
    recipe: Any,
    images: int,
    shape: tuple[int, int, int],
    device: "torch.device",
) -> float:
    """Return the seconds of a training step without startup: a long minus a short training."""
    from encoded_ensembles.members.batches import Recipe
    from encoded_ensembles.members.training import train

    data = np.zeros((images, *shape[1:], shape[0]), np.uint8)
    names = [str(number) for number in range(images)]

    def run(steps: int) -> float:
        few = Recipe(**(asdict(recipe) | {"epochs": steps}))
        before = clock(device)
        train(start(), data, names, recipe=few, device=device)
        return clock(device) - before

    short, long = 2, 8
    return (run(long) - run(short)) / (long - short)


def starts() -> dict[str, float]:
    """Return the processor seconds of starting jobs of each kind, by the fields of `Rates`."""
    programs = {"start": START, "start_figure": START_FIGURE, "start_light": START_LIGHT}
    return {field: _start(program) for field, program in programs.items()}


def _start(program: str) -> float:
    """Return the processor seconds of starting Python and running `program`."""
    import resource

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    seconds = []
    for _ in range(TURNS):
        before = used()
        subprocess.run([sys.executable, "-c", program], check=True)
        seconds.append(used() - before)
    return statistics.median(seconds)
