"""The landscape at the machine's limit: member evaluations a second against a member's alone.

The limit is the rate of one member at its best batch size, nothing else running in the process. The
landscape has 128 units, 12 members of which 6 stay, and 16 samples.
"""

import statistics

from machine import SHAPE, in_turns, keep, members, sized

STEPS, TURNS = sized((2, 7), smoke=(1, 1))
UNITS, SAMPLES = sized((128, 16), smoke=(2, 2))
BATCHES = sized([64, 128, 256, 512, 1024], smoke=[2, 4])
ROWS = sized(4096, smoke=8)  # given to a member alone, in each turn


def main() -> None:
    """Measure both in turns."""
    import torch
    from encoded_ensembles.codes.masks import sized_keep
    from encoded_ensembles.ensemble.noise import draw_noise
    from encoded_ensembles.ensemble.sampling import sample
    from encoded_ensembles.members.device import choose_device

    cpu = choose_device("cpu")
    ensemble = members(12)
    keep_masks = sized_keep(members=12, sizes=[6], repeats=UNITS, seed=0)
    z = draw_noise(steps=STEPS, samples=SAMPLES, shape=SHAPE, seed=0)
    inputs = {batch: torch.randn(batch, *SHAPE) for batch in BATCHES}
    level = torch.tensor(500)

    def alone(batch: int) -> None:
        with torch.inference_mode():
            for turn in range(ROWS // batch):
                ensemble[turn % 12](inputs[batch], level)

    work = {str(batch): lambda batch=batch: alone(batch) for batch in BATCHES}
    work["landscape"] = lambda: sample(
        ensemble, keep=keep_masks, noise=z, sampler="ddpm", device=cpu
    )
    seconds = in_turns(work, turns=TURNS)
    evaluations = int(keep_masks.sum()) * SAMPLES * STEPS
    rates = {name: [ROWS / each for each in seconds[name]] for name in map(str, BATCHES)}
    best = max(rates, key=lambda name: statistics.median(rates[name]))
    ours = [evaluations / each for each in seconds["landscape"]]
    print(f"{'batch':>10} {'images/s':>9}")
    for name, each in (rates | {"landscape": ours}).items():
        print(f"{name:>10} {statistics.median(each):9,.0f}")
    share = statistics.median(a / b for a, b in zip(ours, rates[best], strict=True))
    keep(
        {
            "forward_best_batch": int(best),
            "forward_images_per_second": round(statistics.median(rates[best])),
            "landscape_fraction_of_limit": round(share, 3),
        }
    )


if __name__ == "__main__":
    main()
