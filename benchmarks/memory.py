"""Memory of a landscape job does not grow with its units: 60,000 of them in one block.

`ablate-block` runs whole, in a process of its own, on members that are a multiplication each: 20
members of which 10 stay, 16 samples of 16x16 pixels, one step. The block is a file of 937 MiB.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from machine import keep, sized

MEMBERS, SAMPLES, SHAPE = 20, 16, (1, 16, 16)
UNITS = sized((600, 60_000), smoke=(6,))


def ablate(folder: Path, units: int) -> None:
    """Run one block of `units` units, and print the process's peak memory as JSON."""
    import torch
    from encoded_ensembles.codes.masks import sized_keep
    from encoded_ensembles.commands import ablate_block
    from encoded_ensembles.ensemble import engine
    from encoded_ensembles.ensemble.noise import draw_noise
    from encoded_ensembles.storage.files import write_arrays, write_tensors

    class Tiny(torch.nn.Module):
        config = SimpleNamespace(num_class_embeds=None, in_channels=SHAPE[0], sample_size=SHAPE[1:])

        def forward(self, x: torch.Tensor, level: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(sample=0.9 * x)

    engine.load_placed = lambda folders, *_, **__: [Tiny()] * len(folders)
    code = sized_keep(members=MEMBERS, sizes=[MEMBERS // 2], repeats=units, seed=0)
    write_arrays(folder / "code.npz", {"code": code})
    z = draw_noise(steps=1, samples=SAMPLES, shape=SHAPE, seed=0)
    write_tensors(folder / "noise.safetensors", {"noise": z})
    block = folder / "block.safetensors"
    ablate_block.ablate_block(
        [folder] * MEMBERS, folder / "code.npz", folder / "noise.safetensors", "1-of-1", block
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": round(peak), "file_mb": block.stat().st_size >> 20}))


def main() -> None:
    """Run a small and the large block, each in a process of its own."""
    found = {}
    for units in UNITS:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, __file__, folder, str(units)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
        figures = json.loads(done.stdout)
        print(f"{units:7,} units: a block of {figures['file_mb']} MB, peak {figures['peak_mb']} MB")
        found[f"landscape_peak_mb_{units}_units"] = figures["peak_mb"]
    keep(found)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ablate(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
