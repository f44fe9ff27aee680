"""The members of an ensemble and their code as one component of a diffusers pipeline.

A folder of it holds each member in a folder of its own, 00, 01, ..., as diffusers writes it, and
code.npz. Of adapters it holds their base, as diffusers writes it, and the adapters as peft does.
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
    """Networks, and which units each of them saw.

    Attributes:
        networks: n networks.
        code: C (U, n) bool.
        unit_names: (U,) str.
    """

    def __init__(
        self, networks: Sequence[UNet2DModel], *, code: np.ndarray, unit_names: np.ndarray
    ) -> None:
        """Put networks and code together.

        Raises:
            InputError: they are not of one ensemble.
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
            InputError: a name is no unit's.
        """
        place = {name: number for number, name in enumerate(self.unit_names.tolist())}
        for name in units:
            if name not in place:
                raise InputError(
                    f"{name} is no unit of this ensemble, expected one of its {len(place)} "
                    f"unit_names{close_matches(str(name), list(place))}"
                )
        return self.code[[place[name] for name in units]].reshape(-1, len(self.networks))

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
        """Write the folder; `options` go to the members' own save_pretrained."""
        folder = Path(save_directory)
        whole = {f"{number:02d}": network for number, network in enumerate(self.networks)}
        if changes(self.networks[0]):
            for name, network in whole.items():
                write_adapter(network, folder / name, base=f"../{BASE}")
            whole = {BASE: plain_base(self.networks[0])}
        for name, network in whole.items():
            network.save_pretrained(folder / name, **options)
            facts = read_json(folder / name / network.config_name)
            facts.pop("_name_or_path", None)  # a folder of this machine
            write_json(folder / name / network.config_name, facts)
        write_arrays(folder / CODE, {"code": self.code, "unit_names": self.unit_names})

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, torch_dtype: torch.dtype | None = None, **_: Any
    ) -> "Members":
        """Read a folder; what else diffusers hands to the loading of large models is left out.

        Raises:
            InputError: the folder does not hold an ensemble, or another arithmetic is asked for.
        """
        folder = Path(folder)
        if torch_dtype not in (None, torch.float32):
            raise InputError(
                f"torch_dtype is {torch_dtype}, expected none: an ensemble samples in float32, whose "
                "bytes the workflow's are."
            )
        if not (folder / CODE).is_file():
            raise InputError(f"{folder} holds no {CODE}, expected a folder of save_pretrained.")
        arrays = read_arrays(folder / CODE)
        names = [f"{number:02d}" for number in range(arrays["code"].shape[1])]
        adapted = (folder / BASE).is_dir()
        whole = [
            UNet2DModel.from_pretrained(
                folder / name,
                use_safetensors=True,
                local_files_only=True,
                low_cpu_mem_usage=False,
            )
            .eval()
            .requires_grad_(False)  # as the workflow has them: it decides the last bits of adapters
            for name in ([BASE] if adapted else names)
        ]
        networks = [adapt(whole[0], folder / name) for name in names] if adapted else whole
        return cls(networks, code=arrays["code"], unit_names=arrays["unit_names"])
