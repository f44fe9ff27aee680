"""What it costs to attribute one new sample, beside the rivals: for 512 units, and for 60,000.

Counted: evaluations of a network on one image, gradients of one image at one level, and what must be
there before the first sample. Measured: the processor seconds of an evaluation, of a gradient with its
projection, and of all arithmetic on the units, which runs whole at both sizes, on 8x8 pictures. The time of a
landscape is its evaluations times the seconds of one; a screened one also needs the joint scores of units. TRAK and
D-TRAK cost the same; ReTrac, which needs all gradients again, is not measured.
The sample is drawn by the ensemble with 25 steps. 512 units are given 14 members, 60,000 are given 20.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import naming
import numpy as np
from machine import DRAWINGS, FIGURES, SHAPE, SMOKE, in_turns, keep, kept, members, sized

if TYPE_CHECKING:
    import pandas as pd

SIZES = sized(((512, 14), (60_000, 20)), smoke=((24, 10), (60, 12)))  # units and members
STEPS, LEVELS, DIMENSIONS = 25, 10, sized(1024, smoke=16)  # levels of gradients
LOW = 8  # of the 25 levels, those up to 300, at which contrast looks
BATCH, GRADIENTS, TURNS, TESTED = sized((512, 32, 3, 8), smoke=(4, 2, 1, 2))
NULL = 25  # null code words


class Cost(NamedTuple):
    """The cost of one method."""

    before: str
    evaluations: int
    gradients: int
    arithmetic: float  # processor seconds


def passes() -> tuple[float, float]:
    """Return the processor seconds of an evaluation of one image, and of its gradient at one level."""
    import torch
    from encoded_ensembles.grading.gradients import network_gradients

    (model,) = members(1)
    x, levels = torch.randn(BATCH, *SHAPE), torch.zeros(BATCH, dtype=torch.long)
    pictures = np.zeros((GRADIENTS, *SHAPE), np.float32)

    def forward() -> None:
        with torch.no_grad():
            model(x, levels)

    def gradients() -> None:
        network_gradients(
            model, pictures, pictures[:0], [str(i) for i in range(GRADIENTS)],
            levels=np.arange(LEVELS), dimensions=DIMENSIONS, seed=0, device=torch.device("cpu"),
        )  # fmt: skip

    seconds = in_turns({"forward": forward, "gradients": gradients}, turns=TURNS)
    one, all_ = (statistics.median(seconds[name]) for name in ("forward", "gradients"))
    return one / BATCH, all_ / GRADIENTS / LEVELS


def clocked(work: Callable[[], object]) -> float:
    """Return the processor seconds of work."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def arithmetic(units: int, n: int) -> dict[str, float]:
    """Return the processor seconds of the arithmetic on all units, for one sample."""
    from encoded_ensembles.codes.masks import sized_keep
    from encoded_ensembles.data.likeness import nearest_units
    from encoded_ensembles.grading.rivals import kernel_scores
    from encoded_ensembles.influence.observer import Observer

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (units, *SHAPE[1:], SHAPE[0]), np.uint8)
    images = rng.standard_normal((units, *SHAPE), dtype=np.float32)
    sample, each = rng.standard_normal((2, 1, *SHAPE)), np.arange(units)
    code = sized_keep(members=n, sizes=[n // 2], repeats=units, seed=0)
    estimate = rng.standard_normal((n, 1, *SHAPE), dtype=np.float32)
    projected = rng.standard_normal((units, DIMENSIONS), dtype=np.float32)
    found = {"likeness": clocked(lambda: nearest_units(sample[0], pixels, each))}

    def watch() -> None:
        order = nearest_units(sample[0], pixels, each)
        observer = Observer(images, each, code, order)
        for _ in range(LOW):
            observer.add(estimate)

    def trak(queries: int) -> float:
        damping = np.array([1.0])
        return clocked(lambda: kernel_scores(projected, projected[:queries], damping=damping))

    naming.SAMPLES, naming.MEMBERS = TESTED, n
    with tempfile.TemporaryDirectory() as folder:
        naming.write_inputs(Path(folder), units)
        test = clocked(lambda: naming.measure(Path(folder))) / TESTED
    found["named"] = clocked(watch) + test
    found["gradients"] = max(0.0, trak(1 + TESTED) - trak(1)) / TESTED  # the inverse comes before
    return found


def screened_units() -> float:
    """Return the number of units that a screened landscape ablates for a sample, as measured."""
    found = kept().get("screening.py", {}).get("figures", {})
    if "screening_units" in found:
        return float(found["screening_units"])
    if SMOKE:
        return 2.0
    raise SystemExit(f"{FIGURES} has no screening_units: run benchmarks/screening.py first.")


def costs(units: int, n: int) -> dict[str, Cost]:
    """Return the cost of each method with n members."""
    seconds = arithmetic(units, n)
    drawn, kept_members = n * STEPS, n - n // 2
    ablated = screened_units() + NULL
    drops = n * (n - 1) * STEPS
    trained = f"{n} trainings"
    return {
        "likeness in pixels": Cost("nothing", 0, 0, seconds["likeness"]),
        "TRAK, D-TRAK": Cost(
            f"1 training, {units * LEVELS:,} gradients", 0, LEVELS, seconds["gradients"]
        ),
        "units named": Cost(trained, drawn, 0, seconds["named"]),
        "screened landscape": Cost(
            trained,
            drawn + drops + round(ablated * kept_members * STEPS),
            0,
            seconds["named"],
        ),
        "exact landscape": Cost(trained, drawn + units * kept_members * STEPS, 0, 0.0),
    }


def main() -> None:
    """Measure, print the table and keep it, and draw it."""
    import pandas as pd

    evaluation, gradient = passes()
    rows = []
    for units, n in SIZES:
        for method, cost in costs(units, n).items():
            passed = evaluation * cost.evaluations + gradient * cost.gradients
            rows.append(
                {
                    "units": units, "method": method, "before": cost.before,
                    "evaluations": cost.evaluations, "gradients": cost.gradients,
                    "seconds": passed + cost.arithmetic,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows).round({"seconds": 4})
    print(table.to_string(index=False))
    table.to_csv(FIGURES.with_name("cost.csv"), index=False)
    draw(table)
    found = {
        f"cost_seconds_{method.split()[0].strip(',').lower()}_{units}_units": seconds
        for units, method, seconds in zip(
            table["units"], table["method"], table["seconds"], strict=True
        )
    }
    keep(
        {
            "cost_evaluation_ms": round(1e3 * evaluation, 3),
            "cost_gradient_ms": round(1e3 * gradient, 2),
        }
        | found
    )


def draw(table: "pd.DataFrame") -> None:
    """Draw the seconds of each method at both sizes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    def label(seconds: float) -> str:
        return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"

    fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
    for shift, (units, part) in zip((0.2, -0.2), table.groupby("units"), strict=True):
        places = np.arange(len(part))[::-1] + shift
        ax.barh(places, part["seconds"].clip(lower=1e-4), height=0.38, label=f"{units:,} units")
        for place, seconds in zip(places, part["seconds"], strict=True):
            ax.text(max(seconds, 1e-4) * 1.15, place, label(seconds), va="center", fontsize=7)
    ax.set_yticks(np.arange(len(part))[::-1], part["method"])
    ax.set(xscale="log", xlabel="processor seconds for one new sample, one thread")
    ax.set_xlim(right=12 * table["seconds"].max())
    ax.legend(frameon=False, fontsize=8)
    fig.savefig(DRAWINGS / "cost.png", dpi=150)


if __name__ == "__main__":
    main()
