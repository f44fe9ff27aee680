"""Memory and operations of text-to-image runs of the usual sizes, counted without their weights.

The networks are those that the presets name, built from their published configurations on tensors that hold no
values; the settings are those of the presets. Keeps the table benchmarks/out/text_memory.csv and one figure per
number. Nothing was measured on a GPU.

    python benchmarks/text_memory.py        five minutes
"""

import csv
import sys

import yaml
from machine import FIGURES, ROOT, keep, sized

sys.path.insert(0, str(ROOT / "workflow"))

TABLE = FIGURES.parent / "text_memory.csv"
PRESETS = sized(["sd15-lora", "sdxl-lora", "sd3-lora", "flux-lora"], smoke=["sd15-lora"])
IMAGES = 100
JOBS = {
    "fetching": "fetch_pipeline", "encoding": "encode_captions", "training": "train_adapter", "sampling": "screen_block",
}  # fmt: skip


def counted(preset: str) -> dict[str, float]:
    """Return the numbers of a preset."""
    from encoded_ensembles.config.check import check_config
    from encoded_ensembles.config.starter import read_schema
    from encoded_ensembles.runs.peaks import peak_mb, peaks
    from encoded_ensembles.runs.plan import plan
    from encoded_ensembles.runs.size import Size, image_shape
    from encoded_ensembles.runs.text_rates import text_rates

    config = yaml.safe_load((ROOT / f"presets/{preset}.yaml").read_text())
    config["dataset"] |= {"images": IMAGES, "heldout": IMAGES // 10}
    checked = check_config(config, read_schema())
    shape = image_shape(checked["dataset"])
    found = text_rates(checked, shape, IMAGES, device="cpu")
    size = Size(IMAGES, IMAGES, shape, **found.networks.__dict__)
    host = peaks(checked, size, found.size, gpu=True)
    work = plan(checked, size, passes=found.passes)
    return {
        "million_weights": round(found.networks.frozen["base"] / 1e6),
        "tflop": round(found.rates.flops / 1e12, 2),
        "adapter_mb": round(4 * found.networks.weights / 1e6),
        "training_gb": round(found.training_bytes / 1e9, 1),
        "sampling_gb": round(found.sampling_bytes / 1e9, 1),
        **{f"{name}_host_gb": round(peak_mb(rule, host) / 1e3) for name, rule in JOBS.items()},
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
