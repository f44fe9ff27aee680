"""The layout of a run: the files of a whole run, by its configuration.

`rule all` requests every one of them, so that a deleted file is made again; the record of the run
lists the digests of those that hold results. Logs, benchmarks, checkpoints and ledgers are not
included.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from encoded_ensembles.codes.splits import FULL
from encoded_ensembles.features.perceptual import STLPIPS
from encoded_ensembles.members.folder import LOSSES
from encoded_ensembles.members.given import KINDS
from encoded_ensembles.members.names import LORA_FILES, member_files

Config = Mapping[str, Any]

FIGURES = (
    "code", "samples", "influence", "landscape", "aliasing", "attribution", "evidence", "gains",
    "scoreboard", "kept", "loss",
)  # fmt: skip
# Folders, relative to that of the run.
MEMBERS, SPLITS, LANDSCAPE, CERTIFICATES = "members", "splits", "landscape", "certificates"
# Files that other modules read.
TRAINING, HELDOUT, SPARE = "data/training.npz", "data/heldout.npz", "data/spare.npz"
CAPTIONS = "data/captions.parquet"
DATASET, PROPERTIES = "data/dataset.json", "code/properties.json"
CODE, UNITS, IMAGES = "code/code.npz", "code/units.parquet", "code/images.parquet"
NOISE, FRECHET_NOISE = "noise/landscape.safetensors", "noise/frechet.safetensors"
SAMPLES, SCORES = "samples/ensemble.safetensors", "frechet/scores.parquet"
INFLUENCE, NULL = "influence/influence.parquet", "influence/null.parquet"
RADIUS, EXPECTED = "influence/radius.parquet", "expected/expected.parquet"
ANSWERS, CHECKS = "contrast/answers.parquet", "contrast/checks.parquet"
QUERIES, QUERY_ANSWERS = "queries/pairs.parquet", "queries/answers.parquet"
FALSE_ATTRIBUTION = "influence/false_attribution.parquet"
# All files; each table also has a .csv.
ARRAYS = (
    TRAINING, HELDOUT, SPARE, CODE, NOISE, FRECHET_NOISE, SAMPLES,
    "contrast/pulls.safetensors", "contrast/decoys.safetensors", "queries/pictures.npz",
    "queries/pulls.safetensors", "queries/decoys.safetensors", "rivals/scores.safetensors", "expected/scores.safetensors",
    "grade/draws.safetensors", "frechet/pictures.npz",
)  # fmt: skip
TABLES = (
    "code/units", "code/images", "influence/influence", "influence/null", "influence/radius",
    "influence/aliasing", "contrast/contrast", "contrast/sets", "contrast/units",
    "contrast/answers", "contrast/checks", "queries/pairs", "queries/answers", "queries/checks",
    "expected/expected", "expected/calibration", "grade/gains", "grade/areas", "grade/scoreboard",
    "grade/truth", "grade/differences", "grade/agreement", "frechet/scores",
)  # fmt: skip
# Made only on request, and not part of a whole run.
ON_DEMAND = (
    "grade/null_check", "influence/false_attribution", "studies/levels", "studies/statistics",
    "studies/members", "studies/retraining",
)  # fmt: skip
FACTS = (
    DATASET, PROPERTIES, "code/checked.json", "contrast/arithmetic.json", "rivals/cost.json", "queries/control.json",
    "expected/choices.json",
)  # fmt: skip
SAMPLING_TEXTS = ("base/pipeline.json", "text/prompts.npz")
TRAINING_TEXTS = ("text/captions.npz", "text/latents.npz")
PAGES = ("gallery.html", "run.json", "config.yaml")
PERCEPTUAL = "perceptual/stlpips.safetensors"
CLASSIFIER = ("frechet/classifier.safetensors", "frechet/classifier.json")


def members(config: Config) -> list[str]:
    """Return the names of the members, in order: 00, 01, ..."""
    return [f"{member:02d}" for member in range(config["code"]["members"])]


def controls(config: Config) -> int:
    """Return the number of units to retrain without."""
    return config["retrain"]["units"] + len(config["retrain"]["named"])


def figures(config: Config) -> list[str]:
    """Return the names of the figures; of members trained elsewhere no loss is known."""
    known = [name for name in FIGURES if name != "loss" or not taken(config)]
    return [*known, *(["truth"] if controls(config) else [])]


def frozen(config: Config) -> list[str]:
    """Return the frozen networks, which the run does not train, by their keys in `model`."""
    return [part for part in KINDS if config["model"].get(part)]


def prompted(config: Config) -> bool:
    """Return whether members are adapters of a text-to-image pipeline."""
    return bool(config["sampling"].get("prompts"))


def taken(config: Config) -> str | None:
    """Return the folder of the members if they were trained elsewhere, else None."""
    given: str | None = config.get("members", {}).get("given")
    return given


def whole(config: Config) -> bool:
    """Return whether members were trained elsewhere, as whole networks."""
    return bool(taken(config)) and (not prompted(config) or bool(config["members"]["whole"]))


def own_files(config: Config) -> list[str]:
    """Return the names of the two files of a member that sampling reads."""
    if prompted(config) and not whole(config):
        return list(LORA_FILES)
    adapter = config["model"].get("base") is not None and not prompted(config)
    return member_files(adapter=adapter)


def truths(config: Config) -> dict[str, str]:
    """Return the kinds of truth besides contrasts: options of score-methods and their files."""
    files = {}
    if controls(config):
        files["--controls"] = "retrain/controls.parquet"
        files["--retrained"] = "retrain/samples.safetensors"
    if config["heldout"]["models"]:
        files["--models"] = "heldout/measured.safetensors"
    if config["dataset"]["plant"]:
        files["--planted"] = "planted/planted.parquet"
    return files


def perceptual(config: Config) -> list[str]:
    """Return the weights of shift-tolerant LPIPS, if a run uses it."""
    landscape = config["landscape"]["mode"] != "screened"
    used = (  # records of earlier versions lack these keys
        config["rivals"].get("perceptual")
        or config["contrast"].get("likeness") == STLPIPS
        or (landscape and STLPIPS in config["influence"]["distances"])
    )
    return [PERCEPTUAL] if used else []


def block_names(count: int) -> list[str]:
    """Return the names of the shares of some work: 1-of-N, ..., N-of-N."""
    return [f"{number}-of-{count}" for number in range(1, count + 1)]


def recorded(config: Config, *, landscape: int, frechet: int) -> list[str]:
    """Return the files of a whole run whose digests its record lists, relative to its folder.

    Args:
        config: checked configuration.
        landscape: number of blocks of the landscape.
        frechet: number of blocks of the samples that are scored.
    """
    networks = [*members(config), FULL]
    return [
        *ARRAYS,
        *(f"{table}.parquet" for table in TABLES),
        *([CAPTIONS] if config["dataset"].get("captions") else []),
        *truths(config).values(),
        *(f"{part}/{name}" for part in frozen(config) for name in member_files(adapter=False)),
        *(SAMPLING_TEXTS if prompted(config) else ()),
        *(TRAINING_TEXTS if prompted(config) and not taken(config) else ()),
        *(f"members/{member}/{name}" for member, name in product(networks, _trained(config))),
        *(f"splits/{member}.json" for member in networks),
        *(f"landscape/{block}.safetensors" for block in block_names(landscape)),
        *(f"sets/{name}.safetensors" for name in config["landscape"]["sets"]),
        *(f"frechet/samples.{block}.npz" for block in block_names(frechet)),
    ]


def outputs(config: Config, *, landscape: int, frechet: int, classifier: bool) -> list[str]:
    """Return every file of a whole run, relative to its folder, each once.

    Args:
        config: checked configuration.
        landscape: number of blocks of the landscape.
        frechet: number of blocks of the samples that are scored.
        classifier: whether features come from a classifier trained for the run.
    """
    hashed = recorded(config, landscape=landscape, frechet=frechet)
    files = [
        *hashed,
        *(f"{file.removesuffix('.parquet')}.csv" for file in hashed if file.endswith(".parquet")),
        *FACTS,
        *(CLASSIFIER if classifier else ()),
        *perceptual(config),
        *(f"{part}/{part}.json" for part in frozen(config)),
        *(f"splits/{member}.sha256" for member in [*members(config), FULL]),
        *(
            f"splits/{split}.{kind}"
            for split in _truth_splits(config)
            for kind in ("json", "sha256")
        ),
        *(f"{folder}/{name}" for folder in retrained(config) for name in _trained(config)),
        *_gradients(config),
        *(f"figures/{name}.{kind}" for name in figures(config) for kind in ("pdf", "png")),
        *PAGES,
    ]
    return list(dict.fromkeys(files))


def retrained(config: Config) -> list[str]:
    """Return the folders of networks trained beside the members, for the truth of grading."""
    retrain, heldout = config["retrain"], config["heldout"]
    arms = {"same": controls(config), "fresh": retrain["fresh"]}
    weight = config["code"]["weight"]
    return [
        *(
            f"retrain/{arm}/{control}/{seen}"
            for arm, count in arms.items()
            for control, seen in product(range(count), range(weight))
        ),
        *(f"retrain/fresh/member/{m}" for m in (members(config) if retrain["fresh"] else [])),
        *heldout_folders(heldout["models"], heldout["repeats"]),
    ]


def heldout_folders(models: int, repeats: int) -> list[str]:
    """Return the folders of held-out models, the repeats of a half together."""
    return [f"heldout/{m}.{repeat}" for m, repeat in product(range(models), range(repeats))]


def split_of(network: str) -> str:
    """Return the name of the split that a network is trained on.

    Args:
        network: its folder, such as "members/00", "retrain/same/0/1" or "heldout/0.1".
    """
    kind, *rest = network.split("/")
    if kind == "heldout":
        return f"heldout.{rest[0].split('.')[0]}"
    if kind == "retrain" and "member" not in rest:
        return f"control.{rest[1]}.{rest[2]}"
    return rest[-1]


def seed_of(network: str, config: Config) -> int:
    """Return the seed that a network is trained with; held-out models have another for each repeat.

    Args:
        network: its folder, as in `split_of`.
        config: checked configuration.
    """
    if network.startswith("retrain/fresh/"):
        return int(config["retrain"]["seed"])
    seed = int(config["training"]["seed"])
    if network.startswith("heldout/"):
        return seed + 1 + int(network.rpartition(".")[2])
    return seed


def checkpoint_of(network: str) -> str:
    """Return the file that the training of a network resumes from, relative to the run's folder."""
    name = network.removeprefix("members/").removeprefix("retrain/").replace("/", ".")
    return f"checkpoints/{name}.safetensors"


def _trained(config: Config) -> list[str]:
    return [*own_files(config), *([] if taken(config) else [LOSSES]), "training.json"]


def _truth_splits(config: Config) -> list[str]:
    """Return the names of the splits of networks trained for the truth of grading."""
    seen = range(config["code"]["weight"])
    halves = range(config["heldout"]["models"])
    return [
        *(f"control.{control}.{s}" for control, s in product(range(controls(config)), seen)),
        *(f"heldout.{model}" for model in halves),
    ]


def _gradients(config: Config) -> list[str]:
    names = [*members(config), FULL] if config["rivals"]["gradients"] else []
    return [f"rivals/gradients.{name}.safetensors" for name in names]
