"""Verification of certificates, from files alone: no torch, and no trust in what they say.

What a certificate states is worked out again from the files it binds and compared field by field.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from encoded_ensembles.data.images import to_bytes
from encoded_ensembles.members.latents import image_shape, read_config
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing.certificates import PREDICATE, STATEMENT, dump, statement
from encoded_ensembles.storage.files import InputError, read_tensors, sha256_file

_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SCHEMA = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "properties": {
        "_type": {"const": STATEMENT},
        "predicateType": {"const": PREDICATE},
        "subject": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["name", "digest"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[^/]+$"},
                    "digest": {
                        "type": "object",
                        "required": ["sha256"],
                        "properties": {"sha256": _DIGEST},
                    },
                },
            },
        },
        "predicate": {
            "type": "object",
            "required": ["sample", "units", "files"],
            "properties": {
                "sample": {"type": "integer", "minimum": 0},
                "units": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}},
                    },
                },
                "files": {"type": "object", "additionalProperties": _DIGEST},
            },
        },
    },
}


def verify(path: Path, run: Run) -> dict[str, Any]:
    """Check a certificate against the files of a run; needs no torch.

    Args:
        path: the certificate; its subjects lie beside it.
        run: the run's folder, or a copy of the files in `predicate.files` and run.json.

    Returns:
        the certificate.

    Raises:
        InputError: it does not hold; the message says in one sentence why.
    """
    raw = path.read_bytes()
    given = _parse(path, raw)
    predicate = given["predicate"]
    for name, digest in predicate["files"].items():
        _check_file(run.folder, name, digest)
    for subject in given["subject"]:
        _check_file(path.parent, subject["name"], subject["digest"]["sha256"])
    subjects = [path.parent / subject["name"] for subject in given["subject"]]
    names = [unit["name"] for unit in predicate["units"]]
    worked_out = statement(
        run,
        sample=predicate["sample"],
        units=names,
        subjects=subjects,
        digests=predicate["files"],  # checked above
    )
    if difference := first_difference(given, worked_out):
        raise InputError(f"{path}: {difference}.")
    if raw != dump(given):
        raise InputError(
            f"{path} is not byte for byte as encens certify writes it, although it says the same: "
            "it was edited."
        )
    _check_subjects(given, run, subjects)
    return given


def first_difference(given: Any, expected: Any, *, key: str = "") -> str | None:
    """Say where a certificate differs from what the files bear out, or return None."""
    if isinstance(given, dict) and isinstance(expected, dict):
        for name in sorted(given.keys() | expected.keys()):
            where = f"{key}.{name}" if key else name
            if name not in expected:
                return f"{where} is not part of a certificate, expected no such field"
            if name not in given:
                return f"{where} is missing"
            if found := first_difference(given[name], expected[name], key=where):
                return found
        return None
    if isinstance(given, list) and isinstance(expected, list) and len(given) == len(expected):
        for place, (one, other) in enumerate(zip(given, expected, strict=True)):
            if found := first_difference(one, other, key=f"{key}[{place}]"):
                return found
        return None
    if type(given) is type(expected) and given == expected:
        return None
    return f"{key} is {_short(given)}, but the files of the run give {_short(expected)}"


def _parse(path: Path, raw: bytes) -> dict[str, Any]:
    """Return a certificate whose fields can be read.

    Raises:
        InputError: it is not JSON, not this kind of statement, or a field is missing or ill-typed.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        given = json.loads(raw)
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}).") from error
    wrong = best_match(Draft202012Validator(SCHEMA).iter_errors(given))
    if wrong:
        where = ".".join(map(str, wrong.absolute_path)) or "the certificate"
        raise InputError(f"{path}: {where} is not as it should be ({wrong.message[:200]}).")
    return given


def _check_file(folder: Path, name: str, digest: str) -> None:
    """Check that a file is there with its digest, and lies in its folder."""
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"the certificate names the file {name}, expected one inside {folder}.")
    if not file.is_file():
        raise InputError(f"{file} is missing; the certificate binds it.")
    found = sha256_file(file)
    if found != digest:
        raise InputError(
            f"{file} has sha256 {found}, but the certificate binds {digest}: the file or the "
            "certificate was altered, or the run was made again since."
        )


def _check_subjects(given: dict[str, Any], run: Run, subjects: list[Path]) -> None:
    """Check that the .safetensors is of the sample and the kept members, and the .png shows it."""
    from PIL import Image

    arrays, picture = subjects
    sample, kept = given["predicate"]["sample"], given["predicate"]["kept"]
    noise = read_tensors(run.folder / "noise/landscape.safetensors", names=["noise"])["noise"]
    held = read_tensors(arrays, names=["counterfactual", "sample", "keep"])
    image = held["counterfactual"]
    members = [f"{member:02d}" for member in np.flatnonzero(held["keep"])]
    if held["sample"].item() != sample or members != kept:
        raise InputError(
            f"{arrays} is sample {held['sample'].item()} of members {' '.join(members)}, but the "
            f"certificate is of sample {sample} of members {' '.join(kept)}."
        )
    shape = noise.shape[2:]
    if run.config["model"].get("autoencoder"):
        shape = image_shape(read_config(run.folder / "autoencoder"), shape)
    if sample >= noise.shape[1] or image.shape != shape:
        raise InputError(
            f"{arrays} is sample {sample} with shape {image.shape}, but the noise is for "
            f"{noise.shape[1]} samples of shape {shape}."
        )
    with Image.open(picture) as opened:
        pixels = np.asarray(opened).reshape(*image.shape[1:], image.shape[0])
    if not np.array_equal(pixels, to_bytes(image[None])[0]):
        raise InputError(f"{picture} does not show what {arrays} holds.")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
