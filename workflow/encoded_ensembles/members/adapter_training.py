"""Training of adapters with peft: a frozen base network with a fresh adapter, and its files."""

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
    """Check that a base is a network for the images at hand.

    Args:
        base: the network.
        shape: (C, H, W) of an image, as members see it.
        scale: pixels of a side of the image for each of what members see.
        classes: number of labels that members are told; None for none.

    Raises:
        InputError: it is for others.
    """
    config = base.config
    own = seen_shape(base)
    if own != shape or config.out_channels != shape[0]:
        raise InputError(
            f"model.base is a network for {'images' if scale == 1 else 'latents'} of {own} (channels, "
            f"height, width), expected {shape}, as they are here; "
            + ("set dataset.size and dataset.channels" if scale == 1 else "set dataset.size")
            + ", or take another base."
        )
    if config.num_class_embeds != classes:
        raise InputError(
            f"model.base is told {config.num_class_embeds or 'no'} labels, expected "
            f"{classes or 'none'}, as model.classes and the images say; change model.classes, or take "
            "another base."
        )


def add_adapter(
    base: "UNet2DModel", *, rank: int, alpha: float, targets: Sequence[str], seed: int
) -> Any:
    """Return a frozen base with a fresh adapter, a peft model, whose prediction is the base's.

    Args:
        base: changed in place.
        rank: of the change of a layer's weight.
        alpha: the change is multiplied by alpha / rank.
        targets: names of layers, or how these names end after a dot.
        seed: of A's initial values; B is 0.

    Raises:
        InputError: a target is no linear or convolutional layer of the base.
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
        InputError: one does not.
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
                f"model.lora.targets holds {target}, which no linear or convolutional layer of the "
                f"base is called, expected of {', '.join(kinds)}"
                f"{close_matches(target, kinds)}"
            )


def save_adapter(model: Any, folder: Path, *, base: str) -> None:
    """Write an adapter as peft does, in the same bytes each time, and sealed.

    Args:
        model: of `add_adapter`.
        folder: to write to.
        base: what the adapter says of where its base is.
    """
    import tempfile

    from safetensors.numpy import load_file

    from encoded_ensembles.members.adapters import write_files

    model.peft_config["default"].base_model_name_or_path = base
    with tempfile.TemporaryDirectory() as theirs:
        model.save_pretrained(theirs, safe_serialization=True, save_embedding_layers=False)
        facts = read_json(Path(theirs) / ADAPTER_CONFIG)
        facts["target_modules"] = sorted(facts["target_modules"])  # a set, in peft
        write_files(folder, facts, load_file(Path(theirs) / ADAPTER_WEIGHTS))
