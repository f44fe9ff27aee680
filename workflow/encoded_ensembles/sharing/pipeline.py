"""An encoded ensemble as a diffusers pipeline: samples, and the same samples without some units.

Its folder holds this file and the modules it needs beside the weights, so that
`DiffusionPipeline.from_pretrained(folder, trust_remote_code=True)` loads it without this package.
They are copies of the package's files with relative imports in place of absolute ones, so the sampling
loop is that of `ensemble.sampling`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    ImagePipelineOutput,
    ModelMixin,
    SchedulerMixin,
)
from diffusers.image_processor import VaeImageProcessor
from diffusers.utils.torch_utils import randn_tensor

from encoded_ensembles.codes.masks import set_keep
from encoded_ensembles.codes.words import spell
from encoded_ensembles.ensemble.diffusion import make_scheduler
from encoded_ensembles.ensemble.sampling import sample
from encoded_ensembles.ensemble.step_noise import StepNoise  # noqa: F401
from encoded_ensembles.members.adapters import changes
from encoded_ensembles.members.gpu_memory import explain_full_memory  # noqa: F401
from encoded_ensembles.members.latents import PIXELS, Latents
from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.members.network import read_network
from encoded_ensembles.sharing.component import Members

# diffusers copies the modules that this file imports, but not those that they import.
from encoded_ensembles.sharing.model_card import model_card
from encoded_ensembles.storage.disk import explain  # noqa: F401
from encoded_ensembles.storage.errors import InputError
from encoded_ensembles.storage.files import read_json, write_json, write_text
from encoded_ensembles.storage.seals import read_seal  # noqa: F401
from encoded_ensembles.storage.tensor_format import header  # noqa: F401

CARRIED = [
    "codes_masks", "codes_words", "ensemble_diffusion", "ensemble_sampling", "ensemble_step_noise", "members_adapters", "members_gpu_memory",
    "members_latents", "members_names", "members_network", "sharing_component", "sharing_model_card",
    "storage_disk", "storage_errors", "storage_files", "storage_seals", "storage_tensor_format",
]  # fmt: skip
COMPONENT = [  # diffusers looks for these in the folder of the component
    "members_adapters", "members_names", "members_network", "sharing_component", "storage_disk",
    "storage_errors", "storage_files", "storage_seals", "storage_tensor_format",
]  # fmt: skip
PREFIX = "encens_"  # prefix of module names in a folder: diffusers puts all local code in one place


class EncodedEnsemblePipeline(DiffusionPipeline):  # type: ignore[misc] # diffusers has no types
    """Sample with an encoded ensemble.

    Source: Dai & Gifford, arXiv 2306.02174.
    """

    _optional_components = ["vae"]  # noqa: RUF012  # required by diffusers

    def __init__(
        self,
        members: ModelMixin,
        scheduler: SchedulerMixin,
        sampler: str = "ddpm",
        steps: int = 50,
        about: dict[str, Any] | None = None,
        vae: AutoencoderKL | None = None,
        batch: int | None = None,
    ) -> None:
        """Make the pipeline.

        Args:
            members: a `Members`.
            scheduler: scheduler of `diffusion.make_scheduler`.
            sampler: one of `members.names.SAMPLERS`.
            steps: default number of sampling steps.
            about: facts of the run for the model card (`model_card.model_card`).
            vae: the autoencoder whose latents members see; None if they see pixels.
            batch: default number of rows that a member evaluates at once; None derives it from the
                size of images.

        Raises:
            InputError: the scheduler has another number of levels.
        """
        super().__init__()
        if scheduler.config.num_train_timesteps != LEVELS:
            raise InputError(
                f"the scheduler has {scheduler.config.num_train_timesteps} levels, expected the "
                f"{LEVELS} that members are trained on."
            )
        self.register_modules(members=members, scheduler=scheduler, vae=vae)
        self.register_to_config(sampler=sampler, steps=steps, about=about, batch=batch)

    @property
    def unit_names(self) -> list[str]:
        """The names of the units that can be ablated."""
        return self.members.unit_names.tolist()

    def __call__(
        self,
        batch_size: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        num_inference_steps: int | None = None,
        *,
        without: Sequence[str] = (),
        keep: Sequence[bool] | np.ndarray | None = None,
        noise: np.ndarray | torch.Tensor | None = None,
        numbers: Sequence[int] | np.ndarray | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        batch: int | None = None,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Sample images.

        Args:
            batch_size: B.
            generator: generator of the exogenous noise; with a list of one for each image, an image
                does not depend on the others.
            num_inference_steps: T; None takes that of the run.
            without: names of units; members that saw one of them are dropped.
            keep: (n,) bool, the members that stay; with `without`, a member must pass both.
            noise: exogenous noise z (T+1, B, C, H, W), not drawn; it determines B and T. The noise of
                the workflow gives the workflow's samples.
            numbers: (B,) the numbers of the samples, on which members with classes are conditioned
                (number % classes); 0..B-1 if absent. Required with a part of the workflow's noise.
            output_type: "pil", "np" (B, H, W, C) or "pt" (B, C, H, W) in [0, 1], or "latent": s
                (B, C, H, W) as in the workflow, in [-1, 1] without clipping.
            return_dict: False returns a tuple.
            batch: rows that a member evaluates at once; None takes that of the run. From 16 on it changes no
                byte on a processor.

        Raises:
            InputError: no member stays, a number is out of range, or arguments contradict each other.
        """
        _check_whole("batch_size", batch_size, least=1)
        if num_inference_steps is not None:
            _check_whole("num_inference_steps", num_inference_steps, least=1, most=LEVELS)
        if batch is not None:
            _check_whole("batch", batch, least=1)
        if output_type not in ("pil", "np", "pt", "latent"):
            raise InputError(f"output_type is {output_type}, expected pil, np, pt or latent.")
        mask = self._keep(without, keep)
        z = self._noise(noise, batch_size, generator, num_inference_steps)
        sample_numbers = np.arange(z.shape[1]) if numbers is None else np.asarray(numbers)
        if (
            sample_numbers.shape != z.shape[1:2]
            or sample_numbers.dtype.kind not in "iu"
            or sample_numbers.min() < 0
        ):
            raise InputError(
                f"numbers is {numbers}, expected {z.shape[1]} whole numbers from 0, one for each image."
            )

        def track(steps: Iterator[Any], total: int) -> Iterator[Any]:
            with self.progress_bar(total=total) as bar:
                for step in steps:
                    yield step
                    bar.update()

        samples = sample(
            list(self.members.networks),
            keep=mask[None],
            noise=z,
            sampler=self.config.sampler,
            device=self.members.device,
            numbers=sample_numbers,
            space=PIXELS if self.vae is None else Latents(self.vae),
            batch=batch or self.config.batch,
            scheduler=self.scheduler,
            track=track,
        )[0]
        images = VaeImageProcessor().postprocess(torch.from_numpy(samples), output_type=output_type)
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def _keep(self, without: Sequence[str], keep: Sequence[bool] | np.ndarray | None) -> np.ndarray:
        """Return the keep mask (n,) of a call."""
        if isinstance(without, str):
            raise InputError(f"without is the text {without}, expected a list of unit names.")
        count = len(self.members.networks)
        mask = set_keep(self.members.words(without))
        if keep is not None:
            array = np.asarray(keep)
            if array.shape != (count,) or array.dtype != bool:
                raise InputError(
                    f"keep has shape {array.shape} and type {array.dtype}, expected {count} of True or "
                    "False, one for each member."
                )
            mask = mask & array
        if not mask.any():
            raise InputError(
                f"keep mask {spell(mask[None])[0]} lets no member stay: every one saw a unit of "
                "`without`, or `keep` leaves it out; ablate fewer units at once."
            )
        return mask

    def _noise(
        self,
        noise: np.ndarray | torch.Tensor | None,
        batch_size: int,
        generator: torch.Generator | list[torch.Generator] | None,
        steps: int | None,
    ) -> np.ndarray:
        """Return the exogenous noise (T+1, B, C, H, W) float32 of a call: `noise`, or else drawn."""
        shape = self.members.shape
        if noise is None:
            drawn_steps = self.config.steps if steps is None else steps
            drawn_shape = (int(batch_size), int(drawn_steps) + 1, *shape)
            drawn = randn_tensor(drawn_shape, generator=generator, dtype=torch.float32)
            return np.ascontiguousarray(drawn.cpu().numpy().swapaxes(0, 1))
        z = np.ascontiguousarray(torch.as_tensor(noise).cpu().numpy(), np.float32)
        if z.ndim != 5 or z.shape[2:] != shape or len(z) < 2 or z.shape[1] < 1:
            raise InputError(
                f"noise has shape {z.shape}, expected (T+1, B, {', '.join(map(str, shape))})."
            )
        if generator is not None or steps not in (None, len(z) - 1):
            raise InputError(
                f"noise is given for {len(z) - 1} steps, so leave generator and "
                "num_inference_steps out."
            )
        return z

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> None:
        """Write the folder: model_index.json, members, code matrix, scheduler, code and model card.

        Args:
            save_directory: the folder.
            options: other arguments of DiffusionPipeline.save_pretrained.
        """
        folder = Path(save_directory)
        super().save_pretrained(folder, **options)
        carried = _carried()
        for name, text in carried.items():
            write_text(folder / name, text)
        for name in COMPONENT:
            file = f"{PREFIX}{name}.py"
            write_text(folder / "members" / file, carried[file])
        index = read_json(folder / self.config_name)
        index.pop("_name_or_path", None)  # a path on this machine
        index["_class_name"] = ["pipeline", type(self).__name__]
        index["members"] = [f"{PREFIX}sharing_component", "Members"]
        if self.vae is None:
            index.pop("vae", None)
        else:
            config = folder / "vae" / self.vae.config_name
            facts = read_json(config)
            facts.pop("_name_or_path", None)
            write_json(config, facts)
        write_json(folder / self.config_name, index)
        facts_of_run = {
            "adapters": bool(changes(self.members.networks[0])),
            "latents": self.vae is not None,
        }
        about = (self.config.about or {}) | facts_of_run
        write_text(folder / "README.md", model_card(about, self.members.code))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "EncodedEnsemblePipeline":
        """Load a folder with the code of this package, without running the folder's code.

        Raises:
            InputError: the folder does not hold an encoded ensemble pipeline.
        """
        folder = Path(folder)
        if not (folder / cls.config_name).is_file():
            raise InputError(
                f"{folder} holds no {cls.config_name}, expected the folder of a pipeline, made with "
                "encens export-pipeline."
            )
        index = read_json(folder / cls.config_name)
        vae = None
        if "vae" in index:
            vae = read_network(folder / "vae", kind="AutoencoderKL")
        scheduler_kind = type(make_scheduler(steps=1, sampler=index["sampler"]))
        return cls(
            members=Members.from_pretrained(folder / "members"),
            scheduler=scheduler_kind.from_pretrained(folder / "scheduler", local_files_only=True),
            vae=vae,
            batch=index.get("batch"),  # which earlier folders lack
            **{key: index[key] for key in ("sampler", "steps", "about")},
        )


def _check_whole(name: str, value: Any, *, least: int, most: int | None = None) -> None:
    """Check an integer argument of a call.

    Raises:
        InputError: it is not an integer, or out of range.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or value > (most or value):
        upwards = f"{least} to {most}" if most else f"at least {least}"
        raise InputError(f"{name} is {value!r}, expected a whole number, {upwards}.")


def _carried() -> dict[str, str]:
    """Return the code files of a pipeline's folder by name, with relative imports."""
    folder, files = Path(__file__).parent, {"pipeline.py": Path(__file__)}
    for name in CARRIED:
        file = folder.parent / f"{name.replace('_', '/', 1)}.py"
        # In the package a module is in its room; in a pipeline's folder it already has the prefix.
        files[f"{PREFIX}{name}.py"] = file if file.exists() else folder / f"{PREFIX}{name}.py"
    return {
        name: re.sub(
            r"from encoded_ensembles\.(\w+)\.",
            rf"from .{PREFIX}\1_",
            path.read_text(encoding="utf-8"),
        )
        for name, path in files.items()
    }
