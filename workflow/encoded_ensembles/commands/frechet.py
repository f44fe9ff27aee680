"""encens train-classifier and score-frechet."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options import every_block


def train_classifier(
    training: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    spare: Annotated[Path, Option(help="spare images, .npz of fetch-dataset")],
    heldout: Annotated[
        Path, Option(help="held-out images, .npz: only its accuracy is taken on them")
    ],
    samples: Annotated[
        int, Option(help="images in every scored set; so many spare ones are kept back")
    ],
    output: Annotated[Path, Option(help="output, .safetensors: weights")],
    facts: Annotated[Path, Option(help="output, .json: accuracy and what it was trained on")],
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Train the small classifier whose features stand in for Inception's."""
    from encoded_ensembles import frechet
    from encoded_ensembles.data import read_images
    from encoded_ensembles.device import choose_device
    from encoded_ensembles.files import write_facts

    where = choose_device(device)
    used, _ = frechet.share_spare(read_images(spare), read_images(training), samples=samples)
    model = frechet.train_classifier(used, device=where)
    share = frechet.accuracy(model, read_images(heldout), device=where)
    frechet.save_classifier(output, model)
    write_facts(facts, {"heldout_accuracy": share, "images": len(used)})


def score_frechet(
    blocks: Annotated[
        list[Path],
        Argument(
            help="all blocks, .npz of sample-frechet; 'FOLDER/samples.*-of-N.npz' in quotes stands for all N",
            callback=every_block,
        ),
    ],
    training: Annotated[Path, Option(help="training images, .npz of fetch-dataset")],
    spare: Annotated[Path, Option(help="spare images, .npz of fetch-dataset")],
    heldout: Annotated[Path, Option(help="held-out images, .npz: the reference")],
    samples: Annotated[int, Option(help="images in every scored set")],
    weight: Annotated[
        int, Option(help="w, members that see a unit: n-w are kept when it is ablated")
    ],
    output: Annotated[Path, Option(help="output, .parquet with .csv: one row per set of images")],
    classifier: Annotated[Path | None, Option(help="weights of train-classifier")] = None,
    inception: Annotated[
        Path | None, Option(help="the TorchScript file inception-2015-12-05.pt")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N")] = "auto",
) -> None:
    """Score sets of samples against held-out images: Frechet distance and KID.

    Features come from --inception, else from --classifier, else from the pixels; the column
    extractor says which. Columns: set (real, full, member, ablated, factual, subset), kept (members),
    keep (the mask), images, frechet, kid, extractor.
    """
    import numpy as np
    import pandas as pd

    from encoded_ensembles import frechet
    from encoded_ensembles.data import read_images
    from encoded_ensembles.device import choose_device
    from encoded_ensembles.files import read_arrays, write_table
    from encoded_ensembles.words import spell

    reference = read_images(heldout).images
    extractor = frechet.choose_extractor(
        reference, inception=inception, classifier=classifier, device=choose_device(device)
    )
    target = extractor.features(reference)
    _, real = frechet.share_spare(read_images(spare), read_images(training), samples=samples)
    sets = [("real", 0, "", real.images)]
    for block in map(read_arrays, blocks):
        for mask, images in zip(block["keep"], block["images"], strict=True):
            n, kept = len(mask) - 1, int(mask[:-1].sum())
            sizes = {n: "factual", 1: "member", n - weight: "ablated"}
            name = "full" if mask[-1] else sizes.get(kept, "subset")
            sets.append((name, kept, *spell(mask[None, :-1]), images))
    rows = []
    for name, kept, keep, images in sets:
        scores = frechet.score(np.asarray(extractor.features(images), np.float64), target)
        rows.append((name, kept, keep, len(images), *scores, extractor.name))
    table = pd.DataFrame(
        rows, columns=["set", "kept", "keep", "images", "frechet", "kid", "extractor"]
    )
    write_table(output, table.sort_values(["kept", "set", "keep"], ignore_index=True))
