"""Derivatives in members' weights against dropping members one at a time, at what each costs.

Both add up over the members of a unit's word to a predicted displacement. Reads the finished run of
benchmarks/first_order.yaml (makes it if it is not there). A derivative's cost is its processor time
in evaluations of a member, by the time that dropping members takes in the same turn.

    python benchmarks/first_order.py [folder of the run]
"""

import numpy as np
from machine import finished_run, in_turns, keep, sampler_of
from screening import TOP, read

RUN = ("benchmarks/first_order.yaml", "influence/influence.parquet")


def main() -> None:
    """Compare both with the exact landscape."""
    from encoded_ensembles.ensemble.engine import prepare
    from encoded_ensembles.ensemble.first_order import derivatives
    from encoded_ensembles.ensemble.sampling import sample
    from scipy.stats import spearmanr

    run = finished_run(*RUN)
    data = read(run, RUN[0])
    n = data["code"].shape[1]
    folders = [run / f"members/{m:02d}" for m in range(n)]
    engine = prepare(
        folders, run / "noise/landscape.safetensors", label="drops",
        scheduler=sampler_of(RUN[0]), batch=256, device="cpu",
    )  # fmt: skip
    own = {name: engine[name] for name in ("members", "sampler", "device")}
    own["noise"] = np.stack(list(engine["noise"]))
    found = {}

    def differentiate() -> None:
        found["first_order"] = -derivatives(**own)

    def drop() -> None:
        sample(**own, keep=~np.eye(n, dtype=bool))

    seconds = in_turns({"first_order": differentiate, "drops": drop}, turns=1)
    moved = {
        "first_order": found["first_order"].reshape(*found["first_order"].shape[:2], -1),
        "drops": data["drops"],
    }
    truth = np.linalg.norm(data["units"], axis=2)
    best = np.argsort(-truth, axis=0)[:TOP]
    figures: dict[str, float] = {}
    for name, each in moved.items():
        predicted = np.linalg.norm(
            np.einsum("um,mbf->ubf", data["code"].astype(float), each), axis=2
        )
        first = np.argsort(-predicted, axis=0)[:30]
        agree = [spearmanr(p, t).statistic for p, t in zip(predicted.T, truth.T, strict=True)]
        recall = [len(set(a) & set(b)) / TOP for a, b in zip(best.T, first.T, strict=True)]
        cost = n * (n - 1) * seconds[name][0] / seconds["drops"][0]
        figures |= {
            f"{name}_spearman": round(float(np.mean(agree)), 3),
            f"{name}_spearman_worst": round(float(min(agree)), 3),
            f"{name}_recall_at_10_of_30": round(float(np.mean(recall)), 3),
            f"{name}_evaluations": round(cost),
        }
    keep(figures)


if __name__ == "__main__":
    main()
