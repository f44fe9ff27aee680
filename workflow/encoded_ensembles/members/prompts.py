"""Embeddings of prompts, as the pipelines of diffusers compute them; no prompt is cut unasked.

Prompts are encoded one at a time, so an embedding does not depend on other prompts.

Source: `encode_prompt` of the pipelines of diffusers 0.42.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from encoded_ensembles.members.gpu_memory import explain_full_memory
from encoded_ensembles.members.parts import Parts, load_part
from encoded_ensembles.members.pipeline_kinds import CLIP_PROJECTED, T5, PipelineKind
from encoded_ensembles.storage.errors import InputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of N prompts, on one device.

    Attributes:
        sequence: (N, L, D), what the denoiser attends to.
        pooled: (N, P), one vector for each prompt; None for SD.
        time_ids: (N, 6), sizes and crop of the pictures in pixels; SDXL only.
    """

    sequence: "torch.Tensor"
    pooled: "torch.Tensor | None" = None
    time_ids: "torch.Tensor | None" = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.sequence)

    @property
    def tensors(self) -> "dict[str, torch.Tensor]":
        """The tensors that are there, by name: what a cache of embeddings holds."""
        return {name: tensor for name, tensor in vars(self).items() if tensor is not None}

    def rows(self, which: "slice | torch.Tensor") -> "Embeddings":
        """Return the embeddings of some of the prompts."""
        return Embeddings(**{name: tensor[which] for name, tensor in self.tensors.items()})

    def to(self, device: "torch.device | str", dtype: "torch.dtype | None" = None) -> "Embeddings":
        """Return the embeddings on a device, of a dtype."""
        return Embeddings(**{name: each.to(device, dtype) for name, each in self.tensors.items()})


def concatenate(embeddings: Sequence[Embeddings]) -> Embeddings:
    """Return the embeddings of all prompts of several."""
    import torch

    return Embeddings(
        **{
            name: torch.cat([each.tensors[name] for each in embeddings])
            for name in embeddings[0].tensors
        }
    )


class TooLong(NamedTuple):
    """A prompt that a tokenizer would cut.

    Attributes:
        prompt: the text.
        tokens: that it has.
        limit: of the tokenizer; of several, the one that cuts most.
        reader: what is cut, CLIP or T5, and what still reads more.
    """

    prompt: str
    tokens: int
    limit: int
    reader: str


class TextEncoders:
    """The text encoders of a pipeline with their tokenizers."""

    def __init__(
        self,
        kind: PipelineKind,
        encoders: Sequence[Any],
        tokenizers: Sequence[Any],
        *,
        device: "torch.device | str" = "cpu",
        joint_width: int | None = None,
        zero_for_none: bool = True,
        t5_tokens: int | None = None,
    ) -> None:
        """Take the parts of a pipeline.

        Args:
            kind: of the pipeline.
            encoders: of transformers, in the order of the kind; SD3's T5 encoder may be left out.
            tokenizers: one for each.
            device: to encode on; encoders are in host memory before and after.
            joint_width: D of the denoiser; SD3 only.
            zero_for_none: whether zeros stand for no prompt; SDXL only.
            t5_tokens: limit of tokens of the T5 encoder; None for that of the kind.
        """
        self.kind, self.encoders, self.tokenizers = kind, list(encoders), list(tokenizers)
        self.device = device
        self.joint_width, self.zero_for_none = joint_width, zero_for_none
        self.t5_tokens = t5_tokens or kind.t5_tokens
        self.clip_count = len([name for name in kind.encoders.values() if name != T5])

    def limits(self) -> list[int]:
        """Return the largest number of tokens of each tokenizer, with first and last tokens."""
        clip = self.tokenizers[0].model_max_length
        separate = (
            self.kind.name == "sdxl"
        )  # each of its tokenizers has its own; elsewhere the first's
        return [
            self.t5_tokens
            if number >= self.clip_count
            else tokenizer.model_max_length
            if separate
            else clip
            for number, tokenizer in enumerate(self.tokenizers)
        ]

    def too_long(self, prompts: Sequence[str]) -> list[TooLong]:
        """Return the prompts that a tokenizer would cut, in the given order."""
        found, limits, clips = [], self.limits(), self.clip_count
        more = f" (T5 still reads {limits[-1]})" if len(limits) > clips else ""
        readers = [f"CLIP{more}"] * clips + ["T5"] * (len(limits) - clips)
        for prompt in prompts:
            lengths = [
                TooLong(
                    prompt,
                    len(tokenizer(prompt, truncation=False, verbose=False).input_ids),
                    limit,
                    reader,
                )
                for tokenizer, limit, reader in zip(self.tokenizers, limits, readers, strict=True)
            ]
            worst = max(lengths, key=lambda length: length.tokens - length.limit)
            if worst.tokens > worst.limit:
                found.append(worst)
        return found

    def encode(self, prompts: Sequence[str], *, cut: bool = False) -> Embeddings:
        """Return the embeddings of prompts, in host memory; without time ids.

        Encoders take turns on the device: SD3's together fill a GPU of 24 GB.

        Args:
            prompts: texts; an empty one is encoded like any other.
            cut: cut prompts that are too long.

        Raises:
            InputError: a prompt is too long, or the GPU's memory is full.
        """
        import torch

        long = [] if cut else self.too_long(prompts)
        if long:
            raise InputError(
                f"the prompt {long[0].prompt[:60]!r} and {len(long) - 1} others are too long: "
                f"{long[0].tokens} tokens, expected at most {long[0].limit} for {long[0].reader}; shorten them, or "
                "set sampling.cut (--cut), which drops their ends for encoders that cannot read them."
            )
        with torch.no_grad():  # tensors of inference mode cannot take part in training
            read = [self._read(number, prompts) for number in range(len(self.encoders))]
            joined = [self._joined(parts) for parts in zip(*read, strict=True)]
            del read
            return concatenate(joined)

    def nothing(self, count: int) -> Embeddings:
        """Return what stands for no prompt in classifier-free guidance, (count, ...).

        Zeros for most bases of SDXL, the embedding of an empty prompt for all others.
        """
        import torch

        empty = self.encode([""])
        if self.kind.name == "sdxl" and self.zero_for_none:
            empty = Embeddings(
                **{name: torch.zeros_like(tensor) for name, tensor in empty.tensors.items()}
            )
        return concatenate([empty] * count)

    def _read(self, number: int, prompts: Sequence[str]) -> list[Embeddings]:
        """Return what one encoder makes of each prompt, in host memory; only this one is on the device."""
        encoder, kind = self.encoders[number], list(self.kind.encoders.values())[number]
        try:
            with explain_full_memory(0, ""):
                encoder.to(self.device)
                return [
                    self._outputs(kind, encoder, *self._tokens(number, prompt)).to("cpu")
                    for prompt in prompts
                ]
        finally:
            encoder.to("cpu")

    def _outputs(
        self, kind: str, encoder: Any, ids: "torch.Tensor", mask: "torch.Tensor"
    ) -> Embeddings:
        """Return what an encoder of a class gives of one prompt's tokens (1, L) to the embeddings."""
        if kind == T5:
            return Embeddings(encoder(ids)[0])
        if self.kind.name == "sd":
            use_mask = getattr(encoder.config, "use_attention_mask", False)
            return Embeddings(encoder(ids, attention_mask=mask if use_mask else None)[0])
        if self.kind.name == "flux":  # a vector only
            return Embeddings(encoder(ids).pooler_output)
        output = encoder(ids, output_hidden_states=True)
        projected = output.text_embeds if kind == CLIP_PROJECTED else None
        return Embeddings(output.hidden_states[-2], projected)  # of the last layer but one

    def _joined(self, parts: Sequence[Embeddings]) -> Embeddings:
        """Return the embeddings of one prompt, from what each encoder gives."""
        import torch

        if self.kind.name == "sd":
            return parts[0]
        if self.kind.name == "flux":
            return Embeddings(parts[1].sequence, parts[0].sequence)
        clips = parts[: self.clip_count]
        sequence = torch.cat([part.sequence for part in clips], dim=-1)
        pooled = torch.cat([part.pooled for part in clips if part.pooled is not None], dim=-1)
        if self.kind.name == "sdxl":
            return Embeddings(sequence, pooled)
        if len(parts) > self.clip_count:
            t5 = parts[-1].sequence
        else:
            t5 = sequence.new_zeros(1, self.t5_tokens, self.joint_width or sequence.shape[-1])
        sequence = torch.nn.functional.pad(sequence, (0, t5.shape[-1] - sequence.shape[-1]))
        return Embeddings(torch.cat([sequence, t5.to(sequence.dtype)], dim=1), pooled)

    def _tokens(self, number: int, prompt: str) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the tokens (1, L) of a prompt for an encoder, and which are not padding."""
        tokens = self.tokenizers[number](
            [prompt],
            padding="max_length",
            max_length=self.limits()[number],
            truncation=True,
            return_tensors="pt",
        )
        return tokens.input_ids.to(self.device), tokens.attention_mask.to(self.device)


def load_encoders(
    parts: Parts,
    *,
    device: "torch.device | str" = "cpu",
    dtype: "torch.dtype | None" = None,
    t5_tokens: int | None = None,
) -> TextEncoders:
    """Load the text encoders and tokenizers of a pipeline.

    Args:
        parts: of the pipeline.
        device: to encode on.
        dtype: of the weights; None for float32.
        t5_tokens: limit of tokens of the T5 encoder; None for that of the pipeline, 256 or 512.

    Raises:
        InputError: as `parts.load_part`.
    """
    denoiser = parts.config(parts.kind.denoiser)
    if t5_tokens is None and denoiser.get("guidance_embeds") is False:
        t5_tokens = 256  # FLUX.1-schnell
    return TextEncoders(
        parts.kind,
        [load_part(parts, role, dtype=dtype) for role in parts.encoders],
        [load_part(parts, role) for role in parts.tokenizers],
        device=device,
        joint_width=denoiser.get("joint_attention_dim"),
        zero_for_none=bool(parts.settings.get("force_zeros_for_empty_prompt", True)),
        t5_tokens=t5_tokens,
    )


def with_sizes(
    embeddings: Embeddings,
    *,
    original: tuple[int, int],
    target: tuple[int, int],
    crop: tuple[int, int] = (0, 0),
) -> Embeddings:
    """Return SDXL's embeddings with its time ids.

    Source: Podell et al., *SDXL*, arXiv 2307.01952, section 2.2.

    Args:
        embeddings: of N prompts.
        original: (height, width) in pixels of the picture before it was resized.
        target: (height, width) in pixels of the picture that the network is to make.
        crop: (top, left) in pixels of the target in the resized picture.
    """
    import torch

    ids = torch.tensor([[*original, *crop, *target]]).to(embeddings.sequence)
    return Embeddings(embeddings.sequence, embeddings.pooled, ids.repeat(len(embeddings), 1))
