"""What sampling needs of a diffusion process, in one interface: its sampler, and the estimate of the image.

`DDPM` is the process of members that the run trains from nothing; `members.prompted.TextDiffusion` that of
adapters of a text-to-image pipeline. In both the estimate is an affine function of the prediction, so
averaging the members' predictions averages their estimates.
"""

from typing import TYPE_CHECKING, Any, Protocol

from encoded_ensembles.members.names import ANCESTRAL, LEVELS, UNCLIPPED

if TYPE_CHECKING:
    import torch
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler


class Trajectory(Protocol):
    """A sampler on its way through the steps of one trajectory, or of many at once.

    Attributes:
        levels: (T,) noise levels of the steps, descending, as members get them.
    """

    levels: "torch.Tensor"

    def start(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Return what is sampled from, for standard normal noise of the same shape."""

    def noisy(self, x: "torch.Tensor", level: "torch.Tensor") -> "torch.Tensor":
        """Return what members see of x; call it once a step."""

    def step(
        self,
        prediction: "torch.Tensor",
        level: "torch.Tensor",
        x: "torch.Tensor",
        noise: "torch.Tensor",
    ) -> "torch.Tensor":
        """Return x after a step with the ensemble's prediction and the step's exogenous noise."""


class Diffusion(Protocol):
    """A diffusion process with its sampler."""

    def begin(self, steps: int, shape: tuple[int, ...]) -> Trajectory:
        """Return a new trajectory of a number of steps, for images (C, H, W) as members see them."""

    def noised(
        self, x: "torch.Tensor", noise: "torch.Tensor", level: "int | torch.Tensor"
    ) -> "torch.Tensor":
        """Return images (N, C, H, W) with noise of a level."""

    def estimate(
        self, prediction: "torch.Tensor", noisy: "torch.Tensor", level: "int | torch.Tensor"
    ) -> "torch.Tensor":
        """Return the images (..., C, H, W) that predictions for noisy images at a level stand for."""


# DEVIATES: DDPM through DDIM.
def make_scheduler(
    *, steps: int, sampler: str = "ddpm", bounded: bool = True
) -> "DDIMScheduler | DPMSolverMultistepScheduler":
    """Return diffusers' scheduler for a sampler, set to `steps` steps of the `LEVELS` trained ones.

    DDIMScheduler also implements DDPM: with eta = 1 and the noise recomputed from the clipped image it
    is ancestral sampling (Song et al., arXiv 2010.02502, section 4.1), and unlike DDPMScheduler it
    accepts the noise as an argument. DPM-Solver++ (Lu et al., arXiv 2211.01095) combines the
    predictions of two steps; thresholding at 1 is clipping, as in the others. Of `UNCLIPPED`, only the
    last step's images are clipped (`DDPM`).

    Args:
        steps: T.
        sampler: one of `members.names.SAMPLERS`.
        bounded: whether images lie in [-1, 1], to which their estimates are then clipped.
    """
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    if sampler == "dpmsolver++":
        scheduler = DPMSolverMultistepScheduler(
            num_train_timesteps=LEVELS, thresholding=bounded, sample_max_value=1.0
        )
    else:
        scheduler = DDIMScheduler(
            num_train_timesteps=LEVELS, clip_sample=bounded and sampler not in UNCLIPPED
        )
    scheduler.set_timesteps(steps)
    return scheduler


def take_step(
    scheduler: "DDIMScheduler | DPMSolverMultistepScheduler",
    predicted: "torch.Tensor",
    level: "torch.Tensor",
    x: "torch.Tensor",
    z: "torch.Tensor",
    *,
    sampler: str,
) -> "torch.Tensor":
    """Return the images after one sampling step.

    DDPM's noise has the variance of the true reverse step. "ddpm-archive" is the sampler in the published code of
    arXiv 2306.02174, whose noise has the deviation sqrt(a (1 - a)), with a the share of the signal's
    variance that the step's forward process keeps.

    Args:
        scheduler: scheduler of `make_scheduler`.
        predicted: the ensemble's noise prediction, shaped like x.
        level: one of the scheduler's timesteps.
        x: the images before the step.
        z: exogenous noise that enters the step, shaped like x; only those of `ANCESTRAL` use it.
        sampler: one of `members.names.SAMPLERS`, that of the scheduler.
    """
    if sampler == "dpmsolver++":
        return scheduler.step(predicted, level, x).prev_sample
    return scheduler.step(
        predicted,
        level,
        x,
        eta=float(sampler in ANCESTRAL),
        use_clipped_model_output=sampler in ANCESTRAL,
        variance_noise=z * _archive_share(scheduler, level) if sampler == "ddpm-archive" else z,
    ).prev_sample


def _archive_share(scheduler: "DDIMScheduler", level: "torch.Tensor") -> float:
    """Return the archive's deviation of a step's noise divided by that of the true reverse step."""
    before = int(level) - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    if before < 0:
        return 0.0  # the last step has no noise
    signal, cleaner = (float(scheduler.alphas_cumprod[each]) for each in (int(level), before))
    return (signal / cleaner * (1 - signal) / (1 - cleaner)) ** 0.5


class DDPM:
    """The process that the run's own members are trained on: noise prediction at `LEVELS` levels."""

    def __init__(self, sampler: str, *, bounded: bool, scheduler: Any = None) -> None:
        """Take a sampler.

        Args:
            sampler: one of `members.names.SAMPLERS`.
            bounded: whether images lie in [-1, 1], to which their estimates are then clipped.
            scheduler: replaces that of `make_scheduler`; its number of steps is set here.
        """
        self.sampler, self.bounded, self.scheduler = sampler, bounded, scheduler

    def begin(self, steps: int, shape: tuple[int, ...] = ()) -> "_Steps":
        """Return a new trajectory; the scheduler's state is that of the newest."""
        if self.scheduler is None:
            self.scheduler = make_scheduler(steps=steps, sampler=self.sampler, bounded=self.bounded)
        self.scheduler.set_timesteps(steps)  # also resets the state of the previous one
        return _Steps(
            self.scheduler, self.sampler, last_clips=self.bounded and self.sampler in UNCLIPPED
        )

    def noised(
        self, x: "torch.Tensor", noise: "torch.Tensor", level: "int | torch.Tensor"
    ) -> "torch.Tensor":
        """Return images with noise of a level."""
        signal = self._signal(level)
        return signal**0.5 * x + (1 - signal) ** 0.5 * noise

    def estimate(
        self, prediction: "torch.Tensor", noisy: "torch.Tensor", level: "int | torch.Tensor"
    ) -> "torch.Tensor":
        """Return the images that noise predictions stand for, clipped if images are bounded."""
        signal = self._signal(level)
        images = (noisy - (1 - signal) ** 0.5 * prediction) / signal**0.5
        return images.clamp(-1, 1) if self.bounded else images

    def _signal(self, level: "int | torch.Tensor") -> Any:
        """Return the share of the image in the variance: a tensor for a tensor, else a number."""
        import torch

        if self.scheduler is None:
            self.scheduler = make_scheduler(steps=1, sampler=self.sampler, bounded=self.bounded)
        alphas = self.scheduler.alphas_cumprod
        if isinstance(level, torch.Tensor):
            return alphas.to(level.device)[level.long()]
        return float(alphas[level])


class _Steps:
    """The steps of DDPM's samplers."""

    def __init__(self, scheduler: Any, sampler: str, *, last_clips: bool) -> None:
        """Take a scheduler that is set to a number of steps, and whether only its last step clips."""
        self.scheduler, self.sampler, self.last_clips = scheduler, sampler, last_clips
        self.levels: torch.Tensor = scheduler.timesteps

    def start(self, noise: "torch.Tensor") -> "torch.Tensor":
        """Return the noise."""
        return noise

    def noisy(self, x: "torch.Tensor", level: "torch.Tensor") -> "torch.Tensor":
        """Return x."""
        return x

    def step(
        self,
        prediction: "torch.Tensor",
        level: "torch.Tensor",
        x: "torch.Tensor",
        noise: "torch.Tensor",
    ) -> "torch.Tensor":
        """Return x after a step."""
        after = take_step(self.scheduler, prediction, level, x, noise, sampler=self.sampler)
        return after.clamp(-1, 1) if self.last_clips and level == self.levels[-1] else after


def diffusion_of(sampler: "str | Diffusion", *, bounded: bool, scheduler: Any = None) -> Diffusion:
    """Return the process that a sampler's name stands for, or the process that is given."""
    if isinstance(sampler, str):
        return DDPM(sampler, bounded=bounded, scheduler=scheduler)
    return sampler
