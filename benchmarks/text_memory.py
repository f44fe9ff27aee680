"""Memory and operations of text-to-image runs of the usual sizes, counted without their weights.

The networks are those of Stable Diffusion 1.5, SDXL, Stable Diffusion 3.5 medium and FLUX.1, built from their published
configurations on tensors that hold no values; the settings are those of the presets. Keeps the table
benchmarks/out/text_memory.csv and one figure per number. Nothing was measured on a GPU.

    python benchmarks/text_memory.py        five minutes
"""

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from machine import FIGURES, ROOT, keep, sized

sys.path.insert(0, str(ROOT / "workflow"))

TABLE = FIGURES.parent / "text_memory.csv"
CODER = {
    "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
    "in_channels": 3, "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
DENOISERS: dict[str, tuple[int, dict[str, Any]]] = {  # latent channels, and the denoiser
    "sd15-lora": (4, {
        "_class_name": "UNet2DConditionModel", "sample_size": 64, "cross_attention_dim": 768,
        "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8,
    }),
    "sdxl-lora": (4, {
        "_class_name": "UNet2DConditionModel", "sample_size": 128, "cross_attention_dim": 2048,
        "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
        "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": True,
        "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    }),
    "sd3-lora": (16, {
        "_class_name": "SD3Transformer2DModel", "sample_size": 128, "in_channels": 16, "out_channels": 16,
        "num_layers": 24, "num_attention_heads": 24, "attention_head_dim": 64, "joint_attention_dim": 4096,
        "caption_projection_dim": 1536, "pooled_projection_dim": 2048, "pos_embed_max_size": 384,
        "dual_attention_layers": list(range(13)), "qk_norm": "rms_norm",
    }),
    "flux-lora": (16, {
        "_class_name": "FluxTransformer2DModel", "in_channels": 64, "num_layers": 19, "num_single_layers": 38,
        "num_attention_heads": 24, "attention_head_dim": 128, "joint_attention_dim": 4096,
        "pooled_projection_dim": 768, "guidance_embeds": True,
    }),
}  # fmt: skip
SMALL = {"block_out_channels": [32, 32], "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
         "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"]}  # fmt: skip
PRESETS = sized(list(DENOISERS), smoke=["sd15-lora"])
CHANGES = sized({}, smoke=SMALL)
IMAGES = 100


def counted(preset: str) -> dict[str, float]:
    """Return the numbers of a preset."""
    from encoded_ensembles.config.check import check_config
    from encoded_ensembles.config.starter import read_schema
    from encoded_ensembles.runs.plan import plan
    from encoded_ensembles.runs.size import Size, image_shape
    from encoded_ensembles.runs.text_rates import text_rates

    channels, denoiser = DENOISERS[preset]
    config = yaml.safe_load((ROOT / f"presets/{preset}.yaml").read_text())
    config["dataset"]["images"] = IMAGES
    with tempfile.TemporaryDirectory() as folder:
        role = "unet" if "UNet" in denoiser["_class_name"] else "transformer"
        for part, content in (
            (role, denoiser | CHANGES),
            ("vae", CODER | {"latent_channels": channels}),
        ):
            (Path(folder) / part).mkdir()
            (Path(folder) / part / "config.json").write_text(json.dumps(content))
        config["model"]["base"] = folder
        checked = check_config(config, read_schema())
        shape = image_shape(checked["dataset"])
        found = text_rates(checked, shape, IMAGES, device="cpu")
    size = Size(IMAGES, IMAGES, shape, **found.networks.__dict__)
    work = plan(checked, size, passes=found.passes)
    return {
        "million_weights": round(found.networks.frozen["base"] / 1e6),
        "tflop": round(found.rates.flops / 1e12, 2),
        "adapter_mb": round(4 * found.networks.weights / 1e6),
        "training_gb": round(found.training_bytes / 1e9, 1),
        "sampling_gb": round(found.sampling_bytes / 1e9, 1),
        "training_pflop": round(work["train_adapter"].flops(found.rates) / 1e15),
        "run_pflop": round(sum(each.flops(found.rates) for each in work.values()) / 1e15),
    }


def main() -> None:
    """Count all presets."""
    rows = [{"preset": preset} | counted(preset) for preset in PRESETS]
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(TABLE.read_text())
    keep(
        {
            f"text_{row['preset'].split('-')[0]}_{key}": row[key]
            for row in rows
            for key in ("training_gb", "sampling_gb")
        }
    )


if __name__ == "__main__":
    main()
