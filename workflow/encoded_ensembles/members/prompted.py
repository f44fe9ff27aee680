"""Members of a text-to-image ensemble: adapters of one denoiser, with the prompts of the run's samples.

A run's `base` folder holds the denoiser of a pipeline as diffusers writes it, and `pipeline.json`: the
class of the pipeline and its scheduler. Sample b has prompt b % P of the run's P prompts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from encoded_ensembles.members.lora import with_lora
from encoded_ensembles.members.lora_files import read_lora
from encoded_ensembles.members.names import WEIGHTS
from encoded_ensembles.members.network import load_network
from encoded_ensembles.members.part_files import PIPELINE
from encoded_ensembles.members.pipeline_kinds import PipelineKind, kind_of, network_kind
from encoded_ensembles.members.processes import make_process
from encoded_ensembles.members.prompts import Embeddings
from encoded_ensembles.members.samplers import Sampler, make_sampler
from encoded_ensembles.members.text_arrays import NEGATIVE, NOTHING, to_embeddings
from encoded_ensembles.members.text_denoiser import predict
from encoded_ensembles.storage.files import InputError, read_arrays, read_facts

if TYPE_CHECKING:
    from encoded_ensembles.members.processes import Process

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Prompts:
    """Embeddings of the prompts of a run, of no prompt and of a negative one; one object for all members."""

    def __init__(
        self, embeddings: Embeddings, nothing: Embeddings, negative: Embeddings | None = None
    ) -> None:
        """Take the embeddings of P prompts, and those (1, ...) of no prompt and of a negative one."""
        self.embeddings, self.nothing, self.negative = embeddings, nothing, negative

    @staticmethod
    def read(arrays: Mapping[str, np.ndarray]) -> "Prompts":
        """Return those in the arrays of a file of encode-prompts or encode-captions."""
        negative = any(name.startswith(NEGATIVE) for name in arrays)
        return Prompts(
            to_embeddings(arrays),
            to_embeddings(arrays, prefix=NOTHING),
            to_embeddings(arrays, prefix=NEGATIVE) if negative else None,
        )

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the embeddings to a device and a dtype, for all members that share them."""
        self.embeddings = self.embeddings.to(device, dtype)
        self.nothing = self.nothing.to(device, dtype)
        self.negative = self.negative and self.negative.to(device, dtype)

    def of(self, numbers: torch.Tensor) -> Embeddings:
        """Return the embeddings of samples of these numbers (N,); of negative ones, no prompt."""
        return self._or_nothing(
            numbers, self.embeddings.rows(numbers.clamp(min=0) % len(self.embeddings))
        )

    def without(self, numbers: torch.Tensor) -> Embeddings:
        """Return what guidance leads away from, (N, ...); for negative numbers, no prompt."""
        return self._or_nothing(numbers, self.negative or self.nothing)

    def _or_nothing(self, numbers: torch.Tensor, rows: Embeddings) -> Embeddings:
        """Return rows (N, ...) or (1, ...) for numbers (N,); for negative ones, no prompt."""
        # Not by a mask as an index, for which a GPU would wait.
        return Embeddings(
            **{
                name: torch.where(
                    (numbers < 0).view(-1, *[1] * (tensor.ndim - 1)),
                    self.nothing.tensors[name],
                    tensor,
                )
                for name, tensor in rows.tensors.items()
            }
        )


class Prompted(torch.nn.Module):
    """A denoiser that is conditioned on the prompt of each sample.

    Attributes:
        prompted: True; `ensemble.sampling.condition` passes the numbers of samples.
        config: the channels of the latents; it takes them in many sizes.
    """

    prompted = True

    def __init__(
        self, denoiser: Any, prompts: Prompts, *, channels: int, guidance: float | None
    ) -> None:
        """Take a denoiser for inference.

        Args:
            denoiser: of diffusers.
            prompts: of the run.
            channels: of the latents.
            guidance: as of `text_denoiser.predict`.
        """
        super().__init__()
        self.denoiser, self.prompts, self.guidance = denoiser, prompts, guidance
        self.config = SimpleNamespace(in_channels=channels)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.denoiser.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return next(self.denoiser.parameters()).dtype

    def forward(
        self, latents: torch.Tensor, level: torch.Tensor, numbers: torch.Tensor
    ) -> SimpleNamespace:
        """Return the prediction (N, c, h, w) as `sample`.

        Args:
            latents: (N, c, h, w).
            level: (N,), or one for all.
            numbers: (N,) int64 of the samples; negative ones are not prompted.
        """
        prompts = self.prompts
        prompts.move(self.device, self.dtype)  # the first member that is evaluated moves them
        predicted = predict(
            self.denoiser,
            latents.to(self.dtype),
            level,
            prompts.of(numbers),
            guidance=self.guidance,
            without=prompts.without(numbers) if (self.guidance or 0) > 1 else None,
        )
        return SimpleNamespace(sample=predicted.to(latents.dtype))


class TextDiffusion:
    """The process of a pipeline with a sampler, as `ensemble.diffusion.Diffusion`."""

    def __init__(self, facts: Mapping[str, Any], sampler: str) -> None:
        """Take what `read_pipeline` returns, and "base" or a name of `samplers.sampler_names`."""
        self.kind: PipelineKind = kind_of(facts["pipeline"])
        self.scheduler, self.sampler = facts["scheduler"], sampler
        self.process: Process = make_process(facts["scheduler"])
        self.patch: int = facts["patch"]

    def begin(self, steps: int, shape: tuple[int, ...]) -> Sampler:
        """Return a new trajectory of a number of steps, for latents (c, h, w)."""
        tokens = (shape[1] // self.patch) * (shape[2] // self.patch) if shape else None
        return make_sampler(
            self.scheduler, kind=self.kind, steps=steps, name=self.sampler, tokens=tokens
        )

    def noised(
        self, x: torch.Tensor, noise: torch.Tensor, level: int | torch.Tensor
    ) -> torch.Tensor:
        """Return latents with noise of a level."""
        return self.process.noised(x, noise, torch.as_tensor(level))

    def estimate(
        self, prediction: torch.Tensor, noisy: torch.Tensor, level: int | torch.Tensor
    ) -> torch.Tensor:
        """Return the latents (..., c, h, w) that predictions stand for."""
        return self.process.estimate(prediction, noisy, torch.as_tensor(level))


def read_pipeline(base: Path) -> dict[str, Any]:
    """Return what the base's folder records of its pipeline.

    Raises:
        InputError: the file is missing, or was changed.
    """
    file = base / PIPELINE
    if not file.is_file():
        raise InputError(
            f"{base} holds no {PIPELINE}, expected the base of a run with sampling.prompts; run again."
        )
    return read_facts(file)


def load_denoiser(base: Path, *, precision: str = "float32") -> Any:
    """Load the denoiser of a run's base for inference, in host memory.

    Raises:
        InputError: the folder does not hold it complete and unchanged, or the precision is unknown.
    """
    if precision not in DTYPES:
        raise InputError(f"--precision is {precision}, expected {' or '.join(DTYPES)}.")
    kind = kind_of(read_pipeline(base)["pipeline"])
    cpu = torch.device("cpu")
    return load_network(base, device=cpu, kind=kind.network, dtype=DTYPES[precision])


def load_prompted(
    folders: Sequence[Path],
    base: Path,
    prompts: Path,
    *,
    guidance: float | None,
    precision: str = "float32",
) -> list[Prompted]:
    """Load the members of a run: adapters, which share the weights of its base, or whole networks.

    Args:
        folders: of the members, each with a LoRA file or the files of a network.
        base: folder of the run's base.
        prompts: file of encode-prompts.
        guidance: as of `text_denoiser.predict`.
        precision: of the weights, a name in `DTYPES`.

    Raises:
        InputError: a file is not complete, or not of this base, or adapters change different layers.
    """
    denoiser = load_denoiser(base, precision=precision)
    embedded = Prompts.read(read_arrays(prompts))
    networks = load_networks(folders, denoiser)
    channels = latent_channels(denoiser)
    return [Prompted(each, embedded, channels=channels, guidance=guidance) for each in networks]


def latent_channels(denoiser: Any) -> int:
    """Return the channels of the latents that a denoiser is for."""
    channels: int = denoiser.config.in_channels // network_kind(denoiser).patches
    return channels


def load_networks(folders: Sequence[Path], denoiser: Any) -> list[Any]:
    """Load members: adapters of a denoiser, which share its weights, or whole networks.

    Args:
        folders: of the members, each with a LoRA file or the files of a network.
        denoiser: for inference, of the precision that members get.

    Raises:
        InputError: a file is not complete, or not of this denoiser, or adapters change different layers.
    """
    networks, first = [], None
    for folder in folders:
        if (folder / WEIGHTS).is_file():
            kind, cpu = network_kind(denoiser).network, torch.device("cpu")
            networks.append(load_network(folder, device=cpu, kind=kind, dtype=denoiser.dtype))
            continue
        changes = read_lora(folder, denoiser)
        changed = {name: change.down.shape for name, change in changes.items()}
        first = first or changed
        if changed != first:
            raise InputError(
                f"{folder} changes other layers than {folders[0]}, or with another rank, expected the same "
                "in all members; train them with the same settings."
            )
        networks.append(with_lora(denoiser, changes))
    return networks
