"""Given pictures: effects beside those on held-out pictures, and the positive control."""

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.influence import queries
from encoded_ensembles.influence.observer import Observer
from made_evidence import free, made


def test_the_share_of_heldout_pictures_by_hand():
    share = queries.share_reached(np.array([[0.5, 2.0], [3.0, 9.0]]), np.array([3.0, 1.0, 2.0]))
    assert share.tolist() == [[1.0, 3 / 4], [2 / 4, 1 / 4]]
    assert queries.share_reached(np.array([5.0]), np.zeros(0)).tolist() == [1.0]


def test_a_unit_is_close_if_it_is_attributed_and_its_effect_is_large():
    arrays, _, estimate, images, order = made(effect=0.8)
    observer = Observer(images[:20], np.arange(20), arrays["code"], order, single=True)
    observer.add(estimate)
    observed, words = observer.observed(), free(arrays)
    pairs, said = queries.query_tables(
        observed, arrays, words, level=0.05, reference=np.full(39, 1.0)
    )
    own = pairs[pairs["sample"] == pairs["unit"]]
    assert own["attributed"].all()
    assert own["close"].all()
    assert (own["heldout_share"] == 1 / 40).all()
    assert (said["close"] >= 1).all()
    # The contrast of pulls without a scale: 0.8 of the distance, in the values of images.
    assert (own["effect"] > 1).all()
    few, _ = queries.query_tables(observed, arrays, words, level=0.05, reference=np.full(9, 1.0))
    assert not few["close"].any()  # 1 / 10 at least


def test_a_heldout_picture_is_compared_with_the_others():
    """By hand: two held-out pictures, of which the second has the larger effects."""
    arrays, _, estimate, images, order = made(effect=0.8)
    observer = Observer(images[:20], np.arange(20), arrays["code"], order, single=True)
    observer.add(estimate)
    reference = np.array([False, False, True, True])
    pairs, _ = queries.query_tables(
        observer.observed(), arrays, free(arrays), level=0.05, reference=reference
    )
    effect, share = (
        pairs.pivot_table(index="unit", columns="sample", values=name).to_numpy()
        for name in ("effect", "heldout_share")
    )
    largest = effect.max(axis=0)
    for picture, other in ((2, 3), (3, 2)):
        assert share[:, picture] == pytest.approx((1 + (effect[:, picture] <= largest[other])) / 2)
    for picture in (0, 1):
        reached = sum(effect[:, picture] <= largest[other] for other in (2, 3))
        assert share[:, picture] == pytest.approx((1 + reached) / 3)


def test_it_is_said_where_no_picture_can_be_close():
    """With 18 held-out images the smallest share is 1 / 19, above 5 %."""
    said = [queries.closeness(0, heldout=heldout, level=0.05) for heldout in (18, 19)]
    assert said == [
        "close to none: that takes 19 held-out images, and this run has 18",
        "close to none",
    ]
    assert queries.closeness(3, heldout=19, level=0.05) == "close to 3"


def test_the_positive_control_counts_pictures_that_name_themselves():
    rows = [(sample, unit, unit == sample) for sample in range(3) for unit in range(3)]
    pairs = pd.DataFrame(rows, columns=["sample", "unit", "attributed"])
    own = queries.names_itself(pairs, {0: 0, 1: 2})
    assert own.tolist() == [True, False, False]
    said = pd.DataFrame(
        {"kind": ["training", "training", "heldout"], "own": own, "close": [1, 0, 0]}
    )
    said["answer"] = ["units", "units", "group"]
    assert queries.control_facts(said) == {
        "training": {
            "pictures": 2,
            "close": 1,
            "units": 2,
            "group": 0,
            "nothing": 0,
            "themselves": 1,
        },
        "heldout": {"pictures": 1, "close": 0, "units": 0, "group": 1, "nothing": 0},
    }


def test_effects_need_pulls_without_a_scale():
    arrays, observed, *_ = made(effect=0.2)
    with pytest.raises(AssertionError):
        queries.query_tables(observed, arrays, free(arrays), level=0.05, reference=np.ones(3))
