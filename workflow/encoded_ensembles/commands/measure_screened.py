"""encens measure-screened: influence if only some units were ablated, and the others predicted."""

from pathlib import Path
from typing import TYPE_CHECKING

from encoded_ensembles.commands.options.blocks import Blocks
from encoded_ensembles.commands.options.files import (
    Code,
    Contrast,
    Samples,
)
from encoded_ensembles.commands.options.tables import (
    AliasingTable,
    NullTable,
    PairTable,
    SampleTable,
)

if TYPE_CHECKING:
    import numpy as np


def measure_screened(
    blocks: Blocks,
    code: Code,
    samples: Samples,
    contrast: Contrast,
    influence: PairTable,
    null: NullTable,
    radius: SampleTable,
    aliasing: AliasingTable,
) -> None:
    """Measure how each unit's ablation moves each sample, if most distances are predicted.

    The tables are those of measure-influence, with the statistics distance and contrast; the column
    `exact` says whether a distance was measured or is predicted. radius: of the ablated units, with
    the columns missed (expected number of the largest distances that are missed) and evaluations (of
    a member at each step, with those of null code words). aliasing: of null code words.
    """
    import numpy as np

    from encoded_ensembles.influence import ablation as measure
    from encoded_ensembles.influence.calibration import p_and_z
    from encoded_ensembles.influence.tables import (
        aliasing_table,
        influence_table,
        null_table,
        radius_table,
    )
    from encoded_ensembles.storage.files import read_arrays, write_table
    from encoded_ensembles.storage.large_tensors import read_tensor
    from encoded_ensembles.storage.tensor_parts import PartedTensor

    arrays = read_arrays(code)
    factual, moved = read_tensor(samples, "factual"), PartedTensor(samples, "null")
    nulls = np.concatenate([measure.distances(factual, each[None]) for each in moved])
    distance, exact, facts = _gather(blocks, factual, units=len(arrays["unit_names"]))
    statistic = (distance, *p_and_z(distance, nulls.T))
    shape = factual.shape[1:]
    write_table(
        influence,
        influence_table({"distance": statistic}, arrays["unit_names"], contrast, shape, exact),
    )
    write_table(null, null_table({"distance": nulls}))
    table = radius_table(np.where(exact, distance, 0), nulls, shape)
    write_table(radius, table.assign(**facts))
    displacements = (moved[:, sample] - each for sample, each in enumerate(factual))
    write_table(aliasing, aliasing_table(displacements, arrays["null_words"]))


def _gather(
    blocks: list[Path], factual: "np.ndarray", *, units: int
) -> "tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]":
    """Return distances (U, B), which of them are exact (U, B), and the facts of each sample.

    Raises:
        InputError: a sample is in no block.
    """
    import numpy as np

    from encoded_ensembles.influence.ablation import distances
    from encoded_ensembles.storage.files import InputError, read_tensors
    from encoded_ensembles.storage.large_tensors import LargeTensor

    count = len(factual)
    distance, exact = np.full((units, count), np.nan), np.zeros((units, count), bool)
    facts = {"missed": np.zeros(count), "evaluations": np.zeros(count, np.int64)}
    for file in blocks:
        part = read_tensors(file, names=["screened", "predicted", *facts])
        distance[:, part["screened"]] = part["predicted"].T
        for name, values in facts.items():
            values[part["screened"]] = part[name]
    for file in blocks:
        part = read_tensors(file, names=["unit", "sample"])
        pictures = LargeTensor(file, "counterfactual")
        for unit, sample, picture in zip(part["unit"], part["sample"], pictures, strict=True):
            distance[unit, sample] = distances(factual[sample, None], picture[None, None])[0, 0]
            exact[unit, sample] = True
    if np.isnan(distance).any():
        missing = int(np.isnan(distance).any(axis=0).argmax())
        raise InputError(
            f"sample {missing} is in no block of the landscape, expected all blocks "
            f"({len(blocks)} were given); pass all of them."
        )
    return distance, exact, facts
