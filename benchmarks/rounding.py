"""What rounding does to the predictions of LoRA adapters, by their size: the table in docs/gpu.md.

A random U-Net of Stable Diffusion's kind, 6 million weights, with random adapters of rank 8 on its attention layers,
whose B has a given root mean square. Errors are relative to float32, as ratios of Euclidean norms: of the prediction of
the base, and of the difference between the predictions of two adapters. Keeps the table benchmarks/out/rounding.csv.
"""

import copy
import csv

import torch
from diffusers import UNet2DConditionModel
from encoded_ensembles.members.adapters import LowRank
from encoded_ensembles.members.lora import add_lora, lora_changes, with_lora
from machine import FIGURES, keep, sized

SIZES = sized((1e-3, 3e-3, 1e-2, 3e-2), smoke=(1e-2,))  # root mean square of B
WIDTHS = sized((64, 128), smoke=(32, 32))
ROWS = 8
TABLE = FIGURES.parent / "rounding.csv"


def build() -> UNet2DConditionModel:
    """Return the base."""
    torch.manual_seed(0)
    return (
        UNet2DConditionModel(
            sample_size=16, cross_attention_dim=64, block_out_channels=WIDTHS, attention_head_dim=8,
            down_block_types=["CrossAttnDownBlock2D"] * 2, up_block_types=["CrossAttnUpBlock2D"] * 2,
        )
        .eval()
        .requires_grad_(False)
    )  # fmt: skip


def changed(base: UNet2DConditionModel, size: float, seed: int) -> dict[str, LowRank]:
    """Return the changes of an adapter."""
    network = copy.deepcopy(base)
    add_lora(network, rank=8, alpha=8, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    return {
        name: LowRank(each.down, torch.randn(each.up.shape, generator=rng) * size, scale=each.scale)
        for name, each in lora_changes(network).items()
    }


def predicted(network: UNet2DConditionModel) -> torch.Tensor:
    """Return predictions for fixed inputs, in float32."""
    rng = torch.Generator().manual_seed(1)
    inputs = torch.randn(ROWS, 4, 16, 16, generator=rng), torch.randn(ROWS, 12, 64, generator=rng)
    latents, texts = (each.to(network.dtype) for each in inputs)
    with torch.inference_mode():
        return network(latents, torch.tensor(400), texts).sample.float()


def ratio(error: torch.Tensor, of: torch.Tensor) -> float:
    """Return the ratio of Euclidean norms."""
    return float(f"{(error.norm() / of.norm()).item():.3g}")


def main() -> None:
    """Measure all sizes in both precisions."""
    base = build()
    rows = []
    for size in SIZES:
        both = [changed(base, size, seed) for seed in (0, 1)]
        plain = predicted(base)
        exact = [predicted(with_lora(base, each)) for each in both]
        difference = exact[0] - exact[1]
        row = {"b_rms": size, "change": ratio(exact[0] - plain, plain)}
        for name in ("bfloat16", "float16"):
            lower = copy.deepcopy(base).to(getattr(torch, name))
            first, second = (predicted(with_lora(lower, each)) for each in both)
            row[f"{name}_prediction"] = ratio(predicted(lower) - plain, plain)
            row[f"{name}_difference"] = ratio(first - second - difference, difference)
        rows.append(row)
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    keep({f"rounding_{name}": rows[-1][f"{name}_difference"] for name in ("bfloat16", "float16")})


if __name__ == "__main__":
    main()
