"""encens screen-block: the largest distances of some samples' landscapes, from few ablations."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.files import Code, Contrast, Samples
from encoded_ensembles.commands.options.sampling import Block, Members, Noise, Sampling, share_of
from encoded_ensembles.commands.options.spread import spread

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.ensemble.screening import Search


@spread
def screen_block(
    members: Members,
    code: Code,
    noise: Noise,
    samples: Samples,
    contrast: Contrast,
    block: Block,
    output: Annotated[
        Path,
        Option(
            help="output, .safetensors: unit (P,), sample (P,), counterfactual (P, C, H, W); screened (b,), predicted (b, U), missed (b,), evaluations (b,)"
        ),
    ],
    sampling: Sampling,
    top: Annotated[int, Option(help="number of largest distances to find")] = 10,
    missed: Annotated[
        float, Option(help="stop when the expected number of missed ones is at most this")
    ] = 0.5,
    budget: Annotated[
        float,
        Option(
            help="most evaluations, as a share of those of the exact landscape; null code words count in neither"
        ),
    ] = 0.15,
) -> None:
    """Ablate the units that move each sample of a block most, and predict the others' distances.

    The ablated units are those of largest predicted distance, until few of the `top` are expected to
    be missed, and the `top` units of largest joint score. screened: numbers of the block's samples;
    predicted: distance of every unit; missed: expected number of missed units of the `top`;
    evaluations: of a member at each step, for the sample, of which the null code words are a part.
    """
    import numpy as np

    from encoded_ensembles.codes.masks import ablation_keep
    from encoded_ensembles.ensemble.engine import check_columns, prepare
    from encoded_ensembles.ensemble.sampling import at_once, sample, sample_pairs
    from encoded_ensembles.ensemble.screening import screen
    from encoded_ensembles.storage.files import read_arrays, write_tensors
    from encoded_ensembles.storage.large_tensors import LargeTensor, read_tensor

    words = read_arrays(code)
    matrix, null = check_columns(words["code"], members), words["null_words"]
    every = read_tensor(samples, "factual")
    number, blocks = share_of(block)
    block_samples = np.array_split(np.arange(len(every)), blocks)[number]
    factual = every[block_samples]
    pairs: dict[str, list[np.ndarray]] = {"unit": [], "sample": [], "counterfactual": []}
    if not len(block_samples):  # more blocks than samples
        write_tensors(output, _gathered(pairs, factual) | _summary([], block_samples, matrix))
        return
    label = f"block {block}"
    engine = prepare(members, noise, label=label, **vars(sampling))
    own_noise = np.stack([step[block_samples] for step in engine["noise"]])
    engine |= {"noise": own_noise, "numbers": block_samples}
    trajectories = at_once(factual.shape[1:], limit=8192)
    dropped = sample(keep=~np.eye(len(members), dtype=bool), **engine)
    nulls = np.stack([each[block_samples] for each in LargeTensor(samples, "null")])
    known = np.concatenate([factual[None], dropped, nulls]) - factual
    searches = _searches(
        known, matrix, null, _largest_scores(contrast, block_samples, top), (top, missed, budget)
    )

    def ablate(units: "np.ndarray", which: "np.ndarray") -> "np.ndarray":
        groups = sample_pairs(
            keep=ablation_keep(matrix[units]), which=which, trajectories=trajectories, **engine
        )
        counterfactuals = np.concatenate(list(groups))
        for name, each in {
            "unit": units,
            "sample": block_samples[which],
            "counterfactual": counterfactuals,
        }.items():
            pairs[name].append(each)
        return (counterfactuals - factual[which]).reshape(len(counterfactuals), -1)

    screen(searches, ablate)
    write_tensors(output, _gathered(pairs, factual) | _summary(searches, block_samples, matrix))


def _searches(
    known: "np.ndarray",
    code: "np.ndarray",
    null_words: "np.ndarray",
    wanted: "list[np.ndarray]",
    aim: tuple[int, float, float],
) -> "list[Search]":
    """Return a new search for each sample.

    Args:
        known: (1+n+R, B, C, H, W), displacements of `screening.known_words`.
        code: (U, n) bool.
        null_words: (R, n) bool.
        wanted: for each sample, the units that are always ablated.
        aim: top, missed and budget.
    """
    from encoded_ensembles.ensemble.screening import Aim, Search, most_units

    (units, members), (top, missed, budget) = code.shape, aim
    limit = most_units(
        units=units, members=members, weight=int(code[0].sum()), budget=budget, least=2 * top
    )
    criterion = Aim(top=top, missed=missed, most=limit)
    return [
        Search(displacements, code=code, null_words=null_words, wanted=always, aim=criterion)
        for displacements, always in zip(
            known.reshape(*known.shape[:2], -1).swapaxes(0, 1), wanted, strict=True
        )
    ]


def _largest_scores(contrast: Path, samples: "np.ndarray", top: int) -> "list[np.ndarray]":
    """Return the units of largest joint score of each sample, at most `top` of them."""
    from encoded_ensembles.storage.files import read_table

    table = read_table(contrast, columns=["sample", "unit", "joint_rank"])
    best = table[table["joint_rank"] <= top].sort_values("joint_rank")
    return [best.loc[best["sample"] == b, "unit"].to_numpy() for b in samples]


def _gathered(
    pairs: "dict[str, list[np.ndarray]]", factual: "np.ndarray"
) -> "dict[str, np.ndarray]":
    """Return the ablated pairs as arrays, sorted by sample, then unit; empty without samples."""
    import numpy as np

    if not pairs["unit"]:
        none = np.zeros(0, np.int64)
        return {"unit": none, "sample": none, "counterfactual": factual[:0]}
    arrays = {name: np.concatenate(each) for name, each in pairs.items()}
    order = np.lexsort((arrays["unit"], arrays["sample"]))
    return {name: each[order] for name, each in arrays.items()}


def _summary(searches: "list[Search]", samples: "np.ndarray", code: "np.ndarray") -> dict[str, Any]:
    """Return the summary of each sample of the block."""
    import numpy as np

    (units, n), weight = code.shape, int(code[0].sum())
    return {
        "screened": samples,
        "predicted": np.array([each.predicted for each in searches]).reshape(-1, units),
        "missed": np.array([each.missed for each in searches]),
        "evaluations": np.array(
            # Of a known word of weight w; all but the empty one and those of single members.
            [n * (n - 1) + (n - weight) * (len(each.known) - 1 - n) for each in searches],
            np.int64,
        ),
    }
