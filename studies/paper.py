"""What of the paper a small run reproduces: generation, counterfactuals, first-order influence and attribution.

python studies/paper.py RUN ... --scheduler NAME --output TABLE.parquet      folders of runs, with the sampler of all of them

Writes a row per run and quantity: value, with low and high of its 95 % interval over samples (Student's t, for correlations on
Fisher's z; empty where it is not a mean over samples). Quantities: frechet of each set of frechet/scores, mean over its models or keep
masks; radius, the largest distance of a unit, and null_radius, that of a null code word, in the published scale; first_order,
Spearman's correlation over null code words between their distances and those that the derivatives of a sample in its
members' weights predict; and units, group and nothing, the samples with this answer.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.ensemble.engine import prepare
from encoded_ensembles.ensemble.first_order import derivatives
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import read_arrays, read_table, read_tensors, write_table
from scipy.stats import spearmanr, ttest_1samp

SAMPLES = 8  # that are differentiated


def agreements(run: Path, scheduler: str) -> list[float]:
    """Return how well first order ranks null code words by their distance, for each of the first samples."""
    words = read_arrays(run / layout.CODE)
    drawn = read_tensors(run / layout.SAMPLES, names=["factual", "null"])
    folders = [run / layout.MEMBERS / f"{m:02d}" for m in range(words["code"].shape[1])]
    engine = prepare(
        folders, run / layout.NOISE, label="members", scheduler=scheduler, device="cpu"
    )
    moved = -derivatives(
        engine["members"],
        noise=np.stack([each[:SAMPLES] for each in engine["noise"]]),
        sampler=scheduler,
        device=engine["device"],
    )
    null = words["null_words"][: len(drawn["null"])].astype(np.float32)
    predicted = np.tensordot(null, moved, axes=1)
    found = drawn["null"][:, :SAMPLES] - drawn["factual"][:SAMPLES]
    lengths = [
        np.linalg.norm(each.reshape(*each.shape[:2], -1), axis=2) for each in (predicted, found)
    ]
    return [spearmanr(*pair).statistic for pair in zip(*(each.T for each in lengths), strict=True)]


def mean_correlation(values: list[float]) -> tuple[float, float, float]:
    """Return the mean of correlations by Fisher's z, with the ends of its 95 % interval (Student's t).

    A correlation of 1, whose z is infinite, counts as 0.999.
    """
    z = np.arctanh(np.clip(values, -0.999, 0.999))
    ends = ttest_1samp(z, 0).confidence_interval()
    return float(np.tanh(z.mean())), *np.tanh(ends)


def rows_of(run: Path, scheduler: str) -> list[tuple[str, str, float, float, float]]:
    """Return the rows of a run: run, quantity, value, low, high."""
    scores = read_table(run / layout.SCORES).groupby("set")["frechet"].mean()
    rows = [(f"frechet {name}", value, np.nan, np.nan) for name, value in scores.items()]
    table = read_table(run / layout.RADIUS)
    scale = table["radius_published"] / table["radius"]
    for name in ("radius", "null_radius"):
        values = table[name] * scale
        rows.append((name, values.mean(), *ttest_1samp(values, 0).confidence_interval()))
    rows.append(("first_order", *mean_correlation(agreements(run, scheduler))))
    answers = read_table(run / layout.ANSWERS)["answer"].value_counts()
    rows += [(name, answers.get(name, 0), np.nan, np.nan) for name in ("units", "group", "nothing")]
    return [(run.name, *row) for row in rows]


def main() -> None:
    """Gather the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--scheduler", required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    rows = [row for run in given.runs for row in rows_of(run, given.scheduler)]
    table = pd.DataFrame(rows, columns=["run", "quantity", "value", "low", "high"])
    print(table.to_string(index=False, float_format="{:.3f}".format))
    write_table(given.output, table)


if __name__ == "__main__":
    main()
