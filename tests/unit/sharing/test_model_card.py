"""The model card: its header and its numbers."""

import numpy as np
import pytest
from encoded_ensembles.sharing import model_card
from huggingface_hub import ModelCard

CODE = np.array([[1, 1, 0], [0, 1, 1]], bool)
ABOUT = {
    "run": "mine",
    "units": "label",
    "distance": "FID (clean-fid)",
    "dataset": {
        "name": "digits", "origin": "scikit-learn", "licence": "CC", "shape": [8, 9, 1],
        "images": {"training": 7}, "sha256": {"training": "0" * 64},
    },
    "frechet": [
        {"set": "factual", "value": 12.3456, "images": 20},
        {"set": "full", "value": 7.0, "images": 20},
    ],
}  # fmt: skip


def test_the_header_carries_the_distance_of_all_members():
    data = ModelCard(model_card.model_card(ABOUT, CODE)).data
    assert (data.library_name, data.model_name) == ("diffusers", "mine")
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_name) == ("fid", "FID (clean-fid)")
    assert (result.metric_value, result.dataset_name) == (12.346, "digits")


def test_only_inception_makes_a_fid():
    about = ABOUT | {"distance": "Frechet distance (pixels)"}
    (result,) = ModelCard(model_card.model_card(about, CODE)).data.eval_results
    assert result.metric_type == "frechet-distance"


def test_the_numbers_of_the_run_are_in_the_text():
    text = model_card.model_card(ABOUT, CODE)
    for said in (
        "# mine\n", "ensemble of 3 diffusion models", "Each of its 2 training units", "7 images of 8x9 pixels",
        "in 2 units (by label)", "| all members | 12.35 |", "| the single-model baseline | 7.00 |", "20 samples each",
        "0" * 64, "arXiv:2306.02174",
    ):  # fmt: skip
        assert said in text
    assert "seen by\n2 of the members" in text
    uneven = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert "seen by\n1 to 2 of the members" in model_card.model_card(ABOUT, uneven)


def test_what_is_not_known_is_left_out():
    text = model_card.model_card({}, CODE)
    assert not ModelCard(text).data.eval_results
    for heading in ("## Training data", "## Distance from held-out images"):
        assert heading not in text
        assert heading in model_card.model_card(ABOUT, CODE)


@pytest.mark.parametrize(("key", "said"), [("adapters", "`members/base`"), ("latents", "`vae`")])
def test_networks_that_were_given_are_named(key, said):
    assert said in model_card.model_card(ABOUT | {key: True}, CODE)
    assert said not in model_card.model_card(ABOUT | {key: False}, CODE)
