"""A run of a few digits up to its landscape, by verbs in this process, for tests of what networks are."""

import hashlib

import numpy as np
import pytest
from encoded_ensembles.commands import certify, verify
from encoded_ensembles.commands.ablate_block import ablate_block
from encoded_ensembles.commands.draw_noise import draw_noise
from encoded_ensembles.commands.encode_units import encode_units
from encoded_ensembles.commands.fetch_autoencoder import fetch_autoencoder
from encoded_ensembles.commands.fetch_base import fetch_base
from encoded_ensembles.commands.split_members import split_members
from encoded_ensembles.commands.train_member import train_member
from encoded_ensembles.data.images import ImageSet, resize, write_images
from encoded_ensembles.members.names import member_files
from encoded_ensembles.members.network import import_network, save_network
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates, verification
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_facts,
    read_tensors,
    write_facts,
)
from sklearn.datasets import load_digits

HOW = {  # a few steps of training
    "widths": "8,8", "layers_per_block": 1, "epochs": 2, "steps_per_epoch": 2, "learning_rate": 1e-2,
    "ema": 0.5, "flip": True, "device": "cpu",
}  # fmt: skip

UNITS, MEMBERS, WEIGHT = 6, 4, 2
FETCH = {"base": fetch_base, "autoencoder": fetch_autoencoder}


def pictures(side=8):
    """Return (UNITS, side, side, 1) uint8."""
    images = np.rint(load_digits().images[:UNITS, :, :, None] * (255 / 16)).astype(np.uint8)
    return resize(images, size=side, channels=1)


def write_autoencoder(folder, *, channels=1, latents=2, widths=(8, 16), seed=0, **config):
    """Write a tiny autoencoder with random weights, that halves images between widths; return it."""
    import torch

    torch.manual_seed(seed)
    network = import_network("AutoencoderKL")(
        in_channels=channels, out_channels=channels, latent_channels=latents, block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=1, norm_num_groups=4, **config,
    ).eval().requires_grad_(False)  # fmt: skip
    save_network(network, folder)
    return network


def make(folder, images, *, how, labels=1, **given):
    """Do what the workflow does up to the landscape, and write what a certificate needs.

    Args:
        folder: of the run.
        images: (UNITS, H, W, C) uint8.
        how: options of train_member.
        labels: number of labels, which the images have in turn.
        given: folders of networks by their keys of `model`.
    """
    frozen = {part: folder / part for part in given}
    for part, source in given.items():
        FETCH[part](str(source), folder / part, folder / part / f"{part}.json")
    label_names = np.array([f"digit {label}" for label in range(labels)])
    names = np.array([f"digits/{number}" for number in range(UNITS)])
    data, code = folder / "data/training.npz", folder / "code/code.npz"
    write_images(data, ImageSet(images, np.arange(UNITS) % labels, label_names, names))
    encode_units(
        data, code, folder / "code/units.parquet", folder / "code/images.parquet",
        folder / "code/properties.json", members=MEMBERS, weight=WEIGHT, null_words=0,
    )  # fmt: skip
    split_members(data, code, folder / "splits", how.get("classes", False))
    for member in [*map("{:02d}".format, range(MEMBERS)), "full"]:
        manifest = folder / f"splits/{member}.json"
        train_member(data, manifest, folder / "members" / member, **frozen, **how)
    noise, latents = folder / "noise/landscape.safetensors", frozen.get("autoencoder")
    draw_noise(data, noise, samples=2, steps=3, autoencoder=latents)
    ablate_block(
        member_folders(folder), code, noise, "1-of-1", folder / "landscape.safetensors",
        autoencoder=latents, device="cpu",
    )  # fmt: skip
    model = {part: str(source) for part, source in given.items()}
    config = {"run": "made", "model": model, "sampling": {"samples": 2, "scheduler": "ddpm"}}
    write_facts(folder / "run.json", {"config": config})
    return folder


def member_folders(folder):
    """Return the folders of the members of a run, in order."""
    return [folder / f"members/{member:02d}" for member in range(MEMBERS)]


def digests(folder, names):
    """Return the SHA-256 of files in a folder."""
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]


def certified(folder):
    """Certify sample 1 without the first unit, and return the certificate's file."""
    unit = read_arrays(folder / "code/code.npz")["unit_names"][0]
    certify.certify(folder, 1, [unit], device="cpu")
    (file,) = (folder / "certificates").glob("*.json")
    return file


def check_certificate_binds(folder, part):
    """Check that a certificate is of the landscape's picture and binds a given network; return what it says."""
    file, names = certified(folder), [f"{part}/{name}" for name in member_files(adapter=False)]
    picture = read_tensors(file.with_suffix(".safetensors"))["counterfactual"]
    block = read_tensors(folder / "landscape.safetensors")["counterfactuals"]
    assert np.array_equal(picture, block[0, 1])
    predicate = verification.verify(file, Run(folder))["predicate"]
    assert predicate[part] == {"claim": certificates.FROZEN_CLAIMS[part], "files": names}
    bound = {name.removeprefix(f"{part}/"): predicate["files"][name] for name in names}
    assert bound == read_facts(folder / part / f"{part}.json")["sha256"]
    verify.verify(file, folder, resample=True, device="cpu")
    return predicate


def check_altered_is_refused(folder, part, name):
    """Check that nothing is certified or verified with a given network that was altered."""
    file, target = certified(folder), folder / part / name
    whole = bytearray(target.read_bytes())
    whole[-1] ^= 1
    target.write_bytes(whole)
    with pytest.raises(InputError, match=f"{name} has sha256"):
        verification.verify(file, Run(folder))
    with pytest.raises(InputError, match=f"was trained on the {part}"):
        certificates.statement(Run(folder), sample=0, units=["digits/0"], subjects=[])
