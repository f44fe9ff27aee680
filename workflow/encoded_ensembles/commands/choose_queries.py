"""encens choose-queries: pictures to attribute that the ensemble did not sample."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.files import Code, Data, Heldout

QUERY = 1  # counter of the choice


def choose_queries(
    data: Data,
    heldout: Heldout,
    code: Code,
    output: Annotated[Path, Option(help="output, .npz: pictures with their kind as label")],
    folder: Annotated[
        Path | None, Option(help="folder of pictures to attribute; none if absent")
    ] = None,
    training_images: Annotated[
        int, Option(help="units of which one training image is attributed, as a positive control")
    ] = 24,
    heldout_images: Annotated[
        int, Option(help="held-out images that are attributed, as a reference")
    ] = 24,
    border: Annotated[int, Option(help="pixels around training images")] = 0,
    seed: Annotated[int, Option(help="seed of the choice")] = 0,
) -> None:
    """Choose training images and held-out images, and read the pictures of a folder like these.

    The kind is training, heldout or given. Held-out images are the last ones: the first are decoys.
    """
    import numpy as np

    from encoded_ensembles.data.images import ImageSet, read_images, write_images
    from encoded_ensembles.data.likeness import by_unit
    from encoded_ensembles.data.sources.folder import list_folder
    from encoded_ensembles.data.sources.given_files import read_files
    from encoded_ensembles.randomness import Purpose, turns
    from encoded_ensembles.storage.files import InputError, read_arrays

    own, others = read_images(data), read_images(heldout)
    arrays = read_arrays(code)
    order, starts, _ = by_unit(arrays["unit_of"])
    drawn = turns(
        arrays["unit_names"].tolist(), seed=seed, purpose=Purpose.SELECTION, counter=QUERY
    )
    chosen = np.sort(np.argsort(drawn, kind="stable")[:training_images])
    rows = order[starts[chosen]]
    kept = max(0, len(others) - heldout_images)
    parts = {
        "training": (own.images[rows], own.names[rows]),
        "heldout": (others.images[kept:], others.names[kept:]),
    }
    if folder:
        files = list_folder(folder).pictures
        if not files:
            raise InputError(
                f"queries.folder is {folder}, which holds no picture, expected at least one."
            )
        images = read_files(files, shape=own.images.shape[1:], border=border)
        parts["given"] = (images, np.array([f.relative_to(folder).as_posix() for f in files]))
    kinds = list(parts)
    write_images(
        output,
        ImageSet(
            np.concatenate([images for images, _ in parts.values()]),
            np.repeat(np.arange(len(kinds)), [len(images) for images, _ in parts.values()]),
            np.array(kinds),
            np.array([f"{kind}/{name}" for kind, (_, names) in parts.items() for name in names]),
        ),
    )
