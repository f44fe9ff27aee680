"""The state of a training job in one file."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from encoded_ensembles.files import replacing

if TYPE_CHECKING:
    import torch


class Checkpoint:
    """The state of a training job in one file, to go on from after the job was killed.

    The file is bound to a key: a checkpoint of another split, recipe or version of the code is
    passed over.
    """

    def __init__(self, path: Path, *, key: str, seconds: float) -> None:
        """Keep the state at `path`, saved at most every `seconds`."""
        self.path, self.key, self.seconds = path, key, seconds
        self.saved = time.monotonic()

    def load(self) -> tuple[int, list[float], dict[str, "torch.Tensor"]] | None:
        """Return (steps done, losses, tensors), or None if there is nothing to go on from."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                if facts["key"] != self.key:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return facts["step"], facts["losses"], tensors

    def due(self) -> bool:
        """Say whether it is time to save again."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, step: int, losses: list[float], tensors: dict[str, "torch.Tensor"]) -> None:
        """Save the state after `step` steps."""
        from safetensors.torch import save_file

        facts = json.dumps({"key": self.key, "step": step, "losses": losses})
        with replacing(self.path) as temporary:
            save_file(
                {name: tensor.contiguous() for name, tensor in tensors.items()},
                temporary,
                metadata={"facts": facts},
            )
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Delete the file, the training being done."""
        self.path.unlink(missing_ok=True)
