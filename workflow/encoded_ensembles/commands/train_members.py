"""encens train-members: several members in one job."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.files import Data
from encoded_ensembles.commands.options.spread import spread
from encoded_ensembles.commands.options.training import Training, of_member
from encoded_ensembles.commands.train_member import fit, training_facts, training_key

FACTS = "trained.json"


@spread
def train_members(
    manifests: Annotated[
        list[Path], Argument(help="splits of the members, .json of split-members")
    ],
    data: Data,
    output: Annotated[
        Path, Option(help="output folder, with a folder for each member as train-member writes it")
    ],
    checkpoints: Annotated[
        Path, Option(help="folder of checkpoints to resume from, and of trained members")
    ],
    training: Training,
) -> None:
    """Train several members one after another, each with the same bytes as in a separate job.

    A member that an earlier job finished on the same split is not trained again: that job may have
    been killed later, or run again for another member.
    """
    from encoded_ensembles.codes.splits import select
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.storage.files import read_facts

    images = read_images(data)
    for manifest in manifests:
        split = read_facts(manifest)
        member, part = split["member"], select(images, split)
        trained, own = checkpoints / "trained" / member, of_member(training, member)
        key = training_key(training_facts(part, split=split, training=own))
        if not take_up(trained, output / member, key=key):
            fit(
                part,
                split=split,
                training=own,
                checkpoint=checkpoints / f"{member}.safetensors",
                output=output / member,
            )
            remember(output / member, trained, key=key)


def remember(member: Path, trained: Path, *, key: str) -> None:
    """Link the files of a trained member into a second folder, without a second copy on disk.

    Snakemake deletes the outputs of all members of a job before it starts the job.
    """
    from encoded_ensembles.storage.files import sha256_file, write_json

    files = sorted(file for file in member.iterdir() if file.is_file())
    (trained / FACTS).unlink(missing_ok=True)
    for file in files:
        link(file, trained / file.name)
    write_json(
        trained / FACTS, {"key": key, "sha256": {file.name: sha256_file(file) for file in files}}
    )


def take_up(trained: Path, member: Path, *, key: str) -> bool:
    """Put back the files that `remember` kept; return False if none has this key or one is damaged."""
    from encoded_ensembles.storage.files import InputError, read_json, sha256_file

    try:
        facts = read_json(trained / FACTS)
        whole = facts["key"] == key and all(
            sha256_file(trained / name) == digest for name, digest in facts["sha256"].items()
        )
    except (FileNotFoundError, InputError, KeyError, TypeError):
        return False
    if whole:
        for name in facts["sha256"]:
            link(trained / name, member / name)
    return whole


def link(source: Path, target: Path) -> None:
    """Give a file a second name with the current date; copy it if the disk has no hard links."""
    import os
    import shutil

    from encoded_ensembles.storage.files import replacing

    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.utime(temporary)
