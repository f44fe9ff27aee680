"""How units are told apart: joint decoding, and the decoys that check its error rates."""

from pathlib import Path
from typing import Annotated

from typer import Option

Candidates = Annotated[
    int, Option(help="units decoded jointly for each sample, those most alike to it")
]
DecoyDraws = Annotated[int, Option(help="draws of code words for decoys; 0: no decoys")]
WordSeed = Annotated[int, Option(help="seed of the code words of decoys, that of the code")]
Decoys = Annotated[
    Path, Option(help="output, .safetensors: the same of units and decoys together, by draw")
]
Weights = Annotated[
    str,
    Option(help="weights in the false discovery rate: likeness (1 / rank) or learnt (by rank)"),
]


def is_learnt(weights: str) -> bool:
    """Return whether weights are learnt.

    Raises:
        InputError: the kind of weights is unknown.
    """
    from encoded_ensembles.storage.files import InputError

    if weights not in ("likeness", "learnt"):
        raise InputError(f"--weights is {weights}, expected likeness or learnt.")
    return weights == "learnt"
