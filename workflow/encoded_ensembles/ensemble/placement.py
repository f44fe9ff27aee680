"""Placement of members for sampling: all on the device, or streamed from host memory; their arithmetic."""

import copy
import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from encoded_ensembles.storage.files import InputError

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

PRECISIONS = ("float32", "bfloat16", "float16")
SHARE = 0.5  # largest share of a GPU's free memory for weights; the rest is for activations


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
        members: networks of one shape, in host memory; they are moved.
        device: device to compute on.
        precision: one of `PRECISIONS`; autocast except for float32.
        compiled: whether to use torch.compile; rows then depend on the rest of their batch.
        resident: True keeps all on the device, False streams them; None: True if they fit. Changes no
            byte.

    Raises:
        InputError: `compiled` is true, but no C++ compiler is installed.
    """
    if compiled:
        check_compiler()
    if resident is None:
        resident = fit(members, device)
    if not resident:
        slot = _copy(members[0], device)
        set_arithmetic(slot, precision=precision, compiled=compiled)
        return Streamed(members, slot)
    moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for member in members:
        _move(member, device, moved)
        set_arithmetic(member, precision=precision, compiled=compiled)
    return members


def _move(
    network: "UNet2DModel",
    device: "torch.device",
    moved: "dict[int, tuple[torch.Tensor, torch.Tensor]]",
) -> None:
    """Move a network; buffers that several networks share stay shared, as parameters do by themselves.

    Args:
        network: to move.
        device: where to.
        moved: buffers before and after, by identity of those before; those of this network are added.
    """
    before = dict(network.named_buffers())
    network.to(device)
    for name, buffer in before.items():
        owner, _, own = name.rpartition(".")
        module = network.get_submodule(owner)
        _, after = moved.setdefault(id(buffer), (buffer, getattr(module, own)))
        setattr(module, own, after)


def check_compiler() -> None:
    """Check that torch.compile has a C++ compiler on this machine.

    Raises:
        InputError: none is installed.
    """
    if not shutil.which(compiler := os.environ.get("CXX", "g++")):
        raise InputError(
            f"sampling.compile is true, but the C++ compiler {compiler} is not installed; install it, or "
            "set sampling.compile to false."
        )


def fit(members: Sequence["UNet2DModel"], device: "torch.device") -> bool:
    """Return whether the weights of all members fit on a device, beside their activations."""
    import torch

    if device.type != "cuda":
        return True
    sizes = {
        tensor.data_ptr(): tensor.nbytes
        for member in members
        for tensor in member.state_dict().values()
    }
    return sum(sizes.values()) <= SHARE * torch.cuda.mem_get_info(device)[0]


def _copy(network: "UNet2DModel", device: "torch.device") -> "UNet2DModel":
    """Return a copy of a network on a device, without another one in host memory on the way."""
    import torch

    done: dict[int, Any] = {id(each): each.to(device, copy=True) for each in network.buffers()}
    for each in network.parameters():
        moved = each.detach().to(device, copy=True)
        done[id(each)] = torch.nn.Parameter(moved, requires_grad=each.requires_grad)
    return copy.deepcopy(network, done)


def set_arithmetic(network: "UNet2DModel", *, precision: str, compiled: bool) -> None:
    """Switch a network to another precision than float32, or compile it, in place."""
    import torch

    if precision != "float32":
        lower = torch.autocast(network.device.type, getattr(torch, precision))
        network.forward = lower(network.forward)
    if compiled:
        network.compile(dynamic=True)


class Streamed(Sequence["UNet2DModel"]):
    """Members in host memory that share one network on the device.

    `streamed[m]` is that network with the weights of member m, until another member is read. Weights that
    all members share, those of the base of adapters, stay on the device: only the others are transferred.
    """

    def __init__(self, members: Sequence["UNet2DModel"], slot: "UNet2DModel") -> None:
        """Take the weights of `members`; `slot` is the network on the device, with those of the first."""
        pinned = slot.device.type == "cuda"  # pinned memory lets transfers run asynchronously
        weights = [member.state_dict() for member in members]
        own = [name for name in weights[0] if len({each[name].data_ptr() for each in weights}) > 1]
        self.waiting = [
            [each[name].pin_memory() if pinned else each[name] for name in own] for each in weights
        ]
        self.slot, self.names, self.holds = slot, own, -1

    def __len__(self) -> int:
        """Return n, the number of members."""
        return len(self.waiting)

    @overload
    def __getitem__(self, index: int) -> "UNet2DModel": ...

    @overload
    def __getitem__(self, index: slice) -> Sequence["UNet2DModel"]: ...

    def __getitem__(self, index: int | slice) -> "UNet2DModel | Sequence[UNet2DModel]":
        """Return the network with the weights of a member.

        Raises:
            TypeError: the index is a slice.
        """
        import torch

        if isinstance(index, slice):
            raise TypeError("streamed members are read one at a time, expected an integer index")
        weights = self.waiting[index]  # raises IndexError, which ends an iteration
        if self.holds != index:
            held = self.slot.state_dict()
            with torch.no_grad():
                for name, source in zip(self.names, weights, strict=True):
                    held[name].copy_(source, non_blocking=True)
            self.holds = index
        return self.slot
