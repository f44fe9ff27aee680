"""Options of sampling against the default: what bfloat16 and torch.compile do to speed and samples.

Reads the default run (makes it where it is not there): 4 of its samples, all members, and the first 15
units' counterfactuals. Speed is the median over turns of the default's time over the option's, compilation
left out; samples are compared by their largest difference, and by the Spearman correlation of distances.

    python benchmarks/arithmetic.py [folder of the run]
"""

import statistics

import numpy as np
from machine import finished_run, in_turns, keep, sized

UNITS, SAMPLES, TURNS = sized((15, 4, 3), smoke=(2, 2, 1))
OPTIONS = {
    "float32": {},
    "bfloat16": {"precision": "bfloat16"},
    "compile": {"compiled": True},
}


def main() -> None:
    """Sample with each option in turns."""
    import torch
    from encoded_ensembles.codes.masks import ablation_keep
    from encoded_ensembles.ensemble.engine import prepare
    from encoded_ensembles.ensemble.sampling import sample
    from encoded_ensembles.runs.run import Run
    from encoded_ensembles.storage.files import read_arrays
    from scipy.stats import spearmanr

    # Compiling takes a minute; tests/unit/ensemble/test_placement.py does it, too.
    torch.compiler.set_stance(sized("default", smoke="force_eager"))
    run = finished_run("config.yaml", "run.json")
    sampler = Run(run).config["sampling"]["scheduler"]
    code = read_arrays(run / "code/code.npz")["code"]
    n = code.shape[1]
    masks = np.concatenate([np.ones((1, n), bool), ablation_keep(code[:UNITS])])
    folders = [run / f"members/{m:02d}" for m in range(n)]
    noise = run / "noise/landscape.safetensors"
    found: dict[str, np.ndarray] = {}
    work = {}
    for name, options in OPTIONS.items():
        engine = prepare(folders, noise, label=name, scheduler=sampler, device="cpu", **options)
        engine["noise"] = np.stack([step[:SAMPLES] for step in engine["noise"]])

        def draw(name: str = name, engine: dict = engine) -> None:
            found[name] = sample(keep=masks, **engine)

        work[name] = draw
    seconds = in_turns(work, turns=TURNS)
    exact = found["float32"]
    figures: dict[str, float] = {}
    for name in list(OPTIONS)[1:]:
        ratios = [a / b for a, b in zip(seconds["float32"], seconds[name], strict=True)]
        theirs, ours = (
            np.linalg.norm((each[1:] - each[0]).reshape(UNITS, SAMPLES, -1), axis=2)
            for each in (exact, found[name])
        )
        agree = [spearmanr(a, b).statistic for a, b in zip(theirs.T, ours.T, strict=True)]
        figures |= {
            f"sampling_{name}_speedup": round(statistics.median(ratios), 2),
            f"sampling_{name}_largest_difference": float(
                f"{np.abs(found[name] - exact).max():.2g}"
            ),
            f"sampling_{name}_spearman_worst": round(min(agree), 4),
        }
    keep(figures)


if __name__ == "__main__":
    main()
