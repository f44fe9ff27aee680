"""What kohya's trainers note in a LoRA file: the folders it was trained on, and how its captions were encoded.

Source: train_network.py of sd-scripts, metadata of names beginning with ss_. Files of other trainers have none.
"""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from encoded_ensembles.members.pipeline_kinds import PIPELINES
from encoded_ensembles.storage.errors import InputError

FOLDERS = "ss_dataset_dirs"  # {name of the folder: {"n_repeats": ..., "img_count": ...}}, as JSON
CLIP_SKIP = "ss_clip_skip"
AGAIN = re.compile(r" \(\d+\)$")  # after the name of a folder that is used at several sizes


def read_notes(file: Path) -> dict[str, str]:
    """Return the metadata of a file of safetensors.

    Raises:
        InputError: it is not one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            return opened.metadata() or {}
    except SafetensorError as error:
        raise InputError(f"{file} is not a complete file of safetensors ({error}).") from error


def check_notes(
    notes: Mapping[str, str], file: Path, *, member: str, members: Collection[str], pictures: int
) -> None:
    """Check that a member was trained on its own split, as far as its trainer noted it.

    Args:
        notes: of `read_notes`.
        file: for messages.
        member: its name, which is that of its split's folder.
        members: all names.
        pictures: number of pictures in the split.

    Raises:
        InputError: it was trained on the folder of another member, or on another number of pictures.
    """
    try:
        folders = json.loads(notes.get(FOLDERS, "{}"))
        counts = {
            AGAIN.sub("", folder): int(facts["img_count"]) for folder, facts in folders.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{file} holds {FOLDERS} in another form than kohya's trainers write; save the file without it."
        ) from error
    others = sorted((set(counts) & set(members)) - {member})
    if others:
        raise InputError(
            f"{file} says that it was trained on the folder {others[0]}, expected {member}; exchange the files, or train "
            "the member again."
        )
    if counts and sum(counts.values()) != pictures:
        raise InputError(
            f"{file} says that it was trained on {sum(counts.values())} pictures, expected the {pictures} of its split; the "
            "trainer may have skipped some, or broken links: compare its log with the folder, and train the member again."
        )


def check_clip_skip(notes: Mapping[str, str], file: Path, *, kind: str) -> None:
    """Check that captions were encoded by the last layer of the text encoder, as those of the run are.

    Of Stable Diffusion alone; the run encodes for other pipelines by other layers.

    Args:
        notes: of `read_notes`.
        file: for messages.
        kind: class of the pipeline.

    Raises:
        InputError: they were not.
    """
    skipped = notes.get(CLIP_SKIP, "None")
    if kind == PIPELINES["sd"].pipeline and skipped not in ("None", "1"):
        raise InputError(
            f"{file} was trained with clip_skip {skipped}, expected none: the run encodes captions and prompts by the "
            "last layer of the text encoder; train it again without."
        )
