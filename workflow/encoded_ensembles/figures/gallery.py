"""The gallery: one page to explore a run, of at most 15 MB.

All data of the page are in one block of compressed bytes, so no character of a name is interpreted as
HTML or as a program. Data that do not fit are left out by rank, and the page says what is missing.
"""

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from encoded_ensembles.influence.queries import closeness

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("load.js", "words.js", "draw.js", "pair.js", "lists.js", "queries.js", "main.js")
ALL_BYTES = 10_800_000  # limit of the page's data: 14.5 MB if they cannot be compressed
PAIR_BYTES = 5_500_000  # part of these for tables
BINS = 40
POOLED = 50_000  # approximate number of null values drawn for a sample
ATTRIBUTING = "joint"  # the statistic that attributes (docs/attribution.md)
QUERY_UNITS = 5  # units shown for each given picture
QUERY_COLUMNS = [
    "sample",
    "unit",
    "joint_rank",
    "joint_q",
    "heldout_share",
    "attributed",
]  # used of their table
PULLED = "contrast"  # the statistic whose null is drawn from pulls


class Landscape(NamedTuple):
    """One sample's units and null code words by one statistic, in bins.

    Attributes:
        axis: what is binned: "value"; "z" or "p" if each unit has a separate null distribution.
        low: lower end of the bins.
        high: upper end of the bins.
        units: (BINS,) number of units in each.
        null: (BINS,) number of null values in each, or the number expected without any influence.
    """

    axis: str
    low: float
    high: float
    units: np.ndarray
    null: np.ndarray


def statistics_of(table: pd.DataFrame) -> list[str]:
    """Return the statistics in an influence table, the attributing one first."""
    names = [name.removesuffix("_z") for name in table.columns if name.endswith("_z")]
    return sorted(names, key=lambda name: name != ATTRIBUTING)


def best_ranks(table: pd.DataFrame, statistics: Sequence[str]) -> np.ndarray:
    """Return the best rank that any statistic gives each pair of sample and unit, (P,) int64."""
    return table[[f"{name}_rank" for name in statistics]].to_numpy().min(axis=1)


def depth(best: np.ndarray, *, room: int) -> int:
    """Return the largest rank down to which all pairs fit.

    Args:
        best: (P,) int64, ranks of `best_ranks`.
        room: number of pairs that fit.
    """
    ordered = np.sort(best)
    if len(ordered) <= room:
        return int(ordered[-1]) if len(ordered) else 0
    return int(ordered[room]) - 1


def choose_pairs(
    table: pd.DataFrame, statistics: Sequence[str], *, room: int
) -> tuple[np.ndarray, int]:
    """Choose the pairs of sample and unit in the page: all, or the best by any statistic.

    If not all fit, each unit's best sample is included too, so that every unit can be found, unless
    this takes more than half of the room.

    Args:
        table: influence, one row per pair.
        statistics: names of `statistics_of`.
        room: number of pairs that fit.

    Returns:
        (P,) bool, and the rank down to which every pair is chosen.
    """
    best = best_ranks(table, statistics)
    chosen = np.zeros(len(table), bool)
    if len(table) > room:
        first = table.assign(best=best).sort_values("best", kind="stable").drop_duplicates("unit")
        if 2 * len(first) <= room:
            chosen[table.index.get_indexer(first.index)] = True
    rank_limit = depth(best[~chosen], room=room - int(chosen.sum()))
    return chosen | (best <= rank_limit), rank_limit


def pair_room(statistics: Sequence[str]) -> int:
    """Return the number of pairs that fit, with five numbers per statistic and a few per pair."""
    return PAIR_BYTES // (20 * len(statistics) + 40)


def pooled_null(pull: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the contrasts of one sample's units under null code words, standardised and pooled.

    Args:
        pull: (U, n), of one sample; evenly chosen units represent all if there are many.
        words: (R, n) bool, null code words.

    Returns:
        approximately `POOLED` values.
    """
    from encoded_ensembles.influence.contrast import null_contrasts

    count = max(1, POOLED // max(1, len(words)))
    null = null_contrasts(pull[None, :: -(-len(pull) // count)], words)[:, 0]
    if not len(words):
        return null.ravel()
    spread = null.std(axis=1, keepdims=True)
    deviation = null - null.mean(axis=1, keepdims=True)
    return np.divide(deviation, spread, out=np.full(null.shape, np.nan), where=spread > 0).ravel()


def query_facts(
    answers: pd.DataFrame, pairs: pd.DataFrame, *, level: float, most: int
) -> list[dict[str, Any]]:
    """Return what the page says of given pictures, those of the user first.

    Args:
        answers: of measure-queries.
        pairs: of measure-queries, with the columns `QUERY_COLUMNS` at least.
        level: largest q of an attributed unit.
        most: number of pictures, at most.

    Returns:
        number, name, kind, answer, units, close (in words), own (names its own unit), and of the units of largest joint score: top (their
        numbers), q, share (of held-out pictures whose largest effect reaches theirs), attributed.
    """
    order = answers["kind"].map({"given": 0, "training": 1, "heldout": 2})
    chosen = answers.loc[order.sort_values(kind="stable").index[:most]]
    heldout = int((answers["kind"] == "heldout").sum())
    best = pairs[pairs["joint_rank"] <= QUERY_UNITS].sort_values(["sample", "joint_rank"])
    rows = dict(list(best.groupby("sample")))
    return [
        {
            "number": int(said["sample"]), "name": said["picture"], "kind": said["kind"],
            "answer": said["answer"], "units": int(said["units"]), "close": closeness(int(said["close"]), heldout=heldout, level=level), "own": bool(said["own"]),
            "top": rows[said["sample"]]["unit"].tolist(),
            "q": rows[said["sample"]]["joint_q"].round(6).tolist(),
            "share": rows[said["sample"]]["heldout_share"].round(6).tolist(),
            "attributed": rows[said["sample"]]["attributed"].tolist(),
        }
        for said in chosen.to_dict("records")
    ]  # fmt: skip


def landscape(axis: str, units: np.ndarray, null: np.ndarray) -> Landscape:
    """Return units and null values in bins of their common range, or of 0..1 for p-values.

    Args:
        axis: "value", "z" or "p"; p-values have no null values, but are uniform without influence.
        units: (U,) float.
        null: (R,) float.
    """
    units, null = units[np.isfinite(units)], null[np.isfinite(null)]
    values = np.concatenate([units, null])
    low, high = (0.0, 1.0) if axis == "p" or not len(values) else (values.min(), values.max())
    low, high = np.float32(low).item(), np.float32(high if high > low else low + 1).item()
    counted = [
        np.histogram(np.clip(numbers, low, high), BINS, (low, high))[0] for numbers in (units, null)
    ]
    expected = np.full(BINS, len(units) / BINS) if axis == "p" else counted[1]
    return Landscape(axis, low, high, counted[0], expected)


def landscapes(
    table: pd.DataFrame,
    null: pd.DataFrame,
    statistics: Sequence[str],
    *,
    pulls: np.ndarray,
    words: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the landscape of every sample by every statistic, against its null.

    Args:
        table: influence, rows by sample and unit.
        null: values under null code words, columns sample and some of the statistics.
        statistics: S names of `statistics_of`.
        pulls: (B, U, n).
        words: (R, n) bool, null code words of contrasts.

    Returns:
        landscape_range (B, S, 2), landscape_units and landscape_null (B, S, BINS), all float32.
    """
    landscapes_found = []
    of_null = dict(list(null.groupby("sample")))
    for number in sorted(set(table["sample"].tolist())):
        rows = table[table["sample"] == number]
        chance = of_null.get(number, null[:0])
        for name in statistics:
            axis = axis_of(name, null)
            values = {"value": rows[name], "z": rows[f"{name}_z"], "p": rows[f"{name}_p"]}[axis]
            null_values = chance[name].to_numpy() if axis == "value" else np.empty(0)
            if axis == "z":
                null_values = pooled_null(pulls[number], words)
            landscapes_found.append(landscape(axis, values.to_numpy(), null_values))
    shape = (-1, len(statistics), BINS)
    return {
        "landscape_range": _single([(part.low, part.high) for part in landscapes_found]).reshape(
            *shape[:2], 2
        ),
        "landscape_units": _single([part.units for part in landscapes_found]).reshape(shape),
        "landscape_null": _single([part.null for part in landscapes_found]).reshape(shape),
    }


def axis_of(name: str, null: pd.DataFrame) -> str:
    """Return the axis of a statistic's landscape: "value" if all units share its null."""
    if name in null.columns:
        return "value"
    return "z" if name == PULLED else "p"


def pair_arrays(
    pairs: pd.DataFrame, statistics: Sequence[str], units: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the table of the pairs as arrays; units by their index in `units`, ascending."""
    arrays = {
        "pair_sample": pairs["sample"].to_numpy(np.int32),
        "pair_unit": np.searchsorted(units, pairs["unit"]).astype(np.int32),
        "pair_attributed": pairs["attributed"].to_numpy(np.uint8),
        "pair_exact": pairs["exact"].to_numpy(np.uint8),
    }
    for name in statistics:
        for suffix in ("", "_z", "_p", "_q"):
            arrays[f"{name}{suffix}"] = pairs[f"{name}{suffix}"].to_numpy(np.float32)
        arrays[f"{name}_rank"] = pairs[f"{name}_rank"].to_numpy(np.int32)
    for name in ("prior", "expected", "low", "high"):
        arrays[f"expected_{name}"] = pairs[name].to_numpy(np.float32)
    return arrays


def side_that_fits(count: int, *, side: int, channels: int, room: int, least: int = 4) -> int:
    """Return the side, at most `side`, at which `count` square pictures fit into `room` bytes."""
    fits = int(np.sqrt(room / max(1, count * channels)))
    return min(side, max(min(least, side), fits))


def pack(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Pack facts and arrays into text that is safe in HTML: base64 of zlib.

    The content: the length of the facts in 8 bytes, the facts as JSON with the offset of each array, and
    the arrays, each aligned to 8 bytes.
    """
    index, parts, offset = {}, [], 0
    for name, array in arrays.items():
        content = np.ascontiguousarray(array).tobytes()
        padding = -len(content) % 8
        index[name] = {"type": str(array.dtype), "shape": array.shape, "at": offset}
        parts.append(content + bytes(padding))
        offset += len(content) + padding
    # ASCII, so that a file name that is not valid Unicode can be written too
    head = json.dumps({**facts, "arrays": index}).encode("ascii")
    head += b" " * (-len(head) % 8)
    packed = zlib.compress(b"".join([len(head).to_bytes(8, "little"), head, *parts]), 6)
    return base64.b64encode(packed).decode("ascii")


def unpack(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the facts and arrays that `pack` packed."""
    content = zlib.decompress(base64.b64decode(text))
    length = int.from_bytes(content[:8], "little")
    facts = json.loads(content[8 : 8 + length])
    arrays = {}
    for name, entry in facts.pop("arrays").items():
        kind, count = np.dtype(entry["type"]), int(np.prod(entry["shape"]))
        begin = 8 + length + entry["at"]
        flat = np.frombuffer(content[begin : begin + count * kind.itemsize], kind)
        arrays[name] = flat.reshape(entry["shape"])
    return facts, arrays


def render(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return the page as self-contained HTML.

    Its content security policy blocks all requests, and all scripts except the one of this package.
    """
    script = "".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "RUN": html.escape(str(facts["run"])),
        "POLICY": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        "STYLE": (PAGE / "gallery.css").read_text(encoding="utf-8"),
        "DATA": pack(facts, arrays),
        "SCRIPT": script,
    }
    text = (PAGE / "gallery.html").read_text(encoding="utf-8")
    for name, content in parts.items():
        text = text.replace(f"@{name}@", content)
    return text


def _single(values: Any) -> np.ndarray:
    return np.array(values, np.float32)
