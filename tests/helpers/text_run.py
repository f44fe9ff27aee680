"""A text-to-image run of 12 captioned pictures on a tiny pipeline, to run and to change."""

import numpy as np
import tiny_pipelines
import yaml
from PIL import Image
from workspace import Workspace

CAPTIONS = ["a cat", "a dog", "big cat", "red"]
CONFIG = {
    "dataset": {"name": "folder", "path": "pictures", "size": 16, "channels": 3, "images": None, "heldout": 4, "spare": 0, "captions": True},
    "code": {"members": 5, "weight": 2, "null_words": 2},
    "model": {"lora": {"rank": 2, "alpha": 2}},
    "training": {"epochs": 2, "steps_per_epoch": 2, "prompt_dropout": 0.2, "learning_rate": 1e-2},
    "sampling": {"samples": 3, "prompts": ["a cat", "big dog"], "negative": "mud", "scheduler": "base", "steps": 3, "guidance": 3},
    "contrast": {"levels": 999},
    "landscape": {"blocks": 1},
    "frechet": {"extractor": "pixels", "samples": 12, "repeats": 1, "blocks": 1},
    "figures": {"samples": [0], "top": 2},
}  # fmt: skip


def save(folder, number, *, seed=None, caption=None):
    """Write a picture and its caption; another seed gives another picture."""
    rng = np.random.default_rng(number if seed is None else seed)
    file = folder / f"{number:02d}.png"
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    file.with_suffix(".txt").write_text(caption or CAPTIONS[number % len(CAPTIONS)])


def prepare(folder, kind):
    """Make a workspace with captioned pictures and a tiny pipeline."""
    workspace = Workspace(folder)
    (folder / "pictures").mkdir()
    for number in range(12):
        save(folder / "pictures", number)
    tiny_pipelines.write(kind, folder / "base")
    configure(workspace, sampling={"negative": None} if kind == "flux" else {})
    return workspace


def configure(workspace, *, file="own.yaml", **changes):
    config = {key: dict(value) for key, value in CONFIG.items()} | {"run": "own"}
    config["model"]["base"] = "base"
    for key, value in changes.items():
        config[key] = config.get(key, {}) | value if isinstance(value, dict) else value
    (workspace.folder / file).write_text(yaml.safe_dump(config))


def run(workspace, *targets):
    return workspace.run(*(f"results/own/{target}" for target in targets), config="own.yaml")
