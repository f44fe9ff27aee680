"""encens make-gallery."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.blocks import Blocks
from encoded_ensembles.commands.options.figures import Attributed
from encoded_ensembles.commands.options.files import (
    Answers,
    Code,
    Data,
    Influence,
    Pictures,
    Pulls,
    Samples,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    from encoded_ensembles.data.images import ImageSet

SIDE = 64  # pixels; larger pictures are shrunk
SAMPLE_BYTES = 1_250_000  # limit of the factual samples
UNIT_BYTES = 1_000_000  # limit of the training images
IMAGES = 8  # largest number of images of a unit


def make_gallery(
    blocks: Blocks,
    run: Annotated[str, Option(help="name of the run, for the title")],
    data: Data,
    code: Code,
    units: Annotated[Path, Option(help="units, .parquet of encode-units")],
    samples: Samples,
    influence: Influence,
    null: Annotated[Path, Option(help="null values, .parquet of measure-influence")],
    radius: Annotated[Path, Option(help="radii, .parquet of measure-influence")],
    pulls: Pulls,
    sets: Annotated[Path, Option(help="sets, .parquet of measure-contrast")],
    answers: Answers,
    expected: Annotated[Path, Option(help="expected influence, .parquet of expect-influence")],
    queries: Pictures,
    query_pairs: Annotated[Path, Option(help="pairs, .parquet of measure-queries")],
    query_answers: Annotated[Path, Option(help="answers, .parquet of measure-queries")],
    output: Annotated[Path, Option(help="output, .html")],
    warned: Annotated[
        list[Path] | None,
        Option(
            help="facts with warnings, .json of fetch-dataset, encode-units or follow-members; repeatable"
        ),
    ] = None,
    captions: Annotated[
        Path | None, Option(help="captions of images, .parquet of fetch-dataset")
    ] = None,
    prompt: Annotated[
        list[str] | None, Option(help="prompt of samples, which take them in turn; repeatable")
    ] = None,
    null_words: Annotated[
        int, Option(help="largest number of null code words, as in measure-contrast")
    ] = 1_000_000,
    attributed: Attributed = 0.05,
    shown: Annotated[int, Option(help="largest number of samples in the page, from 0")] = 100,
    pictures: Annotated[
        int, Option(help="units per sample and statistic with a counterfactual picture, at most")
    ] = 200,
) -> None:
    """Write one page to explore a run: samples, units, counterfactuals and their evidence.

    The page needs no network and stays below 15 MB. Pairs of sample and unit are included in the order
    of their best rank under any statistic until the page is full, and pictures likewise; pictures of
    more than 64 pixels are shrunk. The page says what it leaves out.
    """
    import numpy as np

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.figures import gallery
    from encoded_ensembles.influence.naming import STATISTICS
    from encoded_ensembles.storage.files import (
        read_arrays,
        read_facts,
        read_table,
        read_tensors,
        write_text,
    )

    first = [("sample", "<", shown)]
    table = read_table(influence, filters=first)
    table = table.sort_values(["sample", "unit"], ignore_index=True)
    of_null = read_table(null, filters=first)
    statistics = gallery.statistics_of(table)
    arrays = read_arrays(code)
    matrix = arrays["code"]
    kind = family_of(arrays)
    words = free_words(matrix, family=kind, limit=null_words)
    pull = read_tensors(pulls, names=["pulls"])["pulls"][:shown]
    page_arrays = gallery.landscapes(table, of_null, statistics, pulls=pull, words=words)

    chosen, rank_limit = gallery.choose_pairs(table, statistics, room=gallery.pair_room(statistics))
    columns = ["sample", "unit", "prior", "expected", "low", "high"]
    expectations = read_table(expected, columns=columns, filters=first)
    pairs = table[chosen].merge(expectations, on=["sample", "unit"], how="left")
    answered = read_table(query_answers)
    questions = read_table(query_pairs, columns=gallery.QUERY_COLUMNS)
    given = gallery.query_facts(answered, questions, level=attributed, most=shown)
    kept = np.unique([*pairs["unit"], *(unit for row in given for unit in row["top"])])
    page_arrays |= gallery.pair_arrays(pairs, statistics, kept)
    page_arrays |= _units(read_images(data), arrays["unit_of"], kept, matrix, read_table(units))
    factual = read_tensors(samples, names=["factual"])["factual"]
    page_arrays["samples"] = _samples(factual[:shown])
    page_arrays["queries"] = _queries(read_images(queries), [row["number"] for row in given])
    facts: dict[str, Any] = {
        "run": run,
        "warnings": [each for file in warned or [] for each in read_facts(file)["warnings"]],
        "members": kind.members,
        "weight": kind.weight,
        "level": attributed,
        "statistics": [
            {
                "name": name,
                "axis": gallery.axis_of(name, of_null),
                "words": len(words if name in STATISTICS else arrays["null_words"]),
            }
            for name in statistics
        ],
        "units": arrays["unit_names"][kept].tolist(),
        "captions": _captions(captions, arrays["unit_of"], kept),
        "prompts": prompt or [],
        "samples": _evidence(table, read_table(radius), read_table(sets), read_table(answers)),
        "queries": [{**row, "top": np.searchsorted(kept, row["top"]).tolist()} for row in given],
        "all": {"units": len(matrix), "samples": len(factual), "pairs": len(table)},
        "side": factual.shape[-1],
        "depth": rank_limit,
    }
    best = gallery.best_ranks(pairs, statistics)
    bytes_left = gallery.ALL_BYTES - _size(page_arrays, facts)
    fits = gallery.depth(best, room=max(0, bytes_left // page_arrays["samples"][0].size))
    facts["pictures"] = min(pictures, fits)
    has_picture = (best <= facts["pictures"]) & pairs["exact"].to_numpy()
    page_arrays |= _pictures(blocks, pairs, has_picture, page_arrays["samples"])
    write_text(output, gallery.render(facts, page_arrays), remark="<!-- {} -->")


def _samples(factual: "np.ndarray") -> "np.ndarray":
    """Return the factual samples (B, side, side, C) uint8, at the largest side that fits."""
    from encoded_ensembles.figures.gallery import side_that_fits

    count, channels, _, side = factual.shape
    return _shrink(
        factual, side_that_fits(count, side=min(SIDE, side), channels=channels, room=SAMPLE_BYTES)
    )


def _queries(queries: "ImageSet", numbers: list[int]) -> "np.ndarray":
    """Return given pictures (Q, side, side, C) uint8, at the largest side that fits."""
    from encoded_ensembles.data.images import resize
    from encoded_ensembles.figures.gallery import side_that_fits

    chosen = queries.images[numbers]
    count, side, _, channels = chosen.shape
    fits = side_that_fits(count, side=min(SIDE, side), channels=channels, room=SAMPLE_BYTES)
    return resize(chosen, size=fits, channels=None)


def _evidence(
    table: "pd.DataFrame",
    radius: "pd.DataFrame",
    sets: "pd.DataFrame",
    answers: "pd.DataFrame",
) -> list[dict[str, Any]]:
    """Return the evidence on each sample: attributed units or size of the group, radius, tests of sets."""
    from encoded_ensembles.figures.gallery import ATTRIBUTING

    table = table.assign(q=table[f"{ATTRIBUTING}_q"])
    evidence = table.groupby("sample", as_index=False).agg({"attributed": "sum", "q": "min"})
    evidence = evidence.merge(radius[["sample", "radius", "null_radius"]], on="sample")
    said = {row["sample"]: row for row in answers.to_dict("records")}
    tests = {
        sample: sets.loc[sets["sample"] == sample, ["units", "p_value", "p_null"]]
        for sample in evidence["sample"].tolist()
    }
    return [
        {
            "attributed": int(attributed),
            "answer": 0 if attributed else int(said[int(sample)]["units"]),
            "rate": float(said[int(sample)]["rate"]),
            "least_q": q,
            "radius": largest,
            "null_radius": None if chance != chance else chance,  # NaN without null code words
            "sets": tests[int(sample)].to_numpy().tolist(),
        }
        for sample, attributed, q, largest, chance in evidence.to_numpy(float).tolist()
    ]


def _units(
    images: "ImageSet",
    unit_of: "np.ndarray",
    kept: "np.ndarray",
    matrix: "np.ndarray",
    table: "pd.DataFrame",
) -> "dict[str, np.ndarray]":
    """Return each kept unit's number, code word, digest, size and first images, as many as fit."""
    import numpy as np

    from encoded_ensembles.data.images import resize
    from encoded_ensembles.data.likeness import by_unit
    from encoded_ensembles.figures.gallery import side_that_fits

    order, starts, sizes = by_unit(unit_of)
    side, channels = images.images.shape[2:]
    most = IMAGES if len(kept) * IMAGES * side * side * channels <= UNIT_BYTES else 1
    first = [order[starts[unit] : starts[unit] + min(most, sizes[unit])] for unit in kept]
    chosen = np.concatenate(first)
    fits = side_that_fits(len(chosen), side=min(SIDE, side), channels=channels, room=UNIT_BYTES)
    digests = table.set_index("unit")["sha256"].loc[kept]
    return {
        "unit_number": kept.astype(np.int32),
        "unit_size": sizes[kept].astype(np.int32),
        "unit_images": np.cumsum([0, *map(len, first)]).astype(np.int32),
        "unit_word": np.packbits(matrix[kept], axis=1, bitorder="little"),
        "unit_sha256": np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(-1, 32),
        "images": resize(images.images[chosen], size=fits, channels=None),
    }


def _captions(captions: Path | None, unit_of: "np.ndarray", kept: "np.ndarray") -> list[str]:
    """Return the captions of each kept unit's first images, each once; nothing without captions."""
    from encoded_ensembles.data.likeness import by_unit
    from encoded_ensembles.storage.files import read_table

    if captions is None:
        return []
    table = read_table(captions)
    texts = table.loc[table["part"] == "training", "caption"].to_numpy()
    order, starts, sizes = by_unit(unit_of)
    first = [order[starts[unit] : starts[unit] + min(IMAGES, sizes[unit])] for unit in kept]
    return ["; ".join(dict.fromkeys(texts[rows].tolist())) for rows in first]


def _pictures(
    blocks: list[Path],
    pairs: "pd.DataFrame",
    wanted: "np.ndarray",
    factual: "np.ndarray",
) -> "dict[str, np.ndarray]":
    """Return the counterfactuals of wanted pairs, and the index of each pair's one, -1 for none.

    Also return the largest difference from each factual sample, mean over channels: (B,).

    Raises:
        InputError: a wanted unit is in no block.
    """
    import numpy as np

    from encoded_ensembles.ensemble.landscape import pictures_of
    from encoded_ensembles.storage.files import InputError

    picture_of = np.where(wanted, np.cumsum(wanted) - 1, -1).astype(np.int32)
    sample, rows = pairs["sample"].to_numpy(), np.flatnonzero(wanted)
    listed = zip(pairs["unit"].to_numpy()[rows].tolist(), sample[rows].tolist(), strict=True)
    number_of = {pair: number for number, pair in enumerate(listed)}
    pictures = np.zeros((len(rows), *factual.shape[1:]), np.uint8)
    missing = set(number_of)
    for pair, picture in pictures_of(blocks, number_of):
        pictures[number_of[pair]] = _shrink(picture[None], factual.shape[1])[0]
        missing.discard(pair)
    if missing:
        raise InputError(
            f"unit {min(missing)[0]} is in no block of the landscape, expected all blocks "
            f"({len(blocks)} were given); pass all of them."
        )
    change = np.abs(pictures.mean(axis=-1) - factual.mean(axis=-1)[sample[rows]]).max(axis=(1, 2))
    bound = np.zeros(len(factual), np.float32)
    np.maximum.at(bound, sample[rows], change.astype(np.float32))
    return {"pair_picture": picture_of, "pictures": pictures, "bound": bound}


def _shrink(images: "np.ndarray", side: int) -> "np.ndarray":
    """Return (B, C, H, W) in [-1, 1] as (B, side, side, C) uint8."""
    from encoded_ensembles.data.images import resize, to_bytes

    return resize(to_bytes(images), size=side, channels=None)


def _size(arrays: "Mapping[str, np.ndarray]", facts: "Mapping[str, Any]") -> int:
    """Return the size of the page so far, in bytes."""
    import json

    return sum(array.nbytes + 200 for array in arrays.values()) + len(json.dumps(facts))
