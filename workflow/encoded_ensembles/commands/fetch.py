"""encens fetch-dataset."""

from pathlib import Path
from typing import Annotated

from typer import Option


def fetch_dataset(
    name: Annotated[str, Option(help="digits, mnist5k, fashion-mnist or folder")],
    training: Annotated[Path, Option(help="output, .npz: the images members train on")],
    heldout: Annotated[Path, Option(help="output, .npz: the images held out for evaluation")],
    spare: Annotated[Path, Option(help="output, .npz: what is left, for the feature classifier")],
    facts: Annotated[Path, Option(help="output, .json: origin, licence, counts, digests")],
    images: Annotated[
        int | None, Option(help="images to train on; all that are left if absent")
    ] = None,
    heldout_images: Annotated[int, Option(help="images to hold out")] = 0,
    spare_images: Annotated[int, Option(help="spare images at most")] = 0,
    size: Annotated[int | None, Option(help="side in pixels; the data set's if absent")] = None,
    channels: Annotated[
        int | None, Option(help="1 grey, 3 colour; the data set's if absent")
    ] = None,
    path: Annotated[
        Path | None, Option(help="folder of pictures or of the data set's files")
    ] = None,
    mirror: Annotated[str | None, Option(help="address to download from")] = None,
    cache: Annotated[Path, Option(help="folder for downloads")] = Path("resources"),
    seed: Annotated[int, Option(help="seed of the choice of images")] = 0,
) -> None:
    """Write a data set's images in the canonical format: training, held-out and spare.

    Each .npz holds images (N, H, W, C) uint8, labels (N,) int64, label_names (L,), names (N,) and
    the sha256 of the content; nothing is pickled.
    """
    from encoded_ensembles.data import ImageSet, choose, resize, write_images
    from encoded_ensembles.datasets import DATASETS, read_folder
    from encoded_ensembles.files import InputError, write_json

    if name == "folder":
        if path is None or size is None:
            raise InputError("--name folder needs --path and --size.")
        source = read_folder(path, size=size, channels=channels or 3)
    elif name in DATASETS:
        source = DATASETS[name](path, cache, mirror)
    else:
        raise InputError(f"--name is {name}, expected folder, {', '.join(DATASETS)}.")
    index = choose(source, images=images, heldout=heldout_images, spare=spare_images, seed=seed)
    counts, digests = {}, {}
    for part, file, rows in zip(
        ("training", "heldout", "spare"), (training, heldout, spare), index, strict=True
    ):
        taken = source.all.take(rows)
        pixels = resize(taken.images, size=size, channels=channels)
        digests[part] = write_images(
            file, ImageSet(pixels, taken.labels, taken.label_names, taken.names)
        )
        counts[part] = len(rows)
        shape = pixels.shape[1:]
    write_json(
        facts,
        {
            "name": name,
            "origin": source.origin,
            "licence": source.licence,
            "shape": list(shape),
            "images": counts,
            "sha256": digests,
        },
    )
