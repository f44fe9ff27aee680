"""Diffusion processes: how a latent is noised, what a network predicts, and the image it estimates.

A **level** is the number that the network gets as its time: an integer 0..999 in processes with
a schedule of betas, a real number above 0 and up to 1000 (sigma times 1000) in flow matching. At a given
level and noisy latent the estimate is an affine function of the prediction, in every process: so the
mean of members' predictions gives the mean of their estimates.

The loss of a prediction is the mean squared distance to `target`, with weight 1 at all levels.

Source: Ho et al., arXiv 2006.11239 (noise); Salimans & Ho, arXiv 2202.00512 (velocity); Lipman et al.,
arXiv 2210.02747, and Esser et al., arXiv 2403.03206 (flow matching, distribution of levels).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.storage.errors import InputError

if TYPE_CHECKING:
    import torch

DENSITIES = ("uniform", "logit_normal")
PREDICTIONS = {
    "epsilon": "noise",
    "v_prediction": "velocity",
    "sample": "sample",
}  # diffusers' names


class Process:
    """A diffusion process.

    Attributes:
        prediction: "noise", "velocity", "sample" or "flow": what the network predicts.
        config: of the base's scheduler, with its class as `_class_name`.
    """

    prediction: str

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the configuration of the base's scheduler."""
        self.config = dict(config)

    def factors(
        self, level: "torch.Tensor", like: "torch.Tensor"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the factors of the latent and of the noise at levels (N,), each (N, 1, ...)."""
        raise NotImplementedError

    def noised(
        self, x0: "torch.Tensor", noise: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return noised latents.

        Args:
            x0: latents (N, ...).
            noise: standard normal, shaped like x0.
            level: (N,), or one for all.
        """
        signal, spread = self.factors(level, x0)
        return signal * x0 + spread * noise

    def target(
        self, x0: "torch.Tensor", noise: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return what the network is trained to predict; arguments and shape as in `noised`."""
        raise NotImplementedError

    def estimate(
        self, prediction: "torch.Tensor", noisy: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the denoised latents that a prediction stands for.

        Args:
            prediction: of the network, (N, ...).
            noisy: its input, as `noised` gives it, shaped like the prediction.
            level: (N,), or one for all.
        """
        raise NotImplementedError

    def levels_from(self, numbers: np.ndarray) -> np.ndarray:
        """Return levels of training from uniform random numbers.

        Args:
            numbers: (N,) float64 in [0, 1), keyed by image and epoch.

        Returns:
            (N,) int64, or float32 in flow matching.
        """
        raise NotImplementedError


class BetaProcess(Process):
    """Diffusion with a schedule of betas; the network predicts noise, velocity or the latent."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the configuration of the base's scheduler.

        Raises:
            InputError: its prediction is unknown, or the last level holds no signal to compute with.
        """
        from diffusers import DDPMScheduler

        super().__init__(config)
        kind = self.config.get("prediction_type", "epsilon")
        if kind not in PREDICTIONS:
            raise InputError(
                f"the scheduler's prediction_type is {kind}, expected {', '.join(PREDICTIONS)}; use "
                "another base."
            )
        self.prediction = PREDICTIONS[kind]
        if self.prediction == "noise" and self.config.get("rescale_betas_zero_snr"):
            raise InputError(
                "the scheduler sets rescale_betas_zero_snr with prediction_type epsilon, expected "
                "v_prediction, because at the last level the noise does not determine the latent; "
                "set it to false in scheduler_config.json."
            )
        self.signals = DDPMScheduler.from_config(self.config).alphas_cumprod

    def factors(
        self, level: "torch.Tensor", like: "torch.Tensor"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the factors; between two integer levels sigma is interpolated, as samplers do."""
        signals = self.signals.to(like.device, like.dtype)
        level = level.to(like.device).reshape(-1)
        below = level.floor().long() if level.is_floating_point() else level
        part = (level - below).to(like.dtype)
        signal = signals[below]
        if level.is_floating_point() and part.any():
            above = signals[(below + 1).clamp(max=len(signals) - 1)]
            first, second = ((1 / each - 1).sqrt() for each in (signal, above))
            signal = 1 / (1 + (first + part * (second - first)) ** 2)
        return _column(signal.sqrt(), like), _column((1 - signal).sqrt(), like)

    def target(
        self, x0: "torch.Tensor", noise: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return what the network is trained to predict; arguments and shape as in `noised`."""
        if self.prediction == "noise":
            return noise
        if self.prediction == "sample":
            return x0
        signal, spread = self.factors(level, x0)
        return signal * noise - spread * x0

    def estimate(
        self, prediction: "torch.Tensor", noisy: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the denoised latents that a prediction stands for."""
        if self.prediction == "sample":
            return prediction
        signal, spread = self.factors(level, noisy)
        if self.prediction == "noise":
            return (noisy - spread * prediction) / signal
        return signal * noisy - spread * prediction

    def levels_from(self, numbers: np.ndarray) -> np.ndarray:
        """Return levels of training from uniform random numbers, (N,) int64."""
        return (np.asarray(numbers) * len(self.signals)).astype(np.int64)


class FlowProcess(Process):
    """Flow matching: straight lines from latents to noise; the network predicts noise - latent."""

    prediction = "flow"

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        density: str = "uniform",
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        """Take the configuration of the base's scheduler.

        Args:
            config: its `shift` moves the levels of training towards noise; a shift that depends on
                the size of pictures (`use_dynamic_shifting`) is for sampling alone, as in diffusers.
            density: of positions in the schedule, one of DENSITIES.
            mean: of the logit of positions, for "logit_normal".
            std: of the logit, above 0.

        Raises:
            InputError: the density is unknown.
        """
        from diffusers import FlowMatchEulerDiscreteScheduler

        super().__init__(config)
        if density not in DENSITIES:
            raise InputError(
                f"the density of levels is {density}, expected {' or '.join(DENSITIES)}."
            )
        self.density, self.mean, self.std = density, mean, std
        self.count = self.config.get("num_train_timesteps", 1000)
        self.levels = FlowMatchEulerDiscreteScheduler.from_config(self.config).timesteps.numpy()

    def factors(
        self, level: "torch.Tensor", like: "torch.Tensor"
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the factors 1 - sigma and sigma."""
        sigma = _column(level.to(like.device, like.dtype).reshape(-1) / self.count, like)
        return 1 - sigma, sigma

    def target(
        self, x0: "torch.Tensor", noise: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return what the network is trained to predict; arguments and shape as in `noised`."""
        return noise - x0

    def estimate(
        self, prediction: "torch.Tensor", noisy: "torch.Tensor", level: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the denoised latents that a prediction stands for."""
        return noisy - self.factors(level, noisy)[1] * prediction

    def levels_from(self, numbers: np.ndarray) -> np.ndarray:
        """Return levels of training from uniform random numbers, (N,) float32."""
        import torch

        places = torch.from_numpy(np.asarray(numbers, np.float64))
        if self.density == "logit_normal":
            places = torch.sigmoid(self.mean + self.std * torch.special.ndtri(places))
        rows = (places * len(self.levels)).long().clamp(max=len(self.levels) - 1)
        return self.levels[rows.numpy()]


def make_process(
    config: Mapping[str, Any], *, density: str = "uniform"
) -> BetaProcess | FlowProcess:
    """Return the process of a base from the configuration of its scheduler.

    Args:
        config: with the class of the scheduler as `_class_name`.
        density: of levels in training, one of DENSITIES; flow matching only.

    Raises:
        InputError: the scheduler is not supported.
    """
    name = str(config.get("_class_name", ""))
    if name.startswith("FlowMatch"):
        return FlowProcess(config, density=density)
    if config.get("prediction_type") == "flow_prediction" or config.get("use_flow_sigmas"):
        raise InputError(
            f"the scheduler is a {name} for flow matching, expected FlowMatchEulerDiscreteScheduler; "
            "replace the pipeline's scheduler by one."
        )
    if density != "uniform":
        raise InputError(
            f"the density of levels is {density}, expected uniform for a process with betas."
        )
    return BetaProcess(config)


def _column(values: "torch.Tensor", like: "torch.Tensor") -> "torch.Tensor":
    """Return values (N,) as (N, 1, ...) with as many axes as `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
