"""Reading LoRA files in the layouts of diffusers, peft, kohya's sd-scripts, OneTrainer, and ComfyUI's of FLUX.

Each tensor of a file has to change a layer of the denoiser. Diffusers and peft skip keys that they do
not know, some with a warning; a member read so would be another than the one that was trained.

Source: the converters of diffusers 0.42, which are called for each layer of a file by itself.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encoded_ensembles.members.adapters import VARIANTS, LowRank
from encoded_ensembles.members.lora import METADATA
from encoded_ensembles.members.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS, LORA_WEIGHTS
from encoded_ensembles.members.pipeline_kinds import PipelineKind, network_kind
from encoded_ensembles.storage.errors import InputError, close_matches
from encoded_ensembles.storage.files import check, read_json
from encoded_ensembles.storage.seals import is_sealed

if TYPE_CHECKING:
    import torch

PART = re.compile(  # of a key: the layer in the file's naming, then A, B or alpha
    r"(?P<stem>.+?)(?:"
    r"(?P<down>\.lora_A(?:\.\w+)?\.weight|[._]lora\.down\.weight|\.lora_down\.weight)"
    r"|(?P<up>\.lora_B(?:\.\w+)?\.weight|[._]lora\.up\.weight|\.lora_up\.weight)"
    r"|(?P<alpha>\.alpha))"
)
PEFT = "base_model.model."
KOHYA = ("lora_unet_", "lora_transformer_", "diffusion_model.")  # the last is ComfyUI's
UNDERSCORED = re.compile("lora_(?:unet|transformer)_(.+)")
OF_TEXT = ("lora_te", "text_encoder", "te1_", "te2_")
HANDLED = ("rank_pattern", "alpha_pattern")  # of adapters.VARIANTS
# Values of peft's init_lora_weights by which training starts from other weights of the base; A and B are of these.
OTHER_BASES = ("pissa", "olora", "corda", "loftq", "lora_ga")


class Pair(NamedTuple):
    """A and B of a layer, and the scale alpha / rank."""

    down: "torch.Tensor"
    up: "torch.Tensor"
    scale: float


def read_lora(source: Path, denoiser: Any) -> dict[str, LowRank]:
    """Read the changes of a LoRA file, by layer of a denoiser.

    Args:
        source: a file, or a folder with `pytorch_lora_weights.safetensors`, `adapter_model.safetensors`
            and its configuration, or one other file of safetensors.
        denoiser: of diffusers, without an adapter.

    Raises:
        InputError: the file is not a LoRA in safetensors, is damaged, holds anything that does not
            change a layer of the denoiser, or values that are not finite, or changes nothing.
    """
    import torch

    file = _find(source)
    tensors, facts = _read(file, network_kind(denoiser))
    layers = {
        name: layer.weight
        for name, layer in denoiser.named_modules()
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)
    }
    by_kohya = {name.replace(".", "_"): name for name in layers}
    changes: dict[str, LowRank] = {}
    for stem, parts in _grouped(file, tensors).items():
        for name, pair in _converted(file, stem, parts, facts, denoiser, by_kohya).items():
            key = parts["down"]
            if name not in layers:
                raise _unknown(file, key, name, sorted(layers))
            if name in changes:
                raise InputError(f"{file} holds {key}, but changes {name} twice, expected once.")
            _check_shapes(file, key, name, pair, layers[name])
            _check_finite(file, key, pair)
            changes[name] = LowRank(pair.down, pair.up, scale=pair.scale)
    if not changes:
        raise InputError(f"{file} holds no changes of layers, expected a LoRA of the denoiser.")
    if not any(change.up.count_nonzero() for change in changes.values()):
        raise InputError(
            f"{file} holds zeros in place of each B, so that it changes nothing, expected a LoRA after its training."
        )
    return changes


def _find(source: Path) -> Path:
    """Return the file of a LoRA, itself or the one in a folder.

    Raises:
        InputError: there is none, there are several, or it is not in safetensors.
    """
    if source.is_file() and source.suffix == ".safetensors":
        return source
    files = sorted(source.glob("*.safetensors")) if source.is_dir() else []
    for name in (LORA_WEIGHTS, ADAPTER_WEIGHTS):
        if source / name in files:
            return source / name
    if len(files) != 1:
        raise InputError(
            f"{source} holds {len(files)} LoRA files in safetensors, expected one; leave one of them there, and "
            "convert pickled weights (.bin, .pt, .ckpt) to safetensors."
        )
    return files[0]


def _read(file: Path, kind: PipelineKind) -> "tuple[dict[str, torch.Tensor], dict[str, Any]]":
    """Return the tensors of a file, and its facts as peft names them; alpha may be among them.

    Raises:
        InputError: the file is damaged, lacks peft's configuration, or was made by a method that is not
            supported.
    """
    from safetensors import SafetensorError, safe_open

    if is_sealed(file):
        check(file)
    try:
        with safe_open(file, framework="pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
            text = (opened.metadata() or {}).get(METADATA)
    except SafetensorError as error:
        raise InputError(f"{file} is not a complete file of safetensors ({error}).") from error
    facts = {
        key.removeprefix(f"{kind.denoiser}."): value
        for key, value in _described(file, text or "{}").items()
    }
    config, of_peft = (
        file.with_name(ADAPTER_CONFIG),
        [key for key in tensors if key.startswith(PEFT)],
    )
    if config.is_file() and (of_peft or file.name == ADAPTER_WEIGHTS):
        facts = read_json(config)
    elif of_peft and not facts:
        raise InputError(
            f"{file} holds {of_peft[0]}, a key of peft, but no {config.name} lies beside it, expected both, since "
            "alpha is in the latter; put both into a folder of the member."
        )
    unknown = [name for name in VARIANTS if facts.get(name) and name not in HANDLED]
    if unknown:
        raise InputError(
            f"{file} was made with {unknown[0]}, expected a LoRA without; train it again."
        )
    start = str(facts.get("init_lora_weights")).casefold()
    if start.startswith(OTHER_BASES):
        raise InputError(
            f"{file} was made with init_lora_weights {start}, which changes the base, expected changes of the base "
            "as it is; save it again with peft's path_initial_model_for_weight_conversion."
        )
    return tensors, facts


def _described(file: Path, text: str) -> dict[str, Any]:
    """Return what a file of diffusers says about its adapter.

    Raises:
        InputError: it is not an object in JSON.
    """
    import json

    try:
        described = json.loads(text)
    except ValueError:
        described = None
    if not isinstance(described, dict):
        raise InputError(
            f"{file} holds a {METADATA} that is not an object in JSON, expected what diffusers writes; save it again."
        )
    return described


def _grouped(file: Path, keys: "Mapping[str, torch.Tensor]") -> dict[str, dict[str, Any]]:
    """Return the tensors and the key of A by layer in the file's naming.

    Raises:
        InputError: a key is not A, B or alpha of a layer, one of A and B is missing, or there are two of one.
    """
    groups: dict[str, dict[str, Any]] = {}
    for key, tensor in sorted(keys.items()):
        match = PART.fullmatch(key)
        if not match:
            raise InputError(
                f"{file} holds {key}, expected A, B or alpha of layers only; DoRA, LoHa, LoKr, "
                "trained biases and trained embeddings are not supported, nor is the layout of XLabs."
            )
        group = groups.setdefault(match["stem"], {})
        part = next(name for name in ("down", "up", "alpha") if match[name])
        if part in group:
            raise InputError(
                f"{file} holds {group[part]} and {key}, expected one adapter; save each to a file of its own."
            )
        group[part], group[f"{part} tensor"] = key, tensor
    for stem, group in groups.items():
        for part, letter in (("down", "A"), ("up", "B")):
            if part not in group:
                key = next(value for name, value in group.items() if not name.endswith("tensor"))
                raise InputError(
                    f"{file} holds {key}, but not the {letter} of {stem}, expected both A and B."
                )
    return groups


def _converted(
    file: Path,
    stem: str,
    parts: Mapping[str, Any],
    facts: Mapping[str, Any],
    denoiser: Any,
    by_kohya: Mapping[str, str],
) -> dict[str, Pair]:
    """Return A, B and scale by layer in the denoiser's naming; several if the file fuses layers.

    Args:
        file: for messages.
        stem: the layer in the file's naming.
        parts: of `_grouped`.
        facts: of `_read`.
        denoiser: of diffusers.
        by_kohya: its layers by their names with underscores in place of dots, as kohya's trainers write them for
            SD 1.5 and OneTrainer for all.

    Raises:
        InputError: the layer is of a text encoder, or not known to diffusers' converter.
    """
    kind, rank = network_kind(denoiser), len(parts["down tensor"])
    if stem.removeprefix(PEFT).startswith(OF_TEXT):
        raise InputError(
            f"{file} holds {parts['down']} of a text encoder, expected changes of the {kind.denoiser} "
            "only; train without the text encoders."
        )
    underscored = UNDERSCORED.fullmatch(stem)
    own = by_kohya.get(underscored[1]) if underscored else None
    if kind.name == "sd3" and stem.startswith(KOHYA) and not own:
        raise InputError(
            f"{file} holds {parts['down']}, a key of kohya or ComfyUI, expected the layout of diffusers or peft for "
            "SD3, where diffusers converts no other; train it with a program that writes one of these."
        )
    if own:
        factors = {own: (parts["down tensor"], parts["up tensor"])}
    elif not stem.startswith(KOHYA):
        plain = stem.removeprefix(PEFT).removeprefix(f"{kind.denoiser}.")
        known = by_kohya.get(plain.replace(".", "_")) == plain
        name = plain if known else _modern(parts["down"]).removeprefix(f"{kind.denoiser}.")
        factors = {name: (parts["down tensor"], parts["up tensor"])}
    else:
        try:
            factors = _of_kohya(stem, parts, kind, denoiser)
        except (
            Exception
        ) as error:  # diffusers' converters raise ValueError, KeyError, IndexError...
            raise _unknown(file, parts["down"], stem, sorted(by_kohya.values())) from error
    scaled = {}
    for name, (down, up) in factors.items():
        alpha = parts["alpha tensor"].item() if "alpha" in parts else _alpha(name, facts, rank)
        scaled[name] = Pair(down, up, float(alpha) / rank)
    return scaled


def _modern(key: str) -> str:
    """Return the layer of a key in diffusers' older naming, in which attention has processors."""
    from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft

    (converted,) = convert_unet_state_dict_to_peft({key: None})
    return converted.split(".lora_A")[0]


def _of_kohya(
    stem: str, parts: Mapping[str, Any], kind: PipelineKind, denoiser: Any
) -> "dict[str, tuple[torch.Tensor, torch.Tensor]]":
    """Return A and B by layer, through the converter of the pipeline, which does not see alpha."""
    import torch
    from diffusers.loaders import lora_pipeline

    state = {
        f"{stem}.lora_down.weight": parts["down tensor"],
        f"{stem}.lora_up.weight": parts["up tensor"],
        f"{stem}.alpha": torch.tensor(float(len(parts["down tensor"]))),
    }
    loader = getattr(lora_pipeline, kind.loader)
    options = {"unet_config": denoiser.config} if kind.denoiser == "unet" else {}
    converted = loader.lora_state_dict(state, **options)
    converted = converted[0] if isinstance(converted, tuple) else converted
    modern: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in converted.items():
        match = PART.fullmatch(key)
        if match is None:
            raise ValueError(key)
        name = match["stem"] if ".lora_" in key else _modern(key.replace(".up.", ".down."))
        name = name.removeprefix(f"{kind.denoiser}.")
        modern.setdefault(name, {})["down" if match["down"] else "up"] = tensor
    return {name: (factors["down"], factors["up"]) for name, factors in modern.items()}


def _alpha(name: str, facts: Mapping[str, Any], rank: int) -> float:
    """Return alpha of a layer from the facts of a file; without any it equals the rank."""
    for pattern, alpha in (facts.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", name):
            return alpha
    return facts.get("lora_alpha", rank)


def _check_shapes(file: Path, key: str, name: str, pair: Pair, weight: "torch.Tensor") -> None:
    """Check that A and B are of the size of a layer's weight.

    Raises:
        InputError: they are not.
    """
    down, up = pair.down.flatten(1), pair.up.flatten(1)
    expected = (len(weight), weight[0].numel())
    if (len(up), down.shape[1]) != expected or up.shape[1] != len(down):
        raise InputError(
            f"{file} holds {key} for a layer of {down.shape[1]} inputs and {len(up)} outputs, but "
            f"{name} has {expected[1]} and {expected[0]}; the LoRA is of another base."
        )


def _check_finite(file: Path, key: str, pair: Pair) -> None:
    """Check that A, B and alpha are finite.

    Raises:
        InputError: they are not.
    """
    import torch

    scale = torch.tensor(pair.scale)
    if not all(part.float().isfinite().all() for part in (pair.down, pair.up, scale)):
        raise InputError(
            f"{file} holds values that are not finite in {key}, its B or alpha, expected numbers: its training has "
            "failed; train it again, with a smaller learning rate or in bfloat16."
        )


def _unknown(file: Path, key: str, name: str, layers: list[str]) -> InputError:
    """Return the error for a key that changes no layer of the denoiser."""
    return InputError(
        f"{file} holds {key}, which is for no linear or convolutional layer of the denoiser, expected "
        f"its layers only; the LoRA is of another base, or its layout is not known"
        f"{close_matches(name, layers)}"
    )
