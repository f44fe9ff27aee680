"""The files of a text-to-image pipeline: downloaded at need, and found part by part.

Only safetensors are read, in one file or several; nothing is unpickled.
"""

from pathlib import Path

from encoded_ensembles.members.pipeline_kinds import kind_of
from encoded_ensembles.storage.errors import InputError
from encoded_ensembles.storage.files import read_json

PIPELINE = "pipeline.json"  # beside the denoiser in the `base` of a run
INDEX = "model_index.json"
CONFIG = "config.json"
SCHEDULER = "scheduler_config.json"
ENDINGS = ("json", "txt", "model")  # of the files of a tokenizer
VARIANTS = ("*.fp16*", "*.bf16*", "*.non_ema*")  # the same weights once more
PATTERNS = ("*.json", "*.txt", "*.model", "*.safetensors")


def download(name: str) -> Path:
    """Return the folder of a pipeline of the Hugging Face Hub, downloaded at need.

    Args:
        name: NAME for its newest revision, or NAME@REVISION.

    Raises:
        InputError: it could not be downloaded, and is not in the cache of the hub on this machine.
    """
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        # The index first: it says which parts to download. The folder's name is the revision.
        folder = Path(
            snapshot_download(repository, revision=revision or None, allow_patterns=[INDEX])
        )
        if not (folder / INDEX).is_file():
            return folder
        roles = kind_of(str(read_json(folder / INDEX).get("_class_name"))).roles
        wanted = [f"{role}/{pattern}" for role in roles for pattern in PATTERNS]
        return Path(
            snapshot_download(
                repository,
                revision=folder.name,
                allow_patterns=[INDEX, *wanted],
                ignore_patterns=list(VARIANTS),
            )
        )
    except InputError:
        raise
    except Exception as error:  # the hub's client raises many kinds
        raise InputError(
            f"{name} is not an existing folder and could not be loaded from the Hugging Face Hub "
            f"({' '.join(str(error).split())[:200]}); name a folder, or download it first: some pipelines need their "
            "licence accepted on the hub, and hf auth login, and some have moved: Stable Diffusion 1.5 is "
            "stable-diffusion-v1-5/stable-diffusion-v1-5."
        ) from error


def part_files(folder: Path, role: str) -> list[Path]:
    """Return the files of a part: configuration and weights, or the files of a tokenizer.

    Raises:
        InputError: one is missing, or the weights are not in safetensors.
    """
    if role.startswith("tokenizer"):
        files = [path for ending in ENDINGS for path in folder.glob(f"*.{ending}")]
        if not files:
            raise _missing(folder, "the files of a tokenizer")
        return files
    config = folder / (SCHEDULER if role == "scheduler" else CONFIG)
    if not config.is_file():
        raise _missing(folder, config.name)
    return [config] if role == "scheduler" else [config, *_weights(folder, role)]


def _weights(folder: Path, role: str) -> list[Path]:
    """Return the files of the weights of a part, with their index if they are several.

    Raises:
        InputError: one is missing, or they are not in safetensors.
    """
    stem = "model" if role.startswith("text_encoder") else "diffusion_pytorch_model"
    index, single = folder / f"{stem}.safetensors.index.json", folder / f"{stem}.safetensors"
    # Of a folder with both diffusers loads the index, transformers the single file.
    if index.is_file() and not (single.is_file() and role.startswith("text_encoder")):
        shards = sorted(set(read_json(index)["weight_map"].values()))
        for name in shards:
            if not (folder / name).is_file():
                raise _missing(folder, f"{name}, which {index.name} lists")
        return [index, *(folder / name for name in shards)]
    if single.is_file():
        return [single]
    others = sorted(path.name for path in folder.glob("*.safetensors"))
    if others:
        raise InputError(
            f"{folder} holds {others[0]}, expected {single.name}; load the pipeline in diffusers with "
            "the variant in that name, and save it again without one."
        )
    pickled = sorted(path.name for path in [*folder.glob("*.bin"), *folder.glob("*.ckpt")])
    if pickled:
        raise InputError(
            f"{folder} holds pickled weights only ({pickled[0]}), expected {single.name}; load the "
            "pipeline in diffusers and save it again with safe_serialization=True."
        )
    raise _missing(folder, single.name)


def _missing(folder: Path, name: str) -> InputError:
    """Return the error for a missing file of a part."""
    return InputError(
        f"{folder} does not hold {name}, expected a complete pipeline; download or save it again."
    )
