"""Checkpoints: the state of a training job in one file."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from encoded_ensembles.progress import report
from encoded_ensembles.storage.disk import leftovers
from encoded_ensembles.storage.files import InputError, open_tensors, write_tensors

if TYPE_CHECKING:
    import torch


class Checkpoint:
    """The state of a training job in one file, from which a killed job resumes.

    The file is bound to a key: a checkpoint of another split, recipe or version of the code is
    ignored.
    """

    def __init__(self, path: Path, *, key: str, seconds: float) -> None:
        """Store the state at `path`, at most once every `seconds`."""
        self.path, self.key, self.seconds = path, key, seconds
        self.saved = time.monotonic()

    def load(self) -> tuple[int, list[float], dict[str, "torch.Tensor"]] | None:
        """Return (steps done, losses, tensors), or None without a valid checkpoint."""
        try:
            with open_tensors(self.path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                if facts["key"] != self.key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            return None
        except (InputError, KeyError, TypeError, ValueError) as error:
            report(f"{self.path} is ignored, and training starts from the beginning: {error}")
            return None
        return facts["step"], facts["losses"], tensors

    def due(self) -> bool:
        """Return whether it is time to save again."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, step: int, losses: list[float], tensors: dict[str, "torch.Tensor"]) -> None:
        """Save the state after `step` steps."""
        facts = json.dumps({"key": self.key, "step": step, "losses": losses})
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        write_tensors(self.path, arrays, metadata={"facts": facts})
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Delete the file after training."""
        for file in [self.path, *leftovers(self.path)]:
            file.unlink(missing_ok=True)
