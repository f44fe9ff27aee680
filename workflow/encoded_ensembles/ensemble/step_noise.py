"""Exogenous noise on a device, step by step. It imports little: an exported pipeline holds it."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Noise(Protocol):
    """Exogenous noise z (T+1, B, C, H, W) float32: an array, or a `LargeTensor` of a file."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """(T+1, B, C, H, W)."""

    def __len__(self) -> int:
        """Return T + 1."""

    def __getitem__(self, step: int, /) -> Any:
        """Return the noise of a step, (B, C, H, W)."""


class StepNoise:
    """The noise of each step, on a device.

    On a processor the noise of a step is read when the step is taken: all steps may take several GB. A GPU gets
    them all beforehand, step by step, so that no step waits for the host.
    """

    def __init__(self, noise: Noise, device: "torch.device") -> None:
        """Take the noise z (T+1, B, C, H, W), and transfer it if the device is a GPU."""
        import torch

        self.device, self.shape = device, tuple(noise.shape)
        self._noise = noise
        self._there: torch.Tensor | None = None
        if device.type != "cpu":
            self._there = torch.empty(self.shape, device=device)
            for step in range(len(noise)):
                self._there[step].copy_(torch.from_numpy(noise[step]))

    def __len__(self) -> int:
        """Return T + 1."""
        return len(self._noise)

    def __getitem__(self, step: int) -> "torch.Tensor":
        """Return the noise of a step, (B, C, H, W), not to be changed."""
        import torch

        return torch.from_numpy(self._noise[step]) if self._there is None else self._there[step]
