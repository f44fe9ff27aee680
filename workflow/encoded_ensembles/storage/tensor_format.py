"""The format of a safetensors file: its header, and the order of its tensors.

The writer of the library puts metadata in random order, and cannot write a tensor larger than memory.

Source: https://github.com/huggingface/safetensors#format.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

# By NumPy's kind; the number of bits follows. NumPy has no bfloat16: two bytes without a meaning stand for it.
KINDS = {"b": "BOOL", "i": "I", "u": "U", "f": "F", "V": "BF"}
BFLOAT16 = np.dtype("V2")

Kind = tuple[np.dtype[Any], tuple[int, ...]]  # dtype and shape of a tensor
Shapes = Mapping[str, Kind]  # by name


def order(shapes: Shapes) -> list[str]:
    """Return the names of tensors in the order of the file: widest types first, so that all align."""
    return sorted(shapes, key=lambda name: (-shapes[name][0].itemsize, name))


def header(shapes: Shapes, metadata: Mapping[str, str]) -> bytes:
    """Return the header of a file; the bytes of the tensors follow in `order`, little-endian.

    Args:
        shapes: of the tensors.
        metadata: text, in the order of the file.
    """
    facts: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name in order(shapes):
        kind, shape = shapes[name]
        bits = "" if kind.kind == "b" else 8 * kind.itemsize
        size = kind.itemsize * math.prod(shape)
        facts[name] = {
            "dtype": f"{KINDS[kind.kind]}{bits}",
            "shape": list(shape),
            "data_offsets": [end, end + size],
        }
        end += size
    text = json.dumps(facts, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
