"""Units named on the landscape that the method's authors published, by `encens import-universe --words`.

python studies/published.py FOLDER --output OUTPUT      FOLDER: training.png, universe.png, words.csv

The pictures are sheets of 32x32 grey pixels: the training digits, and for each sample a row of the sample
and its counterfactuals. They have no licence, so none is kept. Writes tables named (the attributed
digits) and samples (what each sample shows), each .parquet with .csv, and published (.pdf with .png).
"""

import argparse
import os
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.commands.import_universe import import_universe
from encoded_ensembles.figures.style import GREY, ORANGE, WIDTH, plain_ticks, save, styled
from encoded_ensembles.sharing.universe import write_universe
from encoded_ensembles.storage.files import read_table, write_table
from matplotlib.figure import Figure
from PIL import Image

SIDE = 32  # pixels of a picture
SHOWN = ["sample", "unit", "likeness_rank", "contrast", "contrast_z", "contrast_p", "contrast_q",
         "distance", "distance_rank"]  # fmt: skip


def cells(sheet: Path) -> np.ndarray:
    """Return the pictures of a sheet (rows, columns, H, W, 1) uint8."""
    pixels = np.asarray(Image.open(sheet).convert("L"))
    down, across = (length // SIDE for length in pixels.shape)
    return pixels.reshape(down, SIDE, across, SIDE, 1).swapaxes(1, 2)


def write_theirs(folder: Path, universe: Path) -> None:
    """Write the published pictures as a universe."""
    rows = cells(folder / "universe.png")  # sample, then unit
    units = len(pd.read_csv(folder / "words.csv"))
    write_universe(
        universe,
        images=cells(folder / "training.png").reshape(-1, SIDE, SIDE, 1)[:units],
        unit_of=np.arange(units),
        factual=rows[:, 0],
        counterfactuals=rows[:, 1 : units + 1].swapaxes(0, 1),
    )


def write_made(folder: Path) -> None:
    """Write a made landscape in the same form, for the smoke run: each member adds a picture of its own."""
    rng = np.random.default_rng(0)
    units, members, samples = 48, 8, 2
    halves = [*combinations(range(members), members // 2)]
    words = np.zeros((units, members), bool)
    np.put_along_axis(words, rng.permutation(halves)[:units], values=True, axis=1)
    images = rng.integers(0, 256, (units, SIDE, SIDE), np.uint8)
    effects = rng.normal(size=(samples, members, SIDE, SIDE))
    factual = rng.integers(100, 156, (samples, 1, SIDE, SIDE))
    moved = factual - 8 * np.einsum("un,snhw->suhw", words, effects)
    rows = np.concatenate([factual, moved.clip(0, 255)], axis=1).astype(np.uint8)
    for name, sheet in {"training": images.reshape(2, -1, SIDE, SIDE), "universe": rows}.items():
        down, across = sheet.shape[:2]
        pixels = sheet.swapaxes(1, 2).reshape(down * SIDE, across * SIDE)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    table = pd.DataFrame(words.astype(int)).rename(columns="member_{:02d}".format)
    table.to_csv(folder / "words.csv", index_label="unit")


def attribute(folder: Path, output: Path) -> None:
    """Import the universe of `folder` with its words, by the command that users have."""
    with tempfile.TemporaryDirectory() as written:
        universe = Path(written) / "published.ctf"
        write_theirs(folder, universe)
        import_universe(universe, output, words=folder / "words.csv")


def gather(imported: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all pairs with rank of likeness and distance, and a row for each sample."""
    pairs = read_table(imported / "contrast/contrast.parquet")
    moved = read_table(imported / "influence/influence.parquet")
    pairs = pairs.merge(
        moved[["sample", "unit", "distance", "distance_rank"]], on=["sample", "unit"]
    )
    by_sample = pairs.groupby("sample")
    pairs["likeness_rank"] = by_sample["weight"].rank(ascending=False).astype(int)
    nearest = pairs[pairs["likeness_rank"] == 1].set_index("sample")
    table = read_table(imported / "contrast/answers.parquet").set_index("sample")
    table = table.drop(columns=["names", "units"], errors="ignore")
    table["attributed"] = by_sample["attributed"].sum()
    table["nearest_p"] = nearest["contrast_p"]
    table["nearest_distance_rank"] = nearest["distance_rank"]
    table["small_p"] = by_sample["contrast_p"].agg(lambda p: (p <= 0.05).mean())
    return pairs, table.reset_index()


@styled
def draw(pairs: pd.DataFrame) -> Figure:
    """Draw distance, and contrast in standard deviations, against the rank of likeness: a column per sample."""
    samples = pairs["sample"].unique()
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.subplots(2, len(samples), sharex=True, sharey="row", squeeze=False)
    for column, sample in zip(axes.T, samples, strict=True):
        rows = pairs[pairs["sample"] == sample]
        named = rows["attributed"].to_numpy(bool)
        for ax, value in zip(column, ("distance", "contrast_z"), strict=True):
            ax.plot(rows["likeness_rank"], rows[value], ".", ms=3, color=GREY)
            ax.plot(rows["likeness_rank"][named], rows[value][named], "o", ms=5, color=ORANGE)
        column[0].set(title=f"sample {sample}: {named.sum()} named (orange)", xscale="log")
        plain_ticks(column[1].xaxis, steps=(1,))
        column[1].set_xlabel("rank of the digit by likeness")
    axes[0, 0].set_ylabel("distance of the\ncounterfactual")
    axes[1, 0].set_ylabel("contrast of member\neffects, z")
    return figure


def main() -> None:
    """Import, gather, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    if os.environ.get("SMOKE"):
        write_made(given.folder)
    with tempfile.TemporaryDirectory() as imported:
        attribute(given.folder, Path(imported))
        pairs, table = gather(Path(imported))
    named = pairs.loc[pairs["attributed"], SHOWN].sort_values(["sample", "contrast_q"])
    print(named.to_string(index=False), table.to_string(index=False), sep="\n\n")
    write_table(given.output / "named.parquet", named.round(6))
    write_table(given.output / "samples.parquet", table.round(6))
    save(draw(pairs), given.output / "published.pdf")


if __name__ == "__main__":
    main()
