"""The folder of a member: its files, whatever its kind."""

from pathlib import Path

from encoded_ensembles.members.names import LORA_FILES, member_files

LOSSES = "loss.csv"
# Beside training.json, of networks and of both kinds of adapters.
MEMBER_FILES = (
    *member_files(adapter=False), *member_files(adapter=True), *LORA_FILES, LOSSES,
)  # fmt: skip


def remove_member(folder: Path) -> None:
    """Delete the files of a member from its folder: sampling would find those of an earlier one of another kind."""
    for name in MEMBER_FILES:
        (folder / name).unlink(missing_ok=True)
