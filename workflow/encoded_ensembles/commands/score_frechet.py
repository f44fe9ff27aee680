"""encens score-frechet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.blocks import every_block
from encoded_ensembles.commands.options.features import Classifier, Device, Inception
from encoded_ensembles.commands.options.files import Data

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np


def score_frechet(
    blocks: Annotated[
        list[Path],
        Argument(
            help="all blocks, .npz of sample-frechet; 'FOLDER/samples.*-of-N.npz' in quotes stands for all N",
            callback=every_block,
        ),
    ],
    training: Data,
    spare: Annotated[Path, Option(help="spare images, .npz of fetch-dataset")],
    heldout: Annotated[Path, Option(help="held-out images, .npz: the reference")],
    samples: Annotated[int, Option(help="images in every scored set")],
    weight: Annotated[
        int, Option(help="w, members that see a unit: n-w are kept when it is ablated")
    ],
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per set of images")],
    pictures: Annotated[
        Path, Option(help="output, .npz: the first images of each set, one row per set")
    ],
    classifier: Classifier = None,
    inception: Inception = None,
    device: Device = "auto",
) -> None:
    """Score sets of samples against held-out images: Frechet distance and KID.

    Features come from --inception, else from --classifier, else from the pixels; the column
    extractor names the source. Columns: set (real, full, member, ablated, factual, subset), kept
    (members), keep (the mask), images, frechet, frechet_error, kid_1000, kid_1000_error, reference
    (held-out images), features, singular (no more images than features), extractor.
    """
    from itertools import chain

    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.features import extractors, frechet
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.storage.files import write_arrays, write_table

    reference = read_images(heldout).images
    extractor = extractors.choose_extractor(
        reference, inception=inception, classifier=classifier, device=choose_device(device)
    )
    target = extractor.features(reference)
    _, real = frechet.share_spare(read_images(spare), read_images(training), samples=samples)
    sets = chain([(("real", 0, ""), real.images)], _sets(blocks, weight))
    rows, shown = [], []
    for (name, kept, keep), images in sets:
        features = np.asarray(extractor.features(images), np.float64)
        scores = frechet.score(features, target, inception=extractor.name == "inception")
        description = {"set": name, "kept": kept, "keep": keep, "images": len(images)}
        rows.append(description | scores._asdict() | {"extractor": extractor.name})
        shown.append(images[: frechet.SHOWN].copy())
    table = pd.DataFrame(rows).sort_values(["kept", "set", "keep"])
    count = min(map(len, shown))
    write_arrays(pictures, {"images": np.stack([shown[row][:count] for row in table.index])})
    write_table(output, table.reset_index(drop=True))
    print(*(frechet.in_words(rows[row]) for row in table.index), frechet.caution(table), sep="\n")


def _sets(blocks: list[Path], weight: int) -> "Iterator[tuple[tuple[str, int, str], np.ndarray]]":
    """Yield each set of samples as (set, kept, keep) and its images, with one block in memory."""
    for file in blocks:
        yield from _sets_of(file, weight)


def _sets_of(file: Path, weight: int) -> "Iterator[tuple[tuple[str, int, str], np.ndarray]]":
    """Yield the sets of a block, with copies of their images: a view would keep the block."""
    from encoded_ensembles.codes.words import spell
    from encoded_ensembles.storage.files import read_arrays

    block = read_arrays(file)
    for mask, images in zip(block["keep"], block["images"], strict=True):
        n, kept = len(mask) - 1, int(mask[:-1].sum())
        sizes = {n: "factual", 1: "member", n - weight: "ablated"}
        name = "full" if mask[-1] else sizes.get(kept, "subset")
        yield (name, kept, spell(mask[None, :-1])[0]), images.copy()
