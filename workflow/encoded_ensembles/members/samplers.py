"""Samplers of text-to-image pipelines: schedulers of diffusers with the configuration of the base.

A sampler steps with the mean of members' predictions. Random numbers of a step are its argument; so
only schedulers are used that draw none of their own.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from encoded_ensembles.members.pipeline_kinds import PipelineKind
from encoded_ensembles.storage.errors import InputError

if TYPE_CHECKING:
    import torch

BETA_SAMPLERS = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDIMScheduler",  # with eta = 1: it accepts the noise as an argument
    "dpmsolver++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
}
FLOW_SAMPLERS = {"euler": "FlowMatchEulerDiscreteScheduler"}
OWN = "base"  # name of the base's own scheduler
WITHOUT_NOISE = (
    "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler",
    "UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler",
)  # fmt: skip


class Sampler:
    """A scheduler on its way through one trajectory; make a new one for each.

    Attributes:
        levels: (T,) of the steps, descending; as the network gets them, and as `step` expects them.
    """

    def __init__(self, scheduler: Any, *, noisy_steps: bool) -> None:
        """Take a scheduler of diffusers, set to a number of steps.

        Args:
            scheduler: the scheduler.
            noisy_steps: whether steps take noise (DDPM).
        """
        self.scheduler, self.noisy_steps = scheduler, noisy_steps
        self.levels: torch.Tensor = scheduler.timesteps

    def start(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Return the first latents from standard normal noise of the same shape."""
        return noise * getattr(self.scheduler, "init_noise_sigma", 1.0)

    def noisy(self, latents: "torch.Tensor", level: "torch.Tensor") -> "torch.Tensor":
        """Return what the network sees of latents, scaled as `Process.noised`; call it once a step."""
        if not hasattr(self.scheduler, "scale_model_input"):
            return latents
        return self.scheduler.scale_model_input(latents, level)

    def step(
        self,
        prediction: "torch.Tensor",
        level: "torch.Tensor",
        latents: "torch.Tensor",
        noise: "torch.Tensor | None" = None,
    ) -> "torch.Tensor":
        """Return the latents after a step.

        Args:
            prediction: mean of the members' predictions, shaped like the latents.
            level: the next of `levels`.
            latents: before the step, not scaled by `noisy`.
            noise: exogenous noise of the step, shaped like the latents; only DDPM uses it.

        Raises:
            ValueError: DDPM gets no noise.
        """
        if not self.noisy_steps:
            return self.scheduler.step(prediction, level, latents).prev_sample
        if noise is None:
            raise ValueError("noise is None, expected the exogenous noise of the step")
        return self.scheduler.step(
            prediction, level, latents, eta=1.0, variance_noise=noise
        ).prev_sample


def make_sampler(
    config: Mapping[str, Any],
    *,
    kind: PipelineKind,
    steps: int,
    name: str = OWN,
    tokens: int | None = None,
    device: "torch.device | str" = "cpu",
) -> Sampler:
    """Return a sampler of a base.

    Args:
        config: of the base's scheduler, with its class as `_class_name`.
        kind: of the pipeline.
        steps: T.
        name: "base" for the base's scheduler, or one of `sampler_names`.
        tokens: of a picture in the denoiser (its latents over `pipeline_kinds.token_side` squared); needed if the shift of
            the schedule depends on the size of pictures.
        device: of the levels.

    Raises:
        InputError: the sampler is unknown, or draws random numbers of its own.
    """
    import diffusers

    name, scheduler_name = choose_sampler(config, name)
    made_of = getattr(diffusers, scheduler_name)
    scheduler = made_of.from_config(_plain(config, kind, made_of), **_changes(name))
    scheduler.set_timesteps(device=device, **_spacing(config, kind, steps, tokens))
    if is_flow(config):
        scheduler.set_begin_index(0)
    return Sampler(scheduler, noisy_steps=name == "ddpm")


def choose_sampler(config: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the name of a sampler and the class of its scheduler.

    Raises:
        InputError: the sampler is unknown, or draws random numbers of its own.
    """
    known = FLOW_SAMPLERS if is_flow(config) else BETA_SAMPLERS
    own = str(config["_class_name"])
    if name not in (OWN, *known):
        raise InputError(
            f"the sampler is {name}, expected {', '.join((OWN, *known))} for a base with a {own}; set "
            "sampling.scheduler to one of them."
        )
    if name == OWN and own == "DDPMScheduler":
        name = "ddpm"
    scheduler = own if name == OWN else known[name]
    if scheduler not in WITHOUT_NOISE or (name == OWN and _draws(config)):
        raise InputError(
            f"the pipeline's scheduler is a {own}, which draws random numbers of its own, or is not "
            f"supported, expected {', '.join(WITHOUT_NOISE)}; choose the sampler {' or '.join(known)}."
        )
    return name, scheduler


def sampler_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names that `make_sampler` accepts for a base with this scheduler."""
    return [OWN, *(FLOW_SAMPLERS if is_flow(config) else BETA_SAMPLERS)]


def is_flow(config: Mapping[str, Any]) -> bool:
    """Return whether a scheduler is for flow matching."""
    return str(config["_class_name"]).startswith("FlowMatch")


def dynamic_shift(config: Mapping[str, Any], tokens: int) -> float:
    """Return the logarithm of the shift of a schedule for a size of pictures.

    It is linear in the number of tokens. Source: diffusers' pipelines of SD3 and FLUX.

    Args:
        config: of the scheduler.
        tokens: of a picture in the denoiser.
    """
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    base, top = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    return base + (top - base) / (high - low) * (tokens - low)


def _spacing(
    config: Mapping[str, Any], kind: PipelineKind, steps: int, tokens: int | None
) -> dict[str, Any]:
    """Return the arguments of set_timesteps except the device."""
    import numpy as np

    spacing: dict[str, Any] = {"num_inference_steps": steps}
    if not is_flow(config):
        return spacing
    if kind.linear_sigmas:
        spacing["sigmas"] = np.linspace(1.0, 1 / steps, steps)
    if config.get("use_dynamic_shifting"):
        if tokens is None:
            raise ValueError("tokens is None, expected the number of tokens of a picture")
        spacing["mu"] = dynamic_shift(config, tokens)
    return spacing


def _plain(config: Mapping[str, Any], kind: PipelineKind, scheduler: Any) -> dict[str, Any]:
    """Return a configuration without clipping, which is for pixels in [-1, 1] and wrong for latents.

    Args:
        config: of the base's scheduler.
        kind: of the pipeline.
        scheduler: the class that gets the configuration.
    """
    import inspect

    changes: dict[str, Any] = {"clip_sample": False, "thresholding": False}
    if kind.name == "sd":
        changes["steps_offset"] = 1  # StableDiffusionPipeline sets it, whatever the file holds
    known = inspect.signature(scheduler.__init__).parameters
    changes = {key: value for key, value in changes.items() if key in known}
    defaults = "_use_default_values"  # diffusers drops the keys that it lists, changed or not
    kept = [key for key in config.get(defaults, ()) if key not in changes]
    return {**config, **changes, defaults: kept}


def _changes(name: str) -> dict[str, Any]:
    """Return what a sampler chosen by name changes of the configuration."""
    return {"algorithm_type": "dpmsolver++"} if name == "dpmsolver++" else {}


def _draws(config: Mapping[str, Any]) -> bool:
    """Return whether a scheduler is configured to solve a stochastic equation."""
    sde = str(config.get("algorithm_type", "")).startswith("sde")
    return sde or bool(config.get("stochastic_sampling"))
