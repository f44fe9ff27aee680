"""Files that a simulated run needs beside those that its jobs write."""

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from encoded_ensembles.storage.files import read_tensors, write_tensors

from simulated.stand_ins import FACES, PEOPLE, TRAINED_ON


def make_data(name: str, folder: Path, *, images: int) -> None:
    """Write the files of a data set to a folder for downloads, if it is not embedded.

    Args:
        name: dataset.name.
        folder: resources.
        images: of CIFAR-10, in all; 60,000 are published.
    """
    if name == "cifar10":
        make_cifar(folder / name, images=images)
    if name == "celeba":
        make_celeba(folder / name)


def make_cifar(folder: Path, *, images: int) -> None:
    """Write an archive of CIFAR-10's form, of pictures of 16 random patches."""
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    folder.mkdir(parents=True)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in names:
            count = images // len(names)
            patches = rng.integers(0, 256, (count, 3, 4, 4), np.uint8)
            pixels = patches.repeat(8, axis=2).repeat(8, axis=3).reshape(count, -1)
            labels = rng.integers(0, 10, (count, 1)).astype(np.uint8)
            _add(archive, name, np.concatenate([labels, pixels], axis=1).tobytes())
        _add(archive, "batches.meta.txt", "\n".join("abcdefghij").encode())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file of CIFAR-10 to an archive."""
    entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def make_celeba(folder: Path) -> None:
    """Write CelebA's lists of people and parts, and an archive with a number in place of each picture."""
    rng = np.random.default_rng(0)
    parts = [part for part, count in FACES.items() for _ in range(count)]
    people = [
        rng.integers(1, TRAINED_ON + 1) if part == "0" else rng.integers(TRAINED_ON + 1, PEOPLE + 1)
        for part in parts
    ]
    files = [f"{number:06d}.jpg" for number in range(1, len(parts) + 1)]
    folder.mkdir(parents=True)
    for name, values in {"identity_CelebA": people, "list_eval_partition": parts}.items():
        lines = [f"{file} {value}\n" for file, value in zip(files, values, strict=True)]
        (folder / f"{name}.txt").write_text("".join(lines))
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for number, file in enumerate(files):
            archive.writestr(f"img_align_celeba/{file}", str(number))


def make_autoencoder(folder: Path) -> None:
    """Write an autoencoder that turns 8x8 pixels into one of four channels, with few weights."""
    from diffusers import AutoencoderKL
    from encoded_ensembles.members.network import save_network

    kinds = {"down": ["DownEncoderBlock2D"] * 4, "up": ["UpDecoderBlock2D"] * 4}
    network = AutoencoderKL(
        down_block_types=kinds["down"], up_block_types=kinds["up"],
        block_out_channels=[4] * 4, layers_per_block=1, latent_channels=4, norm_num_groups=2,
    )  # fmt: skip
    save_network(network, folder)


def complete_landscape(first: Path, *, units: int, blocks: int) -> None:
    """Write the other blocks of a landscape, from the counterfactuals of the first."""
    made = read_tensors(first, names=["counterfactuals"])["counterfactuals"]
    rng = np.random.default_rng(0)
    for number, numbers in enumerate(np.array_split(np.arange(units), blocks), start=1):
        scale = rng.uniform(0.5, 1, (len(numbers), 1, 1, 1, 1)).astype(np.float32)
        counterfactuals = made[: len(numbers)] * scale
        file = first.with_name(f"{number}-of-{blocks}.safetensors")
        write_tensors(file, {"units": numbers, "counterfactuals": counterfactuals})


def copy_samples(first: Path, *, blocks: int) -> None:
    """Copy the first block of samples for the Frechet distance to the others."""
    for number in range(2, blocks + 1):
        shutil.copy(first, first.with_name(f"samples.{number}-of-{blocks}.npz"))
