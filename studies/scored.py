"""What programs that score a finished run by a method of their own read and write."""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from encoded_ensembles.data.images import read_images
from encoded_ensembles.grading.rivals import unit_means
from encoded_ensembles.members.batches import as_seen
from encoded_ensembles.members.latents import PIXELS
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_tensors,
    write_table,
)


class Pictures(NamedTuple):
    """The pictures of a run on pixels, and the units of its images."""

    images: np.ndarray  # (N, C, H, W) float32, in [-1, 1]
    samples: np.ndarray  # (B, C, H, W) float32
    unit_of: np.ndarray  # (N,) int64
    unit_names: np.ndarray  # (U,) str


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the arguments that all of these programs take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--levels", type=int, default=10, help="noise levels, evenly spaced")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, required=True)
    return parser


def read_pictures(run: Path) -> Pictures:
    """Return the pictures of a run.

    Raises:
        InputError: its members see latents, or are told labels.
    """
    network = json.loads((run / layout.MEMBERS / "00/config.json").read_text())
    images = as_seen(read_images(run / layout.TRAINING).images, space=PIXELS)
    if network["in_channels"] != images.shape[1] or network["num_class_embeds"]:
        raise InputError(
            f"{run} has members of latents or of labels, expected a run on pixels without labels."
        )
    samples = read_tensors(run / layout.SAMPLES, names=["factual"])["factual"]
    words = read_arrays(run / layout.CODE)
    return Pictures(images, samples, words["unit_of"], words["unit_names"])


def write_scores(output: Path, scores: np.ndarray, pictures: Pictures) -> None:
    """Write scores (N, B) of images as the table that `grade.scores` takes: sample, unit_name, score.

    A unit's score is the mean over its images.
    """
    by_unit = unit_means(scores, pictures.unit_of)
    units, samples = by_unit.shape
    table = {
        "sample": np.repeat(np.arange(samples), units),
        "unit_name": np.tile(pictures.unit_names, samples),
        "score": by_unit.T.ravel(),
    }
    write_table(output, pd.DataFrame(table))
