"""The runs of the studies: each the configuration of a preset, under its own name, with changes."""

import json

import yaml
from snakemake.utils import update_config

STEPS, BATCH = 1000, 64  # of training in the study of sizes, whatever the size
VIABLE = [128, 2048]  # of MNIST at 14x14
VIABLE_RUNS = [f"viability-{units}-{seed}" for units in VIABLE for seed in range(8)]
SIZES = [64, 256, 1024, 2048]
SIZED_RUNS = [f"sizes-{units}-{seed}" for units in SIZES for seed in range(3)]
# What may make the radius of the study of sizes smaller than the published one, each changed by itself.
FACTORS = {
    "base": {},
    "independent": {"training": {"shared_randomness": False}},
    "longer": {"training": {"epochs": 500}},
    "pixels": {"dataset": {"size": 14}},
}
NAMING = [
    "digits",
    "naming-128",
    "naming-512",
    "naming-colour",
    "naming-fashion",
    "naming-artists",
    "naming-planted",
]
# Naming needs no null code words; half the members see a unit.
HALF = {"members": 14, "weight": 7, "null_words": 2}
# The default recipe of training before it changed, which the kept tables are of.
OLD = {"schedule": "constant", "learning_rate": 0.002, "ema": 0.995}
# bfloat16 is slow on processors without instructions for it.
FLOAT32 = {"precision": "float32"}
# The data of the study of pictograms.
PICTOGRAMS = {
    "name": "openmoji",
    "size": 32,
    "channels": 3,
    "images": None,
    "heldout": 16,
    "spare": 0,
    "captions": True,
}
# The paper's run at a small size, as in the paper and with the random numbers of all members shared.
PAPER_RUNS = ["paper-mnist-independent", "paper-mnist-shared"]
MAIN = [
    "digits512",
    "clipart",
]  # with every method and every truth, and made by studies/main.smk
PICTOGRAM_RUNS = ["openmoji", "openmoji-authors"]
POWER = ["naming-64", "naming-128", "naming-512", "naming-1024"]  # of 64 to 1024 units
ABLATION = ["influence/influence", "influence/null", "influence/radius"]
MEMBERS = {
    "128 digits, w = 7 of 14": "naming-128",
    "256 MNIST, w = 7 of 14": "sizes-256-0",
    "2048 MNIST, w = 7 of 14": "sizes-2048-0",
    "290 planted, w = 13 of 18": "planted",
}


def configured(run, preset=None, **changes):
    """Return the configuration of a run: a preset's, under its own name, with changes."""
    config = {}
    if preset:
        with open(f"presets/{preset}.yaml", encoding="utf-8") as file:
            config = yaml.safe_load(file)
    update_config(config, changes | {"run": run})
    return config


def sized(run):
    """Return the configuration of a run of the study of sizes; all take equally many steps, and seeds differ in all that is drawn."""
    units, seed = map(int, run.split("-")[1:])
    steps = max(1, units // 2 // BATCH)
    return configured(
        run,
        "sizes",
        dataset={"images": units, "seed": seed},
        code={"seed": seed},
        training={"epochs": STEPS // steps, "steps_per_epoch": steps, "seed": seed},
        sampling={"seed": seed + 1},
        rivals={"perceptual": True},
    )


def viable(run):
    """Return the configuration of a run of the study of viability; seeds differ in all that is drawn."""
    units, seed = map(int, run.split("-")[1:])
    steps = units // 2 // 32
    return configured(
        run,
        dataset={
            "name": "mnist5k",
            "size": 14,
            "images": units,
            "heldout": 512,
            "spare": 2440,
            "seed": seed,
        },
        code={"members": 14, "weight": 7, "null_words": 2, "seed": seed},
        training={"epochs": 600 // steps, "steps_per_epoch": steps, "seed": seed},
        sampling={"scheduler": "dpmsolver++", "steps": 25, "seed": seed + 1},
        frechet={"samples": 256, "kept": [], "repeats": 2},
    )


def varied(factor):
    """Return the configuration of a run of the study of what the radius depends on: 256 images of MNIST."""
    config = configured(
        f"factors-{factor}",
        "sizes",
        dataset={"images": 256},
        training={
            "epochs": 125,
            "steps_per_epoch": 4,
            "schedule": "cosine",
            "learning_rate": 0.005,
            "ema": 0.99,
        },
    )
    update_config(config, FACTORS[factor])
    return config


def made_by(*runs):
    """Return the configurations of runs as JSON, for the record of a study."""
    return json.dumps({run: RUNS[run] for run in runs}, sort_keys=True)


RUNS = {
    config["run"]: config
    for config in (
        configured("digits"),
        *map(sized, SIZED_RUNS),
        configured("retraining", "retraining"),
        configured(
            "naming-128",
            training={"epochs": 800, "steps_per_epoch": 1, **OLD},
            sampling={"scheduler": "ddpm", "steps": 50},
        ),
        configured(
            "naming-512",
            dataset={"name": "digits", "images": 512, "heldout": 512},
            code={"members": 16, "weight": 8, "null_words": 100},
            training={"epochs": 250, "steps_per_epoch": 4, **OLD},
            sampling={"samples": 48, "scheduler": "ddpm", "steps": 40},
        ),
        configured(
            "naming-64",
            dataset={"images": 64},
            code={"null_words": 2},
            training={"epochs": STEPS, "steps_per_epoch": 1, **OLD},
            sampling={"scheduler": "ddpm", "steps": 50},
        ),
        configured(
            "naming-1024",
            dataset={"images": 1024, "heldout": 512},
            code={"null_words": 2},
            training={"epochs": 125, "steps_per_epoch": 8, **OLD},
            sampling={"samples": 32, "scheduler": "ddpm", "steps": 40},
        ),
        configured(
            "naming-colour",
            dataset={
                "name": "openclipart",
                "size": 16,
                "channels": 3,
                "images": 192,
                "heldout": 192,
            },
            code={"members": 16, "weight": 8, "null_words": 2},
            training={"epochs": 300, "steps_per_epoch": 2, **OLD},
            sampling={"samples": 32, "scheduler": "dpmsolver++", "steps": 25},
        ),
        configured("naming-fashion", "fashion-small", code=HALF, training=FLOAT32),
        configured("naming-artists", "artists-small", code=HALF, training=FLOAT32),
        configured(
            "naming-planted",
            "planted",
            code={"null_words": 2},
            retrain={"named": ["plant-corner"]},
        ),
        configured("naming-retrained", "digits512", code={"null_words": 2}),
        # What the base of openmoji is trained on, and pictures whose captions are kept apart, all of openmoji among them.
        configured(
            "openmoji-base",
            dataset={**PICTOGRAMS, "openmoji": {"vendors": ["twemoji"]}},
        ),
        configured(
            "openmoji-apart", dataset=PICTOGRAMS | {"images": 288, "heldout": 288}
        ),
        *map(viable, VIABLE_RUNS),
        *map(varied, FACTORS),
        *(
            configured(run, "paper-mnist-small", training={"shared_randomness": shared})
            for run, shared in zip(PAPER_RUNS, (False, True))
        ),
        configured("openmoji", "openmoji"),
        # The same pictures, with all of an author as a unit.
        configured(
            "openmoji-authors", "openmoji", units={"by": "label"}, retrain={"units": 0}
        ),
        *(
            configured(run, run)
            for run in ("planted", "artists-small", "fashion-small", *MAIN)
        ),
    )
}
