"""How members are held for sampling: all on the device, or waiting beside it; and their arithmetic."""

import copy
import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

SHARE = 0.5  # of a GPU's free memory that weights may take; the rest is for what they compute


def hold(
    members: Sequence["UNet2DModel"],
    *,
    device: "torch.device",
    precision: str = "float32",
    compiled: bool = False,
    resident: bool | None = None,
) -> Sequence["UNet2DModel"]:
    """Return members ready to sample with.

    Args:
        members: networks of one shape, in the host's memory; they are moved.
        device: to compute on.
        precision: float32 or bfloat16 (autocast).
        compiled: whether by torch.compile; rows then depend on the rest of their batch.
        resident: whether all lie on the device, or take turns there; None: whether they fit. Changes
            no byte.

    Raises:
        InputError: `compiled`, and there is no C++ compiler.
    """
    if compiled and not shutil.which(compiler := os.environ.get("CXX", "g++")):
        raise InputError(
            f"sampling.compile is true, but there is no C++ compiler {compiler}; install one, or set "
            "it to false."
        )
    if resident is None:
        resident = fit(members, device)
    if not resident:
        slot = copy.deepcopy(members[0]).to(device)
        set_arithmetic(slot, precision=precision, compiled=compiled)
        return Streamed(members, slot)
    for member in members:
        set_arithmetic(member.to(device), precision=precision, compiled=compiled)
    return members


def fit(members: Sequence["UNet2DModel"], device: "torch.device") -> bool:
    """Say whether the weights of all members fit on a device, beside what they compute."""
    import torch

    if device.type != "cuda":
        return True
    sizes = {each.data_ptr(): each.nbytes for one in members for each in one.state_dict().values()}
    return sum(sizes.values()) <= SHARE * torch.cuda.mem_get_info(device)[0]


def set_arithmetic(network: "UNet2DModel", *, precision: str, compiled: bool) -> None:
    """Let a network compute in bfloat16, or compiled, from now on."""
    import torch

    if precision == "bfloat16":
        lower = torch.autocast(network.device.type, torch.bfloat16)
        network.forward = lower(network.forward)
    if compiled:
        network.compile(dynamic=True)


class Streamed(Sequence["UNet2DModel"]):
    """Members in the host's memory that take turns in one network on the device.

    `streamed[m]` is that network with the weights of member m, until another is asked for.
    """

    def __init__(self, members: Sequence["UNet2DModel"], slot: "UNet2DModel") -> None:
        """Take the weights of `members`; `slot` is the network on the device."""
        pinned = slot.device.type == "cuda"  # so that the host does not wait for a transfer
        self.waiting = [
            [each.pin_memory() if pinned else each for each in member.state_dict().values()]
            for member in members
        ]
        self.slot, self.holds = slot, -1

    def __len__(self) -> int:
        """Return n."""
        return len(self.waiting)

    @overload
    def __getitem__(self, index: int) -> "UNet2DModel": ...

    @overload
    def __getitem__(self, index: slice) -> Sequence["UNet2DModel"]: ...

    def __getitem__(self, index: int | slice) -> "UNet2DModel | Sequence[UNet2DModel]":
        """Return the network, filled with the weights of a member.

        Raises:
            TypeError: several are asked for.
        """
        import torch

        if isinstance(index, slice):
            raise TypeError("streamed members are had one at a time")
        weights = self.waiting[index]  # raises IndexError, which ends an iteration
        if self.holds != index:
            with torch.no_grad():
                for own, new in zip(self.slot.state_dict().values(), weights, strict=True):
                    own.copy_(new, non_blocking=True)
            self.holds = index
        return self.slot
