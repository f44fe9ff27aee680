"""Operations and memory of a denoiser, computed by running it on tensors that hold no values.

Nothing is allocated: a denoiser of any size is counted on any machine. Source: fake tensors and dispatch modes of
PyTorch, torch.utils.flop_counter.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from encoded_ensembles.members.network import import_network
from encoded_ensembles.members.pipeline_kinds import PIPELINES, PipelineKind, network_kind
from encoded_ensembles.members.prompted import DTYPES
from encoded_ensembles.members.prompts import Embeddings
from encoded_ensembles.members.text_denoiser import predict

CLIP_TOKENS = 77


class Bytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive.

    Attributes:
        now: bytes at this moment.
        peak: the most at any moment.
    """

    def __init__(self, tensors: Sequence[torch.Tensor] = ()) -> None:
        """Take tensors that are there before, such as weights."""
        super().__init__()
        self.now = self.peak = 0
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in tensors:
            self._add(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count what it returns."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._add(leaf)
        return result

    def _add(self, tensor: torch.Tensor) -> None:
        """Count the storage of a tensor until it is gone, once, however many tensors share it."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self.now += size
        self.peak = max(self.peak, self.now)

        def gone(_: Any) -> None:
            self.now -= size
            del self._known[key]

        self._known[key] = weakref.ref(storage, gone)


@dataclass(frozen=True)
class TextCost:
    """What a denoiser with an adapter costs.

    Attributes:
        weights: number of the denoiser's weights.
        adapter: number of an adapter's weights.
        weight_bytes: of the denoiser.
        flops: operations of one evaluation of one latent, without guidance.
        trained: bytes of activations of a training step, of one latent.
        held: bytes of activations of an evaluation, of one latent, without guidance.
        embedded: numbers in the embeddings of one prompt.
    """

    weights: int
    adapter: int
    weight_bytes: int
    flops: float
    trained: float
    held: float
    embedded: int


def text_cost(
    config: Mapping[str, Any],
    latent: tuple[int, int, int],
    *,
    rank: int,
    targets: Sequence[str] | None = None,
    training: str = "float32",
    sampling: str = "float32",
    checkpointing: bool = False,
) -> TextCost:
    """Return what a denoiser costs.

    Args:
        config: of the denoiser, with its class as `_class_name`.
        latent: (c, h, w).
        rank: of the adapter.
        targets: of the adapter, as of `lora.add_lora`.
        training: precision, "float32" or "bfloat16".
        sampling: precision.
        checkpointing: whether activations are computed again in the backward pass.
    """

    def peak(denoiser: Any, adapter: list[torch.nn.Parameter], count: int, precision: str) -> int:
        """Return the peak of activations in a pass with so many latents, and back where there is an adapter."""
        train = bool(adapter)
        inputs = _inputs(denoiser, kind, count, latent, DTYPES[precision])
        counter = Bytes([*denoiser.parameters(), *denoiser.buffers(), *adapter])
        before = counter.now
        with counter, torch.set_grad_enabled(train):
            with torch.autocast("cpu", torch.bfloat16, enabled=train and precision == "bfloat16"):
                predicted = predict(denoiser, *inputs)
            if train:
                predicted.float().square().mean().backward()
        for weight in adapter:
            weight.grad = None
        return counter.peak - before

    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        denoiser, kind = _build(config, sampling)
        weights = list(denoiser.eval().requires_grad_(False).parameters())
        prompt = _embeddings(kind, denoiser.config, 1, torch.float32)
        # Not while memory is counted: it keeps what checkpointing gives up.
        with _flops() as operations, torch.no_grad():
            predict(denoiser, *_inputs(denoiser, kind, 1, latent, DTYPES[sampling]))
        one, two = (peak(denoiser, [], count, sampling) for count in (1, 2))
        tuned, _ = _build(config, training)
        adapter = _adapt(tuned, rank=rank, targets=targets or kind.targets)
        if checkpointing:
            tuned.enable_gradient_checkpointing()
        tuned.train().requires_grad_(False)
        single, double = (peak(tuned, adapter, count, training) for count in (1, 2))
    return TextCost(
        weights=sum(each.numel() for each in weights),
        adapter=sum(each.numel() for each in adapter),
        weight_bytes=sum(each.nbytes for each in weights),
        flops=float(operations.get_total_flops()),
        trained=max(double - single, double / 2),
        held=max(two - one, two / 2),
        embedded=sum(each.numel() for each in prompt.tensors.values()),
    )


def training_passes(*, checkpointing: bool) -> int:
    """Return how many forward passes a training step costs: there and back, and there again with checkpointing.

    One less than for a whole network: frozen weights have no gradients.
    """
    return 3 if checkpointing else 2


@dataclass(frozen=True)
class CoderCost:
    """What an autoencoder costs, for one picture at a time in float32.

    Attributes:
        weights: number of its weights.
        encode: operations.
        decode: operations.
        held: bytes of activations, the larger of the two.
    """

    weights: int
    encode: float
    decode: float
    held: float


def coder_cost(
    config: Mapping[str, Any], image: tuple[int, int, int], latent: tuple[int, int, int]
) -> CoderCost:
    """Return what an autoencoder costs.

    Args:
        config: of an AutoencoderKL.
        image: (C, H, W).
        latent: (c, h, w) of it.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(), torch.no_grad():
        coder = import_network("AutoencoderKL").from_config(dict(config)).eval()
        weights = list(coder.parameters())

        def passed(
            work: Callable[[torch.Tensor], Any], shape: tuple[int, ...]
        ) -> tuple[int, float]:
            counter = Bytes(weights)
            before, picture = counter.now, torch.randn(1, *shape)
            with counter, _flops() as operations:
                work(picture)
            return counter.peak - before, operations.get_total_flops()

        encoded, decoded = passed(coder.encode, image), passed(coder.decode, latent)
    count = sum(each.numel() for each in weights)
    return CoderCost(count, float(encoded[1]), float(decoded[1]), max(encoded[0], decoded[0]))


def _flops() -> Any:
    """Return a counter of operations."""
    from torch.utils.flop_counter import FlopCounterMode

    return FlopCounterMode(display=False)


def _build(config: Mapping[str, Any], precision: str) -> tuple[Any, PipelineKind]:
    """Return a denoiser with weights of a precision, and the kind of its pipeline."""
    name = config["_class_name"]
    network = import_network(name)
    with _default_dtype(DTYPES[precision]):
        denoiser = network.from_config(dict(config))
    return denoiser, network_kind(denoiser)


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """New weights are of a dtype; a network on fake tensors cannot be converted afterwards."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _inputs(
    denoiser: Any, kind: PipelineKind, count: int, latent: tuple[int, int, int], dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, Embeddings]:
    """Return latents, levels and embeddings of prompts, without values that matter."""
    prompts = _embeddings(kind, denoiser.config, count, dtype)
    return torch.randn(count, *latent, dtype=dtype), torch.rand(count, dtype=dtype), prompts


def _adapt(denoiser: Any, *, rank: int, targets: Sequence[str]) -> list[torch.nn.Parameter]:
    """Let layers add what an adapter does, and return its weights.

    By hooks, since peft converts its layers, which fails on fake tensors.
    """
    weights = []
    for name, layer in denoiser.named_modules():
        if not any(name == target or name.endswith(f".{target}") for target in targets):
            continue
        kernel = tuple(layer.weight.shape[2:])
        down = torch.nn.Parameter(torch.empty(rank, layer.weight.shape[1], *kernel))
        up = torch.nn.Parameter(torch.empty(len(layer.weight), rank, *(1 for _ in kernel)))
        layer.register_forward_hook(_adding(down, up))
        weights += [down, up]
    return weights


def _adding(down: torch.nn.Parameter, up: torch.nn.Parameter) -> Any:
    """Return a hook that adds B A x to what a layer returns."""

    def add(layer: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        (x,) = inputs
        if down.ndim == 2:
            return output + torch.nn.functional.linear(torch.nn.functional.linear(x, down), up)
        small = torch.nn.functional.conv2d(x, down, stride=layer.stride, padding=layer.padding)
        return output + torch.nn.functional.conv2d(small, up)

    return add


def _embeddings(kind: PipelineKind, config: Any, count: int, dtype: torch.dtype) -> Embeddings:
    """Return embeddings of prompts as long as the encoders of a kind take."""
    tokens = kind.t5_tokens + (0 if kind is PIPELINES["flux"] else CLIP_TOKENS)
    width = config.get("joint_attention_dim") or config.get("cross_attention_dim")
    pooled = config.get("pooled_projection_dim")
    if kind is PIPELINES["sdxl"]:
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    return Embeddings(
        torch.randn(count, tokens, width, dtype=dtype),
        torch.randn(count, pooled, dtype=dtype) if pooled else None,
        torch.zeros(count, 6, dtype=dtype) if kind is PIPELINES["sdxl"] else None,
    )
