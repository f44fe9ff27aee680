"""The ten largest distances of a landscape from a few percent of its ablations, against the whole.

Reads the finished run of benchmarks/screening.yaml (half an hour on two idle cores; makes it if it is not
there), lets screening ask for ablations, and answers from the exact landscape. Ablations are counted as
evaluations of members at each step, those of dropping each member once and of the null code words
included. The exact landscape is counted with the same null code words.

    python benchmarks/screening.py [folder of the run]
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from machine import DRAWINGS, finished_run, keep, sampler_of, sized

RUN = ("benchmarks/screening.yaml", "influence/influence.parquet")
TOP, FEWER = sized((10, 25), smoke=(2, 4))  # units wanted; null words of the smaller search
MISSED, BUDGET = 0.5, 0.15


def read(run: Path, config: str) -> dict[str, np.ndarray]:
    """Return what a run holds: words, displacements of units, null words and dropped members.

    Args:
        run: folder of the run.
        config: file of its configuration, from the root of the repository.
    """
    import pandas as pd
    from encoded_ensembles.ensemble.engine import prepare
    from encoded_ensembles.ensemble.sampling import sample
    from encoded_ensembles.storage.files import read_arrays, read_tensors, write_tensors

    words = read_arrays(run / "code/code.npz")
    drawn = read_tensors(run / "samples/ensemble.safetensors", names=["factual", "null"])
    factual = drawn["factual"]
    units = np.zeros((len(words["code"]), *factual.shape), np.float32)
    for file in sorted((run / "landscape").glob("*.safetensors")):
        block = read_tensors(file, names=["units", "counterfactuals"])
        units[block["units"]] = block["counterfactuals"]
    n = words["code"].shape[1]
    cache = run / "benchmark_all_and_drops.safetensors"
    if not cache.exists():
        folders = [run / f"members/{m:02d}" for m in range(n)]
        engine = prepare(
            folders, run / "noise/landscape.safetensors", label="drops",
            scheduler=sampler_of(config), batch=256, device="cpu",
        )  # fmt: skip
        every, *drops = sample(keep=np.vstack([np.ones(n, bool), ~np.eye(n, dtype=bool)]), **engine)
        write_tensors(cache, {"all": every, "drops": np.stack(drops)})
    kept = read_tensors(cache)
    if not np.array_equal(kept["all"], factual):
        sys.exit(f"{run} was not sampled as {config} says: all members give other samples.")
    table = pd.read_parquet(run / "contrast/contrast.parquet").sort_values(["sample", "joint_rank"])
    found = {"drops": kept["drops"], "null": drawn["null"], "units": units}
    return {
        **{name: (each - factual).reshape(*each.shape[:2], -1) for name, each in found.items()},
        "code": words["code"],
        "null_words": words["null_words"][: len(drawn["null"])],
        "contrast": table["unit"].to_numpy().reshape(len(factual), -1),
    }


def follow(data: dict[str, np.ndarray], b: int, *, null: int) -> list[tuple[int, float, float]]:
    """Screen one sample to the end of the budget; return units ablated, recall and missed by round."""
    from encoded_ensembles.ensemble import screening

    code, truth = data["code"], np.linalg.norm(data["units"][:, b], axis=1)
    best = set(np.argsort(-truth)[:TOP])
    most = screening.most_units(
        units=len(code), members=code.shape[1], weight=int(code[0].sum()), budget=BUDGET, least=TOP
    )
    known = [np.zeros_like(data["drops"][:1, b]), data["drops"][:, b], data["null"][:null, b]]
    search = screening.Search(
        np.concatenate(known), code=code, null_words=data["null_words"][:null],
        wanted=data["contrast"][b, :TOP], aim=screening.Aim(top=TOP, missed=-1.0, most=most),
    )  # fmt: skip
    rounds: list[tuple[int, float, float]] = []
    while True:
        units = search.next_units()
        if len(search.done):
            rounds.append((len(search.done), len(best & set(search.done)) / TOP, search.missed))
        if not len(units):
            return rounds
        search.add(units, data["units"][units, b])


def reached(rounds: list[tuple[int, float, float]], count: int) -> float:
    """Return the recall once `count` units were ablated."""
    return max((recall for done, recall, _ in rounds if done <= count), default=float("nan"))


def ranked(
    data: dict[str, np.ndarray], b: int, order: np.ndarray, counts: list[int]
) -> list[float]:
    """Return the recall when units are ablated in a fixed order."""
    best = set(np.argsort(-np.linalg.norm(data["units"][:, b], axis=1))[:TOP])
    return [len(best & set(order[:count])) / TOP for count in counts]


def main() -> None:
    """Screen every sample, and compare with fixed orders."""
    data = read(finished_run(*RUN), RUN[0])
    (units, n), samples = data["code"].shape, data["units"].shape[1]
    kept = n - int(data["code"][0].sum())

    def cost(count: float, null: int) -> float:
        return (n * (n - 1) + kept * (count + null)) / (kept * (units + null))

    figures, curves = {}, {}
    for null in (FEWER, len(data["null"])):
        rounds = [follow(data, b, null=null) for b in range(samples)]
        ends = [next((each for each in every if each[2] <= MISSED), every[-1]) for every in rounds]
        counts, recalls = (np.array([end[i] for end in ends]) for i in (0, 1))
        name = "" if null == FEWER else f"_{null}_null_words"
        figures[f"screening_recall_at_10{name}"] = round(float(recalls.mean()), 3)
        figures[f"screening_cost_fraction{name}"] = round(cost(float(counts.mean()), null), 3)
        figures[f"screening_worst_recall_at_10{name}"] = round(float(recalls.min()), 3)
        figures[f"screening_units{name}"] = round(float(counts.mean()), 1)
        figures[f"screening_worst_sample{name}"] = int(recalls.argmin())
        print(f"{null} null words: sample, units ablated, recall, expected missed")
        for b, end in enumerate(ends):
            print(f"{b:4} {end[0]:5} {end[1]:6.2f} {end[2]:6.2f}")
        shared = [count for count, _, _ in min(rounds, key=len)]
        curves[f"screened, {null} null words"] = (
            [cost(count, null) for count in shared],
            [[reached(every, count) for count in shared] for every in rounds],
        )
    counts = [5, 10, 15, 20, 30, 40, 53]
    summed = np.linalg.norm(
        np.einsum("um,mbf->ubf", data["code"].astype(float), data["drops"]), axis=2
    )
    orders = {
        "one-member drops, summed": np.argsort(-summed, axis=0).T,
        "contrast": data["contrast"],
        "chance": np.stack([np.random.default_rng(b).permutation(units) for b in range(samples)]),
    }
    for name, order in orders.items():
        curves[name] = (
            [cost(count, 0) for count in counts],
            [ranked(data, b, order[b], counts) for b in range(samples)],
        )
    draw(curves)
    keep(figures)


def draw(curves: dict[str, Any]) -> None:
    """Draw recall against cost."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, (costs, recalls) in curves.items():
        ax.plot(100 * np.array(costs), np.nanmean(recalls, axis=0), "o-", ms=3, label=name)
    ax.axhline(0.95, color="grey", lw=0.8, ls=":")
    ax.set(xlabel="evaluations, % of the exact landscape", ylabel="recall at 10", ylim=(0, 1.02))
    ax.legend(frameon=False, fontsize=8)
    fig.savefig(DRAWINGS / "screening.png", dpi=150)


if __name__ == "__main__":
    main()
