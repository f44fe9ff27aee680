"""The members of an ensemble and their code as one component of a diffusers pipeline.

Its folder holds code.npz and a folder for each member, 00, 01, ..., in the format of diffusers. For
adapters it holds their base in the format of diffusers, and the adapters in that of peft.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ModelMixin, UNet2DModel

from encoded_ensembles.members.adapters import adapt, changes, plain_base, write_adapter
from encoded_ensembles.members.network import seen_shape
from encoded_ensembles.storage.files import (
    InputError,
    close_matches,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
)

CODE, BASE = "code.npz", "base"


class Members(ModelMixin):  # type: ignore[misc] # diffusers has no types
    """The networks of an ensemble, and which units each of them saw.

    Attributes:
        networks: n networks.
        code: C (U, n) bool.
        unit_names: (U,) str.
    """

    def __init__(
        self, networks: Sequence[UNet2DModel], *, code: np.ndarray, unit_names: np.ndarray
    ) -> None:
        """Combine networks and code.

        Raises:
            InputError: they do not belong to one ensemble.
        """
        super().__init__()
        if code.shape != (len(unit_names), len(networks)):
            raise InputError(
                f"the code has shape {code.shape}, expected {(len(unit_names), len(networks))} for "
                f"{len(unit_names)} units and {len(networks)} members."
            )
        self.networks: Any = torch.nn.ModuleList(networks)
        self.code, self.unit_names = code, unit_names

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        return seen_shape(self.networks[0])

    def words(self, units: Sequence[str]) -> np.ndarray:
        """Return the code words (k, n) bool of these units.

        Raises:
            InputError: a name is not a unit's.
        """
        number_of = {name: number for number, name in enumerate(self.unit_names.tolist())}
        for name in units:
            if name not in number_of:
                raise InputError(
                    f"{name} is no unit of this ensemble, expected one of its {len(number_of)} "
                    f"unit_names{close_matches(str(name), list(number_of))}"
                )
        return self.code[[number_of[name] for name in units]].reshape(-1, len(self.networks))

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
        """Write the folder; `options` are passed to save_pretrained of the members."""
        folder = Path(save_directory)
        networks = {f"{number:02d}": network for number, network in enumerate(self.networks)}
        if changes(self.networks[0]):
            for name, network in networks.items():
                write_adapter(network, folder / name, base=f"../{BASE}")
            networks = {BASE: plain_base(self.networks[0])}
        for name, network in networks.items():
            network.save_pretrained(folder / name, **options)
            facts = read_json(folder / name / network.config_name)
            facts.pop("_name_or_path", None)  # a path on this machine
            write_json(folder / name / network.config_name, facts)
        write_arrays(folder / CODE, {"code": self.code, "unit_names": self.unit_names})

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, torch_dtype: torch.dtype | None = None, **_: Any
    ) -> "Members":
        """Read a folder; other arguments of diffusers, for loading large models, are ignored.

        Raises:
            InputError: the folder does not hold an ensemble, or `torch_dtype` is not float32.
        """
        folder = Path(folder)
        if torch_dtype not in (None, torch.float32):
            raise InputError(
                f"torch_dtype is {torch_dtype}, expected None or float32, in which the workflow "
                "samples; leave it out."
            )
        if not (folder / CODE).is_file():
            raise InputError(
                f"{folder} holds no {CODE}, expected a folder of save_pretrained; name its path."
            )
        arrays = read_arrays(folder / CODE)
        names = [f"{number:02d}" for number in range(arrays["code"].shape[1])]
        adapted = (folder / BASE).is_dir()
        loaded = [
            UNet2DModel.from_pretrained(
                folder / name,
                use_safetensors=True,
                local_files_only=True,
                low_cpu_mem_usage=False,
            )
            .eval()
            .requires_grad_(False)  # as in the workflow: it affects the last bits of adapters
            for name in ([BASE] if adapted else names)
        ]
        networks = [adapt(loaded[0], folder / name) for name in names] if adapted else loaded
        return cls(networks, code=arrays["code"], unit_names=arrays["unit_names"])
