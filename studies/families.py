"""What each family of codes costs and buys: one run for each, and a table and a figure of them.

Run from the repository root (make families). Writes docs/families.csv and docs/figures/families.png.

With SMOKE=FOLDER in the environment one run is planned, a finished run that is named on the command line stands
for it, and all is written to that folder.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from encoded_ensembles.figures.style import BLUE, DPI, GREEN, ORANGE, RED, STYLE, WIDTH
from matplotlib.figure import Figure

VARIANTS = {
    "random, w=6": {"family": "random", "weight": 6},
    "random, w=3": {"family": "random", "weight": 3},
    "balanced, w=6": {"family": "balanced", "weight": 6},
    "min-distance 4, w=6": {"family": "min-distance", "weight": 6, "distance": 4},
    "partition, w=1": {"family": "partition", "weight": 1, "null_words": 0},
    "leave-one-out, w=11": {"family": "leave-one-out", "weight": 11, "null_words": 0},
}
SMOKE = os.environ.get("SMOKE")
TABLE, FIGURE = Path("docs/families.csv"), Path("docs/figures/families.png")
if SMOKE:
    VARIANTS = {"partition, w=1": VARIANTS["partition, w=1"]}
    TABLE, FIGURE = Path(SMOKE) / TABLE.name, Path(SMOKE) / FIGURE.name


def run(variant: str) -> Path:
    """Run the workflow for a variant, as far as it is not done, and return the folder of the run."""
    code = {"members": 12, "null_words": 30, **VARIANTS[variant]}
    name = f"families-{variant.replace(', w=', '-').replace(' ', '-')}"
    own = Path(SMOKE or "results") / f"{name}.yaml"
    own.parent.mkdir(exist_ok=True)
    own.write_text(json.dumps({"run": name, "code": code}))
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "all"]
    command += ["--dry-run"] if SMOKE else []
    subprocess.run([*command, "--configfile", "presets/families.yaml", str(own)], check=True)
    return Path(sys.argv[1]) if SMOKE else Path("results") / name


def row(variant: str, at: Path) -> dict[str, object]:
    """Return what the run of a variant, in a folder, cost and bought."""
    code = json.loads((at / "code/properties.json").read_text())
    scores = pd.read_parquet(at / "frechet/scores.parquet").groupby("set")["frechet"].mean()
    aliasing = pd.read_parquet(at / "influence/aliasing.parquet")
    left = {each["units"]: each["probability"] for each in code["members_left_of_sets"]}
    closest = aliasing.iloc[0]
    # With one member kept, the sets of one member are those of an ablated ensemble.
    return {
        "family": variant,
        "trained_images_per_unit": code["weight_max"],
        "members_kept": code["members_kept_min"],
        "distinct_words": code["distinct_rows"],
        "split_sizes": f"{min(code['column_sums'])}-{max(code['column_sums'])}",
        "hamming_min": code["hamming_min"],
        "left_of_2": left[2],
        "left_of_3": left[3],
        "left_of_4": left[4],
        "frechet_member": scores.get("member", scores["ablated"]),
        "frechet_ablated": scores["ablated"],
        "frechet_ensemble": scores["factual"],
        "closest_pairs": int(closest["pairs"]),
        "closest_cosine": closest["mean"],
        "cosine": (aliasing["mean"] * aliasing["pairs"]).sum() / aliasing["pairs"].sum(),
    }


def draw(table: pd.DataFrame) -> Figure:
    """Draw quality, deletions served at once, and aliasing, family by family."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3, sharey=True)
        place = range(len(table))[::-1]
        for column, colour, label in (
            ("frechet_member", ORANGE, "one member"),
            ("frechet_ablated", BLUE, "ablated"),
            ("frechet_ensemble", GREEN, "all members"),
        ):
            left.plot(table[column], place, "o", ms=4, color=colour, label=label)
        left.set_yticks(place, table["family"])
        left.set(xlabel="Frechet distance\n(data-set classifier)", xlim=(0, None))
        for column, colour in (("left_of_2", GREEN), ("left_of_3", BLUE), ("left_of_4", ORANGE)):
            middle.plot(table[column], place, "o", ms=4, color=colour, label=f"{column[-1]} units")
        middle.set(xlabel="share of sets of units\nthat leave a member", xlim=(-0.05, 1.05))
        right.plot(table["closest_cosine"], place, "o", ms=4, color=RED, label="closest words")
        right.plot(table["cosine"], place, "o", ms=4, color=BLUE, label="all pairs")
        right.set(xlabel="cosine of displacements", xlim=(None, 1.05))
        for ax in (left, middle, right):
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=7, handletextpad=0.1)
            ax.grid(axis="y", lw=0.4)
    return figure


def main() -> None:
    """Run all variants and write table and figure."""
    runs = {variant: run(variant) for variant in VARIANTS}
    table = pd.DataFrame([row(variant, at) for variant, at in runs.items()])
    table.to_csv(TABLE, index=False, float_format="%.4g")
    draw(table).savefig(FIGURE, dpi=DPI)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
