"""Made evidence: members that pull sample b towards unit b, for tests of naming."""

import numpy as np
from encoded_ensembles.codes import encode
from encoded_ensembles.codes.assignment import free_words
from encoded_ensembles.codes.families import Family
from encoded_ensembles.influence.observer import Observer

MEMBERS = 10
FAMILY = Family("random", MEMBERS, 5)


def made(*, effect, samples=4, units=20, seed=0):
    """Return code, null words, and what members do that pull sample b towards unit b."""
    rng = np.random.default_rng(seed)
    names = [f"u{unit:03d}" for unit in range(units)]
    code, null, _ = encode.encode(names, FAMILY, null_words=5, seed=seed)
    images = rng.normal(size=(units + 12, 1, 4, 4)).astype(np.float32)
    centre = images[:samples] + rng.normal(size=(samples, 1, 4, 4))
    estimate = centre + 0.3 * rng.normal(size=(MEMBERS, samples, 1, 4, 4))
    for unit in range(samples):
        estimate[code[unit], unit] += effect * (images[unit] - centre[unit])
    order = np.stack([np.roll(np.arange(units), -sample) for sample in range(samples)])
    observer = Observer(images[:units], np.arange(units), code, order)
    observer.add(estimate)
    arrays = {"code": code, "null_words": null, "unit_of": np.arange(units),
              "unit_names": np.array(names), "family": np.array("random"),
              "distance": np.array(2)}  # fmt: skip
    return arrays, observer.observed(), estimate, images, order


def free(arrays):
    return free_words(arrays["code"], family=FAMILY, limit=10_000)
