"""encens import-universe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.figures import Attributed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

BLOCK_BYTES = 2**26  # size of the counterfactuals in one file of an imported landscape
SHOWN = 4  # samples in the figures of an imported universe


def import_universe(
    universe: Annotated[Path, Argument(help="universe, .ctf")],
    output: Annotated[Path, Option(help="output folder, without files")],
    floats: Annotated[
        Path | None, Option(help="the numbers before rounding, .npz of export-universe")
    ] = None,
    words: Annotated[
        Path | None,
        Option(help="code words: .npz of encode-units, or .csv with a row of 0 and 1 per unit"),
    ] = None,
    limit: Annotated[float, Option(help="largest size of its counterfactuals on disk, GB")] = 8.0,
    attributed: Attributed = 0.05,
) -> None:
    """Read a universe and compute its radius, influence and false attribution.

    The folder is laid out like a run: data/training.npz, code/code.npz, samples/, landscape/,
    influence/{influence,radius,null,false_attribution} and figures/. A universe holds no code words and
    no null ones: p-values of distances are 1. With --words, the effects of members are fitted to the
    landscape, and contrast/{contrast,answers} say which units each sample is attributed to.
    """
    import numpy as np

    from encoded_ensembles.codes.given_words import read_code_words
    from encoded_ensembles.data.images import ImageSet, to_signed, write_images
    from encoded_ensembles.influence.member_effects import solve_words
    from encoded_ensembles.runs import layout
    from encoded_ensembles.sharing.universe import open_universe
    from encoded_ensembles.storage.files import (
        InputError,
        sha256_file,
        write_arrays,
        write_json,
        write_tensors,
    )

    if held := next((file for file in output.rglob("*") if not file.is_dir()), None):
        raise InputError(
            f"--output is {output}, which holds {held.relative_to(output)}, expected a folder without "
            "files; name another, or delete it."
        )
    with open_universe(universe) as opened:
        count = opened.units * opened.samples * int(np.prod(opened.shape))
        if 4 * count > limit * 1e9:
            raise InputError(
                f"{universe} has {4 * count / 1e9:.1f} GB of counterfactuals, expected at most "
                f"{limit} GB; allow more with --limit."
            )
        images, unit_of = opened.training()
        factual = to_signed(opened.factual())
        no_words = np.zeros((opened.units, 0), bool)
        code = {"code": no_words, "null_words": no_words[:0]}
        if words:
            code = read_code_words(words, units=opened.units)
            if opened.training_shape != opened.shape:
                raise InputError(
                    f"training images have shape {opened.training_shape} and samples {opened.shape}, "
                    "expected the same to attribute samples; leave out --words."
                )
            solve_words(code["code"])  # refused before anything is written
        names = np.array([f"unit-{unit:06d}" for unit in range(1, opened.units + 1)])
        counterfactuals: Iterable[np.ndarray] = map(to_signed, opened.counterfactuals())
        if floats:
            names, factual, counterfactuals = _exact(floats, names, factual, counterfactuals)
        write_images(
            output / layout.TRAINING,
            ImageSet(
                images, np.zeros(len(images), np.int64), np.array(["unknown"]),
                np.array([f"{names[unit]}/{n:06d}" for n, unit in enumerate(unit_of)]),
            ),
        )  # fmt: skip
        code |= {"unit_of": unit_of, "unit_names": names}
        write_arrays(output / layout.CODE, code)
        write_tensors(
            output / layout.SAMPLES,
            {"factual": factual, "null": np.zeros((0, *factual.shape), np.float32)},
        )
        per_block = max(1, BLOCK_BYTES // factual.nbytes)
        distance, after = _walk(
            counterfactuals, factual, images, unit_of, output / layout.LANDSCAPE, per_block
        )
    write_json(output / "universe.json", {"file": str(universe), "sha256": sha256_file(universe)})
    _tables(output, distance, after, factual, images, unit_of, names)
    if words:
        _attribute(output, code, factual, images, attributed)
    _figures(output, len(factual))
    print(f"tables: {output / 'influence'}, figures: {output / 'figures'}")


def _exact(
    floats: Path,
    names: "np.ndarray",
    factual: "np.ndarray",
    counterfactuals: "Iterable[np.ndarray]",
) -> "tuple[np.ndarray, np.ndarray, Iterator[np.ndarray]]":
    """Return the names and numbers of the .npz, which must round to those of the universe.

    Raises:
        InputError: they do not, so they are of another universe.
    """
    import numpy as np

    from encoded_ensembles.data.images import to_bytes
    from encoded_ensembles.storage.files import InputError, read_arrays

    arrays = read_arrays(floats)
    wrong = InputError(
        f"--floats is {floats}, which does not round to the pictures of this universe; name the file "
        "that export-universe wrote with it."
    )
    shapes = {"unit_names": names.shape, "factual": factual.shape,
              "counterfactuals": (len(names), *factual.shape)}  # fmt: skip
    if {name: array.shape for name, array in arrays.items()} != shapes:
        raise wrong

    def same(exact: np.ndarray, sheet: np.ndarray) -> np.ndarray:
        if not np.array_equal(to_bytes(exact), to_bytes(sheet)):
            raise wrong
        return exact

    exact = zip(arrays["counterfactuals"], counterfactuals, strict=True)
    return arrays["unit_names"], same(arrays["factual"], factual), (same(*both) for both in exact)


def _walk(
    counterfactuals: "Iterable[np.ndarray]",
    factual: "np.ndarray",
    images: "np.ndarray",
    unit_of: "np.ndarray",
    folder: Path,
    per_block: int,
) -> "tuple[np.ndarray, np.ndarray | None]":
    """Write the landscape, and return distances (U, B) and the unit nearest to each counterfactual.

    The nearest units are None if training images and samples differ in shape.
    """
    from itertools import islice

    import numpy as np

    from encoded_ensembles.data.images import to_rows
    from encoded_ensembles.data.likeness import nearest_unit
    from encoded_ensembles.influence.ablation import distances
    from encoded_ensembles.storage.files import write_tensors

    units = int(unit_of.max()) + 1
    training = to_rows(images)
    comparable = training.shape[1] == factual[0].size and images.shape[1] == factual.shape[2]
    distance, nearest = [], []
    source = iter(counterfactuals)
    for first in range(0, units, per_block):
        block = np.stack(list(islice(source, per_block)))
        write_tensors(
            folder / f"{first // per_block + 1}-of-{-(-units // per_block)}.safetensors",
            {"units": np.arange(first, first + len(block)), "counterfactuals": block},
        )
        distance.append(distances(factual, block))
        if comparable:
            points = block.reshape(-1, training.shape[1])
            nearest.append(nearest_unit(points, training, unit_of).reshape(len(block), -1))
    return np.concatenate(distance), np.concatenate(nearest) if comparable else None


def _tables(
    output: Path,
    distance: "np.ndarray",
    nearest: "np.ndarray | None",
    factual: "np.ndarray",
    images: "np.ndarray",
    unit_of: "np.ndarray",
    names: "np.ndarray",
) -> None:
    """Write influence, radius, null and false_attribution."""
    import numpy as np
    import pandas as pd
    from scipy.stats import false_discovery_control

    from encoded_ensembles.data.images import to_rows
    from encoded_ensembles.data.likeness import nearest_unit
    from encoded_ensembles.grading.false_attribution import attribution_table
    from encoded_ensembles.influence.ablation import published_scale, ranks
    from encoded_ensembles.influence.calibration import p_and_z
    from encoded_ensembles.influence.tables import pair_table, radius_table
    from encoded_ensembles.storage.files import write_table

    samples = distance.shape[1]
    shape, null = factual.shape[1:], np.zeros((0, samples))
    p, _ = p_and_z(distance, null.T)
    columns = {
        "distance": distance,
        "distance_p": p,
        "distance_q": false_discovery_control(p, axis=0),
        "distance_rank": ranks(distance),
        "distance_published": published_scale(distance, shape=shape),
        "exact": np.ones(distance.shape, bool),
    }
    folder = output / "influence"
    write_table(folder / "influence.parquet", pair_table(names, columns))
    write_table(folder / "radius.parquet", radius_table(distance, null, shape))
    empty = pd.DataFrame(
        {"sample": np.zeros(0, int), "word": np.zeros(0, int), "distance": null[:, 0]}
    )
    write_table(folder / "null.parquet", empty)
    if nearest is not None:
        training = to_rows(images)
        attributed = nearest_unit(factual.reshape(samples, -1), training, unit_of)
        write_table(
            folder / "false_attribution.parquet",
            attribution_table("pixels", attributed, nearest, names),
        )


def _attribute(
    output: Path,
    code: "dict[str, np.ndarray]",
    factual: "np.ndarray",
    images: "np.ndarray",
    attributed: float,
) -> None:
    """Write contrast and answers from the effects of members on each sample."""
    import numpy as np

    from encoded_ensembles.ensemble.landscape import read_block
    from encoded_ensembles.influence.landscape_naming import name_units
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import write_table

    files = sorted(
        (output / layout.LANDSCAPE).glob("*.safetensors"),
        key=lambda file: int(file.name.split("-of-")[0]),
    )
    moved = np.concatenate([read_block(file)[1] for file in files])
    contrast, answers = name_units(moved, factual, images, code, level=attributed)
    write_table(output / "contrast/contrast.parquet", contrast)
    write_table(output / layout.ANSWERS, answers)


def _figures(output: Path, samples: int) -> None:
    """Draw the first samples with their most influential units, and their landscape."""
    from encoded_ensembles.commands.plot_influence import plot_influence
    from encoded_ensembles.commands.plot_landscape import plot_landscape
    from encoded_ensembles.runs import layout

    chosen = ",".join(map(str, range(min(SHOWN, samples))))
    influence, figures = output / "influence", output / "figures"
    plot_landscape(
        influence / "influence.parquet",
        influence / "null.parquet",
        chosen,
        figures / "landscape.pdf",
    )
    plot_influence(
        sorted((output / layout.LANDSCAPE).glob("*.safetensors")),
        output / layout.TRAINING,
        output / layout.CODE,
        output / layout.SAMPLES,
        influence / "influence.parquet",
        chosen,
        figures / "influence.pdf",
    )
