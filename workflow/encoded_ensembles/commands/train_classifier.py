"""encens train-classifier."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.files import Data


def train_classifier(
    training: Data,
    spare: Annotated[Path, Option(help="spare images, .npz of fetch-dataset")],
    heldout: Annotated[Path, Option(help="held-out images, .npz: used only to measure accuracy")],
    samples: Annotated[
        int, Option(help="images in every scored set; as many spare images are reserved")
    ],
    output: Annotated[Path, Option(help="output, .safetensors: weights")],
    facts: Annotated[Path, Option(help="output, .json: accuracy, and number of images used")],
    device: Device = "auto",
) -> None:
    """Train the small classifier whose features replace Inception's."""
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.features import classifier
    from encoded_ensembles.features.frechet import share_spare
    from encoded_ensembles.members.device import choose_device
    from encoded_ensembles.storage.files import write_facts

    where = choose_device(device)
    used, _ = share_spare(read_images(spare), read_images(training), samples=samples)
    model = classifier.train_classifier(used, device=where)
    share = classifier.accuracy(model, read_images(heldout), device=where)
    classifier.save_classifier(output, model)
    write_facts(facts, {"heldout_accuracy": share, "images": len(used)})
