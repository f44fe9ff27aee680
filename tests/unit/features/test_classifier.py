"""The classifier whose features compare images where there is no Inception network."""

import pytest
import torch
from bright_images import image_set
from encoded_ensembles.features import classifier, extractors
from encoded_ensembles.storage.files import InputError

CPU = torch.device("cpu")


def test_classifier_learns_saves_and_loads(tmp_path):
    images = image_set(120)
    model = classifier.train_classifier(images, device=CPU)
    assert classifier.accuracy(model, image_set(60, seed=1), device=CPU) > 0.9
    classifier.save_classifier(tmp_path / "c.safetensors", model)
    extractor = extractors.classifier_extractor(tmp_path / "c.safetensors", shape=(1, 8, 8))
    features = extractor.features(images.images)
    assert features.shape == (120, 64)
    again = classifier.train_classifier(images, device=CPU)
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )


def test_classifier_needs_two_labels():
    with pytest.raises(InputError, match=r"set frechet.extractor to pixels"):
        classifier.train_classifier(image_set(10, classes=1), device=CPU)


def test_the_seed_and_the_epochs_decide_the_classifier():
    images = image_set(40)
    first, seeded, longer = (
        classifier.train_classifier(images, device=CPU, **options)[1].weight
        for options in ({"epochs": 1}, {"epochs": 1, "seed": 1}, {"epochs": 2})
    )
    assert not torch.equal(first, seeded)
    assert not torch.equal(first, longer)
