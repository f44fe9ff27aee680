"""Loading members for inference: whole networks, and adapters that share one base."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encoded_ensembles.members.names import ADAPTER_CONFIG
from encoded_ensembles.members.network import load_network

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel


def load_members(folders: Sequence[Path], *, device: "torch.device") -> "list[UNet2DModel]":
    """Load the networks of members for inference; adapters of one base share its weights.

    Raises:
        InputError: a folder does not hold a complete, unchanged network or adapter.
    """
    bases: dict[Path, UNet2DModel] = {}
    networks = []
    for folder in folders:
        if not (folder / ADAPTER_CONFIG).is_file():
            networks.append(load_network(folder, device=device))
            continue
        from encoded_ensembles.members.adapters import adapt, base_folder

        base = base_folder(folder)
        if base not in bases:
            bases[base] = load_network(base, device=device)
        networks.append(adapt(bases[base], folder))
    return networks


def load_unet(folder: Path, *, device: "torch.device") -> "UNet2DModel":
    """Load a member's network for inference.

    Raises:
        InputError: the folder does not hold a complete, unchanged network or adapter.
    """
    return load_members([folder], device=device)[0]
