"""The gallery: one page that holds what a person asks of a run, and never more than 15 MB.

All that the page shows travels in one block of compressed bytes, so a name can hold any character
without ever being read as HTML or as a program. What does not fit is left out by rank, and the page
says what.
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

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("load.js", "words.js", "draw.js", "pair.js", "lists.js", "main.js")
ALL_BYTES = 10_800_000  # that the page may carry: 14.5 MB when they cannot be compressed
PAIR_BYTES = 5_500_000  # of these for tables
BINS = 40
POOLED = 50_000  # null values drawn for a sample, about
ATTRIBUTING = "contrast"  # the statistic that attributes (docs/validity.md)


class Landscape(NamedTuple):
    """One sample's units and null code words by one statistic, in bins.

    Attributes:
        axis: what is binned: "value"; "z" or "p" where each unit has a null distribution of its own.
        low: where the bins begin.
        high: where they end.
        units: (BINS,) number of units in each.
        null: (BINS,) number of null values in each, or what is expected without any influence.
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
        best: (P,) int64, of `best_ranks`.
        room: number of pairs that fit.
    """
    ordered = np.sort(best)
    if len(ordered) <= room:
        return int(ordered[-1]) if len(ordered) else 0
    return int(ordered[room]) - 1


def choose_pairs(
    table: pd.DataFrame, statistics: Sequence[str], *, room: int
) -> tuple[np.ndarray, int]:
    """Choose the pairs of sample and unit that the page holds: all, or the best by any statistic.

    If not all fit, each unit's best sample is held too, so that every unit can be found, unless that
    alone would take more than half of the room.

    Args:
        table: influence, one row per pair.
        statistics: of `statistics_of`.
        room: number of pairs that fit.

    Returns:
        (P,) bool, and the rank down to which every pair is among them.
    """
    best = best_ranks(table, statistics)
    chosen = np.zeros(len(table), bool)
    if len(table) > room:
        first = table.assign(best=best).sort_values("best", kind="stable").drop_duplicates("unit")
        if 2 * len(first) <= room:
            chosen[table.index.get_indexer(first.index)] = True
    deep = depth(best[~chosen], room=room - int(chosen.sum()))
    return chosen | (best <= deep), deep


def pair_room(statistics: Sequence[str]) -> int:
    """Return how many pairs fit: five numbers for each statistic, and a few for the pair."""
    return PAIR_BYTES // (20 * len(statistics) + 40)


def pooled_null(pull: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return what null code words give one sample's units, in standard deviations, pooled.

    Args:
        pull: (U, n), of one sample; evenly chosen units stand for all if they are many.
        words: (R, n) bool, null code words.

    Returns:
        about `POOLED` values.
    """
    from encoded_ensembles.influence.contrast import null_contrasts

    some = max(1, POOLED // max(1, len(words)))
    null = null_contrasts(pull[None, :: -(-len(pull) // some)], words)[:, 0]
    if not len(words):
        return null.ravel()
    spread = null.std(axis=1, keepdims=True)
    away = null - null.mean(axis=1, keepdims=True)
    return np.divide(away, spread, out=np.full(null.shape, np.nan), where=spread > 0).ravel()


def landscape(axis: str, units: np.ndarray, null: np.ndarray) -> Landscape:
    """Return units and null values in bins of their common range, or of 0..1 for p-values.

    Args:
        axis: "value", "z" or "p"; p-values have no null values, but are spread evenly without influence.
        units: (U,) float.
        null: (R,) float.
    """
    units, null = units[np.isfinite(units)], null[np.isfinite(null)]
    both = np.concatenate([units, null])
    low, high = (0.0, 1.0) if axis == "p" or not len(both) else (both.min(), both.max())
    low, high = np.float32(low).item(), np.float32(high if high > low else low + 1).item()
    counted = [
        np.histogram(np.clip(each, low, high), BINS, (low, high))[0] for each in (units, null)
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
        null: what null code words give, columns sample and some of the statistics.
        statistics: S of `statistics_of`.
        pulls: (B, U, n).
        words: (R, n) bool, null code words of contrasts.

    Returns:
        landscape_range (B, S, 2), landscape_units and landscape_null (B, S, BINS), all float32.
    """
    found = []
    of_null = dict(list(null.groupby("sample")))
    for number in sorted(set(table["sample"].tolist())):
        own = table[table["sample"] == number]
        chance = of_null.get(number, null[:0])
        for name in statistics:
            axis = axis_of(name, null)
            values = {"value": own[name], "z": own[f"{name}_z"], "p": own[f"{name}_p"]}[axis]
            given = chance[name].to_numpy() if axis == "value" else np.empty(0)
            if axis == "z":
                given = pooled_null(pulls[number], words)
            found.append(landscape(axis, values.to_numpy(), given))
    shape = (-1, len(statistics), BINS)
    return {
        "landscape_range": _single([(each.low, each.high) for each in found]).reshape(
            *shape[:2], 2
        ),
        "landscape_units": _single([each.units for each in found]).reshape(shape),
        "landscape_null": _single([each.null for each in found]).reshape(shape),
    }


def axis_of(name: str, null: pd.DataFrame) -> str:
    """Return what a statistic's landscape shows: values where its null is common to all units."""
    if name in null.columns:
        return "value"
    return "z" if name == ATTRIBUTING else "p"


def pair_arrays(
    pairs: pd.DataFrame, statistics: Sequence[str], units: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the table of the pairs as arrays; units by their place among `units`, ascending."""
    found = {
        "pair_sample": pairs["sample"].to_numpy(np.int32),
        "pair_unit": np.searchsorted(units, pairs["unit"]).astype(np.int32),
        "pair_attributed": pairs["attributed"].to_numpy(np.uint8),
        "pair_exact": pairs["exact"].to_numpy(np.uint8),
    }
    for name in statistics:
        for suffix in ("", "_z", "_p", "_q"):
            found[f"{name}{suffix}"] = pairs[f"{name}{suffix}"].to_numpy(np.float32)
        found[f"{name}_rank"] = pairs[f"{name}_rank"].to_numpy(np.int32)
    for name in ("prior", "expected", "low", "high"):
        found[f"expected_{name}"] = pairs[name].to_numpy(np.float32)
    return found


def side_that_fits(count: int, *, side: int, channels: int, room: int, least: int = 4) -> int:
    """Return the side at which so many square pictures fit into `room` bytes, at most `side`."""
    fits = int(np.sqrt(room / max(1, count * channels)))
    return min(side, max(min(least, side), fits))


def pack(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Pack facts and arrays into text that HTML leaves alone: base64 of what zlib makes of them.

    Inside: the length of the facts in 8 bytes, the facts as JSON with where each array is, the arrays,
    each from a multiple of 8 bytes on.
    """
    index, parts, place = {}, [], 0
    for name, array in arrays.items():
        content = np.ascontiguousarray(array).tobytes()
        padding = -len(content) % 8
        index[name] = {"type": str(array.dtype), "shape": array.shape, "at": place}
        parts.append(content + bytes(padding))
        place += len(content) + padding
    # ASCII, so that a name that is not valid Unicode, as of a file, can be written at all
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
    for name, where in facts.pop("arrays").items():
        kind, count = np.dtype(where["type"]), int(np.prod(where["shape"]))
        begin = 8 + length + where["at"]
        flat = np.frombuffer(content[begin : begin + count * kind.itemsize], kind)
        arrays[name] = flat.reshape(where["shape"])
    return facts, arrays


def render(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return the page as HTML that needs nothing but itself, and is allowed nothing else.

    Its content security policy lets no request out and runs no program but the one of this package.
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
