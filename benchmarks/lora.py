"""Members that are adapters beside whole ones: bytes on disk and in memory, training steps, sampling.

Two networks: the base of presets/lora.yaml with its adapters, and one for 16x16 pixels in colour with
adapters of its attention only, as is common. Sampling lets 12 members predict for a full batch in
turns. The columns are whole networks; adapters as here, whose weights are worked out in each call; and
peft's own layers, switched by set_adapter, which compute W x and B A x apart.
"""

import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from machine import in_turns, keep, sized

MEMBERS = sized(12, smoke=2)
CASES = {
    "8x8": {
        "network": {"shape": (1, 8, 8), "widths": [16, 32], "layers_per_block": 1, "attention": True},
        "adapter": {
            "rank": 4, "alpha": 4, "targets": ["conv1", "conv2", "to_q", "to_k", "to_v", "to_out.0"]
        },
        "batch": sized(256, smoke=4), "trained": sized(64, smoke=4), "turns": sized(3, smoke=1),
    },
    "16x16": {
        "network": {"shape": (3, 16, 16), "widths": [32, 64], "layers_per_block": 1, "attention": True},
        "adapter": {"rank": 4, "alpha": 4, "targets": ["to_q", "to_k", "to_v", "to_out.0"]},
        "batch": sized(16, smoke=2), "trained": sized(16, smoke=2), "turns": sized(3, smoke=1),
    },
}  # fmt: skip


def main() -> None:
    """Measure all of it for both networks."""
    found: dict[str, Any] = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            found |= {
                f"lora_{name}_{key}": each for key, each in measure(Path(folder), case).items()
            }
    keep(found)


def measure(folder: Path, case: dict[str, Any]) -> dict[str, float]:
    """Return the figures of one network."""
    from encoded_ensembles.members.adapter_training import add_adapter, save_adapter
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.load import load_members
    from encoded_ensembles.members.names import member_files
    from encoded_ensembles.members.network import build_unet, save_network, unet_config

    cpu = choose_device("cpu")
    config = unet_config(**case["network"])
    save_network(build_unet(config, seed=0), folder / "base")
    for member in range(MEMBERS):
        adapter = add_adapter(build_unet(config, seed=0), **case["adapter"], seed=member)
        stir(adapter)
        save_adapter(adapter, folder / f"{member}", base="../base")
    kinds = {
        "whole": [load_members([folder / "base"], device=cpu)[0] for _ in range(MEMBERS)],
        "adapter": load_members([folder / f"{member}" for member in range(MEMBERS)], device=cpu),
    }
    files = {"whole": folder / "base", "adapter": folder / "0"}
    found: dict[str, float] = {}
    for kind, members in kinds.items():
        sizes = [
            (files[kind] / each).stat().st_size for each in member_files(adapter=kind == "adapter")
        ]
        found[f"{kind}_disk_bytes"] = sum(sizes)
        found[f"{kind}_memory_bytes_of_{MEMBERS}"] = held(members)
    return found | sampled(folder, kinds, case) | trained(config, case)


def stir(adapter: Any) -> None:
    """Give an adapter other weights than those that change nothing."""
    import torch

    for weights in adapter.parameters():
        if weights.requires_grad:
            torch.nn.init.normal_(weights.detach(), std=0.02)


def held(members: Iterable[Any]) -> int:
    """Return the bytes of all weights that networks hold, shared ones once."""
    weights = {each.data_ptr(): each for member in members for each in member.parameters()}
    return sum(each.numel() * each.element_size() for each in weights.values())


def sampled(folder: Path, kinds: dict[str, list[Any]], case: dict[str, Any]) -> dict[str, float]:
    """Return how many predictions of a member a second each way makes, all members in turns."""
    import torch
    from encoded_ensembles.ensemble.sampling import predict
    from encoded_ensembles.members.load import load_unet
    from peft import PeftModel

    base = load_unet(folder / "base", device=torch.device("cpu"))
    theirs = PeftModel.from_pretrained(
        base, folder / "0", adapter_name="0", use_safetensors=True
    ).eval()
    for member in range(1, MEMBERS):
        theirs.load_adapter(folder / f"{member}", adapter_name=f"{member}", use_safetensors=True)
    x = torch.randn(case["batch"], *case["network"]["shape"])
    level, numbers = torch.tensor(40), torch.arange(len(x))

    def ours(members: list[Any]) -> None:
        with torch.inference_mode():
            for member in members:
                predict(member, x, level, numbers=numbers, batch=len(x))

    def switched() -> None:
        with torch.no_grad():  # peft asks for gradients when it switches
            for member in range(MEMBERS):
                theirs.set_adapter(f"{member}")
                theirs(x, level)

    work = {
        "whole": lambda: ours(kinds["whole"]),
        "adapter": lambda: ours(kinds["adapter"]),
        "set_adapter": switched,
    }
    seconds = in_turns(work, turns=case["turns"])
    made = MEMBERS * len(x)
    return {
        f"{way}_evaluations_per_second": round(made / statistics.median(each))
        for way, each in seconds.items()
    }


def trained(config: dict[str, Any], case: dict[str, Any]) -> dict[str, float]:
    """Return the milliseconds of a training step of a whole network and of an adapter."""
    import torch
    from encoded_ensembles.members.adapter_training import add_adapter
    from encoded_ensembles.members.batches import Recipe
    from encoded_ensembles.members.network import build_unet
    from encoded_ensembles.members.training import Trainer

    recipe, cpu = Recipe(1, 1, 2e-3, 0.995, "float32", 0), torch.device("cpu")
    images = torch.randn(case["trained"], *case["network"]["shape"])
    levels = torch.arange(len(images))
    whole = Trainer(build_unet(config, seed=0), recipe=recipe, device=cpu)
    frozen = build_unet(config, seed=0).requires_grad_(False)
    adapter = Trainer(add_adapter(frozen, **case["adapter"], seed=0), recipe=recipe, device=cpu)
    work = {
        "whole": lambda: whole.step(images, levels, images),
        "adapter": lambda: adapter.step(images, levels, images),
    }
    seconds = in_turns(work, turns=2 * case["turns"])
    return {
        f"{kind}_step_milliseconds": round(1000 * statistics.median(each), 1)
        for kind, each in seconds.items()
    }


if __name__ == "__main__":
    main()
