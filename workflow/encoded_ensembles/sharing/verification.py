"""Verification of certificates from files alone, without torch and without trusting the certificate.

The content of a certificate is computed again from the files it binds, and compared field by field.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from encoded_ensembles.data.images import to_bytes
from encoded_ensembles.members.latents import image_shape, read_config
from encoded_ensembles.runs import layout
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
    """Check a certificate against the files of a run, without torch.

    Args:
        path: the certificate; its subjects are in the same folder.
        run: the run's folder, or a copy of the files in `predicate.files` and run.json.

    Returns:
        the certificate.

    Raises:
        InputError: it does not hold; the message says why.
    """
    raw = path.read_bytes()
    certificate = _parse(path, raw)
    predicate = certificate["predicate"]
    for name, digest in predicate["files"].items():
        _check_file(run.folder, name, digest)
    for subject in certificate["subject"]:
        _check_file(path.parent, subject["name"], subject["digest"]["sha256"])
    subjects = [path.parent / subject["name"] for subject in certificate["subject"]]
    names = [unit["name"] for unit in predicate["units"]]
    worked_out = statement(
        run,
        sample=predicate["sample"],
        units=names,
        subjects=subjects,
        digests=predicate["files"],  # checked above
    )
    if difference := first_difference(certificate, worked_out):
        raise InputError(f"{path}: {difference}.")
    if raw != dump(certificate):
        raise InputError(
            f"{path} has the content but not the bytes that encens certify writes, so it was edited; "
            "certify again."
        )
    _check_subjects(certificate, run, subjects)
    return certificate


def first_difference(given: Any, expected: Any, *, key: str = "") -> str | None:
    """Return the first difference of a certificate from the content computed from files, or None."""
    if isinstance(given, dict) and isinstance(expected, dict):
        for name in sorted(given.keys() | expected.keys()):
            where = f"{key}.{name}" if key else name
            if name not in expected:
                return f"{where} is not part of a certificate, expected no such field"
            if name not in given:
                return f"{where} is missing"
            if difference := first_difference(given[name], expected[name], key=where):
                return difference
        return None
    if isinstance(given, list) and isinstance(expected, list) and len(given) == len(expected):
        for index, (item, other) in enumerate(zip(given, expected, strict=True)):
            if difference := first_difference(item, other, key=f"{key}[{index}]"):
                return difference
        return None
    if type(given) is type(expected) and given == expected:
        return None
    return f"{key} is {_short(given)}, but the files of the run give {_short(expected)}"


def _parse(path: Path, raw: bytes) -> dict[str, Any]:
    """Return a certificate that matches the schema.

    Raises:
        InputError: it is not JSON, not this kind of statement, or a field is missing or of a wrong type.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        certificate = json.loads(raw)
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}).") from error
    error_of_schema = best_match(Draft202012Validator(SCHEMA).iter_errors(certificate))
    if error_of_schema:
        where = ".".join(map(str, error_of_schema.absolute_path)) or "the certificate"
        raise InputError(
            f"{path}: {where} is not as it should be ({error_of_schema.message[:200]})."
        )
    return certificate


def _check_file(folder: Path, name: str, digest: str) -> None:
    """Check that a file exists inside its folder and has its digest."""
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"the certificate names the file {name}, expected one inside {folder}.")
    if not file.is_file():
        raise InputError(f"{file} is missing; the certificate binds it.")
    sha256 = sha256_file(file)
    if sha256 != digest:
        raise InputError(
            f"{file} has sha256 {sha256}, but the certificate binds {digest}: the file or the "
            "certificate was altered, or the run was made again since."
        )


def _check_subjects(certificate: dict[str, Any], run: Run, subjects: list[Path]) -> None:
    """Check that the .safetensors is of the sample and the kept members, and the .png equals it."""
    from PIL import Image

    arrays, picture = subjects
    sample, kept = certificate["predicate"]["sample"], certificate["predicate"]["kept"]
    noise = read_tensors(run.folder / layout.NOISE, names=["noise"])["noise"]
    tensors = read_tensors(arrays, names=["counterfactual", "sample", "keep"])
    image = tensors["counterfactual"]
    members = [f"{member:02d}" for member in np.flatnonzero(tensors["keep"])]
    if tensors["sample"].item() != sample or members != kept:
        raise InputError(
            f"{arrays} is sample {tensors['sample'].item()} of members {' '.join(members)}, but the "
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
    try:
        with Image.open(picture) as opened:
            pixels = np.asarray(opened)
    except OSError as error:
        raise InputError(f"{picture} is not a picture that can be read ({error}).") from error
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if not np.array_equal(pixels, to_bytes(image[None])[0]):
        raise InputError(f"{picture} does not show what {arrays} holds.")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
