"""Training of adapters with peft: a frozen base network with a new adapter, and its files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoded_ensembles.members.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from encoded_ensembles.members.network import seen_shape
from encoded_ensembles.storage.files import InputError, close_matches, read_json

if TYPE_CHECKING:
    from diffusers import UNet2DModel


def check_base(
    base: "UNet2DModel", *, shape: tuple[int, int, int], classes: int | None, scale: int = 1
) -> None:
    """Check that a base fits the images of the run.

    Args:
        base: the network.
        shape: (C, H, W) of an image, as members see it.
        scale: side of the image, divided by the side of what members see.
        classes: number of labels that members are conditioned on; None without labels.

    Raises:
        InputError: the base is for other images or labels.
    """
    config = base.config
    base_shape = seen_shape(base)
    if base_shape != shape or config.out_channels != shape[0]:
        raise InputError(
            f"model.base is a network for {'images' if scale == 1 else 'latents'} of {base_shape} "
            f"(channels, height, width), expected {shape}, the shape in this run; "
            + ("set dataset.size and dataset.channels" if scale == 1 else "set dataset.size")
            + ", or use another base."
        )
    if config.num_class_embeds != classes:
        raise InputError(
            f"model.base is conditioned on {config.num_class_embeds or 'no'} labels, expected "
            f"{classes or 'none'} (from model.classes and the images); change model.classes, or use "
            "another base."
        )


def add_adapter(
    base: "UNet2DModel", *, rank: int, alpha: float, targets: Sequence[str], seed: int
) -> Any:
    """Return a frozen base with a new adapter, a peft model that predicts the same as the base.

    Args:
        base: changed in place.
        rank: of the change of a layer's weight.
        alpha: the change is multiplied by alpha / rank.
        targets: names of layers, or the ends of names after a dot.
        seed: of A's initial values; B is 0.

    Raises:
        InputError: a target names no linear or convolutional layer of the base.
    """
    import peft
    import torch

    check_targets(base, targets)
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return peft.get_peft_model(base, config)


def check_targets(base: "UNet2DModel", targets: Sequence[str]) -> None:
    """Check that each target names layers that an adapter can change.

    Raises:
        InputError: a target does not.
    """
    import torch

    layers = [
        name
        for name, layer in base.named_modules()
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)
    ]
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in layers):
            last = {name.split(".")[-1] for name in layers if not name.split(".")[-1].isdigit()}
            kinds = sorted({*last, *(["to_out.0"] if "to_q" in last else [])})
            raise InputError(
                f"model.lora.targets holds {target}, which names no linear or convolutional layer of "
                f"the base, expected names of {', '.join(kinds)}"
                f"{close_matches(target, kinds)}"
            )


def save_adapter(model: Any, folder: Path, *, base: str) -> None:
    """Write an adapter in the format of peft, sealed and with reproducible bytes.

    Args:
        model: of `add_adapter`.
        folder: to write to.
        base: path of the base, as stored in the adapter.
    """
    import tempfile

    from safetensors.numpy import load_file

    from encoded_ensembles.members.adapters import write_files

    model.peft_config["default"].base_model_name_or_path = base
    with tempfile.TemporaryDirectory() as unsealed:
        model.save_pretrained(unsealed, safe_serialization=True, save_embedding_layers=False)
        facts = read_json(Path(unsealed) / ADAPTER_CONFIG)
        facts["target_modules"] = sorted(facts["target_modules"])  # a set, in peft
        write_files(folder, facts, load_file(Path(unsealed) / ADAPTER_WEIGHTS))
