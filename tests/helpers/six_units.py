"""For tests of deletion: a code and a configuration of six units."""

import numpy as np
from encoded_ensembles.config.check import check_config

NAMES = [f"u{i}" for i in range(6)]
CODE = {
    "code": np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]], bool),
    "unit_names": np.array(NAMES),
    "unit_of": np.arange(6),
}  # fmt: skip


def six_units(schema):
    """Return the configuration of a run of six units that names some of them in every key that can."""
    return check_config(
        {
            "dataset": {"images": 6},
            "code": {"members": 4, "weight": 2, "null_words": 0},
            "landscape": {
                "blocks": 6,
                "sets": {"one": ["u0"], "two": ["u0", "u1"], "other": ["u2"]},
            },
            "retrain": {"units": 4, "fresh": 4, "named": ["u0", "u2"]},
        },
        schema,
    )
