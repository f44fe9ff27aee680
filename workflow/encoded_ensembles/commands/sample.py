"""encens sample-ensemble, ablate-block and sample-frechet: sampling under keep masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from encoded_ensembles.commands.spread import spread

if TYPE_CHECKING:
    import numpy as np
    import torch
    from diffusers import UNet2DModel

Members = Annotated[
    list[Path], Argument(help="folders of the members in order, each with config.json and weights")
]
Code = Annotated[Path, Option(help="code, .npz of encode-units")]
Noise = Annotated[Path, Option(help="exogenous noise, .safetensors of draw-noise")]
Scheduler = Annotated[str, Option(help="ddpm, ddim or dpmsolver++")]
Batch = Annotated[
    int | None,
    Option(help="rows given to a member at once, at least 16; by the size of images if left out"),
]
Device = Annotated[str, Option(help="auto, cpu, cuda or cuda:N")]
Precision = Annotated[str, Option(help="arithmetic of the members, float32 or bfloat16")]
Compiled = Annotated[bool, Option(help="compile the members with torch.compile")]
Autoencoder = Annotated[
    Path | None,
    Option(help="folder of the autoencoder whose latents members see; pixels if left out"),
]


@dataclass(frozen=True)
class Sampling:
    """How samples are drawn; options of all verbs that draw them."""

    scheduler: Scheduler = "ddpm"
    precision: Precision = "float32"
    compiled: Compiled = False
    batch: Batch = None
    autoencoder: Autoencoder = None
    device: Device = "auto"


Block = Annotated[str, Option(help="which share of the work, such as 1-of-4")]


@spread
def sample_ensemble(
    members: Members,
    code: Code,
    noise: Noise,
    full: Annotated[Path, Option(help="folder of the single-model baseline")],
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: factual (B, C, H, W), members (n, B, ...), full (B, ...), null (R, B, ...)"
        ),
    ],
    sampling: Sampling,
) -> None:
    """Sample with all members, with each alone, with the full model and under null code words."""
    import numpy as np

    from encoded_ensembles.files import read_arrays, write_tensors
    from encoded_ensembles.keep import ablation_keep

    n = len(members)
    null = ablation_keep(for_members(read_arrays(code)["null_words"], members))
    keep = np.zeros((1 + n + len(null) + 1, n + 1), bool)
    keep[0, :n] = True
    keep[1 : 1 + n, :n] = np.eye(n, dtype=bool)
    keep[1 + n : -1, :n] = null
    keep[-1, n] = True
    samples = sample_rows([*members, full], keep, noise, sampling, "ensemble")
    write_tensors(
        output,
        {
            "factual": samples[0],
            "members": samples[1 : 1 + n],
            "null": samples[1 + n : -1],
            "full": samples[-1],
        },
    )


@spread
def ablate_block(
    members: Members,
    code: Code,
    noise: Noise,
    block: Block,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: units (A,) int64, counterfactuals (A, B, C, H, W) float32"
        ),
    ],
    sampling: Sampling,
) -> None:
    """Sample the counterfactuals of one block of units."""
    import numpy as np

    from encoded_ensembles.ensemble import sample_groups
    from encoded_ensembles.files import read_arrays, write_growing
    from encoded_ensembles.keep import ablation_keep

    matrix = for_members(read_arrays(code)["code"], members)
    number, blocks = share_of(block)
    units = np.array_split(np.arange(len(matrix)), blocks)[number]
    keep = ablation_keep(matrix[units])
    label = f"block {block}"
    engine = prepare(members, noise, sampling, label)
    _, samples, *shape = engine["noise"].shape
    write_growing(
        output,
        {"units": units},
        name="counterfactuals",
        shape=(len(units), samples, *engine["space"].image(shape)),
        rows=sample_groups(keep=keep, **engine),
    )


@spread
def sample_frechet(
    members: Members,
    noise: Noise,
    full: Annotated[Path, Option(help="folder of the single-model baseline")],
    kept: Annotated[str, Option(help="numbers of members kept, such as 1,5,10")],
    repeats: Annotated[int, Option(help="random keep masks per number")],
    block: Block,
    output: Annotated[
        Path,
        Option(
            help="output, .npz: keep (A, n+1) bool (last column: the full model), images (A, B, H, W, C) uint8"
        ),
    ],
    sampling: Sampling,
    seed: Annotated[int, Option(help="seed of the keep masks")] = 0,
) -> None:
    """Sample many images with the full model and with random keep masks of several sizes."""
    import numpy as np

    from encoded_ensembles.data import to_bytes
    from encoded_ensembles.files import write_arrays
    from encoded_ensembles.keep import sized_keep

    n = len(members)
    sizes = [int(size) for size in kept.split(",")]
    masks = sized_keep(members=n, sizes=sizes, repeats=repeats, seed=seed)
    keep = np.zeros((len(masks) + 1, n + 1), bool)
    keep[:-1, :n], keep[-1, n] = masks, True
    number, blocks = share_of(block)
    keep = keep[number::blocks]
    shape: tuple[int, ...] = ()
    images = []
    if len(keep):
        label = f"block {block}"
        samples = sample_rows([*members, full], keep, noise, sampling, label)
        images = [to_bytes(each) for each in samples]
        shape = images[0].shape
    stacked = np.stack(images) if images else np.zeros((0, *shape), np.uint8)
    write_arrays(output, {"keep": keep, "images": stacked})


def share_of(block: str) -> tuple[int, int]:
    """Turn "2-of-4" into (1, 4)."""
    from encoded_ensembles.files import InputError

    number, middle, blocks = block.partition("-of-")
    if not (middle and number.isdigit() and blocks.isdigit() and 1 <= int(number) <= int(blocks)):
        raise InputError(f"--block is {block}, expected a share such as 1-of-4.")
    return int(number) - 1, int(blocks)


def for_members(words: "np.ndarray", members: list[Path]) -> "np.ndarray":
    """Return the words if they are for so many members."""
    from encoded_ensembles.files import InputError

    if words.shape[1] != len(members):
        raise InputError(
            f"{len(members)} members were given, but the code has {words.shape[1]} columns."
        )
    return words


def sample_rows(
    folders: list[Path], keep: "np.ndarray", noise: Path, sampling: Sampling, label: str
) -> "np.ndarray":
    """Load the members in `folders`, and sample (A, B, C, H, W) under keep masks (A, n)."""
    from encoded_ensembles.ensemble import sample

    return sample(keep=keep, **prepare(folders, noise, sampling, label))


def prepare(folders: list[Path], noise: Path, sampling: Sampling, label: str) -> dict[str, Any]:
    """Return what sampling needs besides keep masks: members, noise and how to sample.

    Raises:
        InputError: the scheduler is not known, the batch is too small, or the noise or the autoencoder
            are not the members'.
    """
    from encoded_ensembles.device import choose_device
    from encoded_ensembles.ensemble import SAMPLERS, SMALLEST_BATCH
    from encoded_ensembles.files import InputError, read_tensors
    from encoded_ensembles.frozen import check_trained_on
    from encoded_ensembles.noise import check_noise
    from encoded_ensembles.progress import track
    from encoded_ensembles.space import load_space

    if sampling.scheduler not in SAMPLERS:
        raise InputError(f"--scheduler is {sampling.scheduler}, expected {' or '.join(SAMPLERS)}.")
    if sampling.batch is not None and sampling.batch < SMALLEST_BATCH:
        raise InputError(f"--batch is {sampling.batch}, expected at least {SMALLEST_BATCH}.")
    check_trained_on(folders, sampling.autoencoder)
    where, drawn = choose_device(sampling.device), read_tensors(noise, names=["noise"])["noise"]
    members = load_held(folders, where, sampling)
    check_noise(drawn, members[0])
    return {
        "members": members,
        "noise": drawn,
        "sampler": sampling.scheduler,
        "device": where,
        "space": load_space(sampling.autoencoder, device=where),
        "batch": sampling.batch,
        "track": lambda steps, total: track(steps, label=label, total=total),
    }


def load_held(
    folders: list[Path], device: "torch.device", sampling: Sampling
) -> "Sequence[UNet2DModel]":
    """Load the members in `folders`, ready to sample with.

    Raises:
        InputError: the precision is not known.
    """
    import torch

    from encoded_ensembles.files import InputError
    from encoded_ensembles.holding import hold
    from encoded_ensembles.unet import load_members

    if sampling.precision not in ("float32", "bfloat16"):
        raise InputError(f"--precision is {sampling.precision}, expected float32 or bfloat16.")
    members = load_members(folders, device=torch.device("cpu"))
    return hold(members, device=device, precision=sampling.precision, compiled=sampling.compiled)
