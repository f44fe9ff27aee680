"""The batch of a member, and its order of memory: what is fastest at which size of images.

Three networks, at 8x8 (the default run's), 16x16 and 32x32. Each batch runs in turns, with the usual order
of memory and with channels-last; figures are medians of images a second over that of the best usual batch.
"""

import statistics
from functools import partial

from machine import in_turns, keep, sized

CASES = [
    ((1, 8, 8), [16, 32], sized((64, 128, 256, 512, 1024), smoke=(1, 2))),
    ((3, 16, 16), [32, 64], sized((16, 32, 64, 128, 256), smoke=(1, 2))),
    ((3, 32, 32), [32, 64, 64], sized((16, 32, 64), smoke=(1, 2))),
]
VALUES, TURNS = sized((2**16, 3), smoke=(2**11, 1))  # pixels given to a network in each turn


def main() -> None:
    """Measure each case in turns."""
    import torch
    from encoded_ensembles.ensemble.sampling import batch_of
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.members.network import build_unet, unet_config

    choose_device("cpu")
    figures: dict[str, float] = {}
    for shape, widths, batches in CASES:
        config = unet_config(shape=shape, widths=widths, layers_per_block=1, attention=False)
        usual = build_unet(config, seed=0).eval().requires_grad_(False)
        last = build_unet(config, seed=0).eval().requires_grad_(False)
        networks = {"": usual, "_channels_last": last.to(memory_format=torch.channels_last)}
        rows = VALUES // (shape[1] * shape[2])

        def run(network: torch.nn.Module, x: torch.Tensor, times: int) -> None:
            with torch.inference_mode():
                for _ in range(times):
                    network(x, 500)

        work = {
            (name, batch): partial(run, network, torch.zeros(batch, *shape), rows // batch)
            for name, network in networks.items()
            for batch in batches
        }
        seconds = in_turns(work, turns=TURNS)
        rates = {
            (name, batch): rows / statistics.median(seconds[name, batch]) for name, batch in work
        }
        best = max(rate for (name, _), rate in rates.items() if not name)
        side = shape[1]
        figures |= {
            f"batch_{batch}_of_{side}x{side}{name}": round(rate / best, 2)
            for (name, batch), rate in rates.items()
        }
        print(f"{side}x{side}: ours is {batch_of(shape, kind='cpu')}, the best does {best:,.0f}/s")
    keep(figures)


if __name__ == "__main__":
    main()
