"""Certificates of non-influence: a counterfactual was sampled without certain units.

A certificate is an in-toto Statement (v1) in JSON. It binds the picture to the digests of the files
that determine it: noise, code, and weights and split of each kept member; the base of adapters; the
autoencoder of latents; and captions and prompts. It says nothing about the training of base and autoencoder. It is checked from
these files alone: its content is computed again from them and compared field by field, so that
any change is detected. docs/certificates.md says what is proved, and what is not.

Source: in-toto Attestation Framework, Statement v1, https://github.com/in-toto/attestation.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from encoded_ensembles.codes.masks import set_keep
from encoded_ensembles.codes.splits import from_ranges
from encoded_ensembles.codes.words import spell
from encoded_ensembles.data.captions import training_captions
from encoded_ensembles.data.images import set_digest, to_bytes
from encoded_ensembles.data.units import find_units, same_pixels
from encoded_ensembles.members.names import ADAPTER_CONFIG, member_files
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.run import Run
from encoded_ensembles.storage.files import (
    InputError,
    read_facts,
    read_json,
    read_table,
    replacing,
    sha256_file,
    write_tensors,
)

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:x-encoded-ensembles:non-influence:v1"
CLAIM = (
    "The subject was sampled from the bound noise by the kept members alone, and the split of no "
    "kept member holds an image of the units."
)
CAPTIONS_CLAIM = (
    "No kept member was trained on an image of the units with its caption. Images of other units "
    "may have the same words; the words of the prompt are no part of the claim."
)
TAKEN_CLAIM = (
    "The kept members were trained elsewhere. That each was trained {base}on the images of its split and on no others "
    "is the statement of whoever trained them; it is not proved."
)
# Claims on frozen networks, by their keys in `model`.
FROZEN_CLAIMS = {
    "base": (
        "The kept members are adapters of the base network in these files; what the base itself was "
        "trained on, which may hold images of the units, is no part of the claim."
    ),
    "autoencoder": (
        "The kept members see images as latents of the autoencoder in these files, which also decodes "
        "the subject; what the autoencoder itself was trained on, which may hold images of the units, is "
        "no part of the claim."
    ),
}


def write_picture(
    path: Path, counterfactual: np.ndarray, *, sample: int, keep: np.ndarray
) -> list[Path]:
    """Write a counterfactual as .safetensors, and as .png for viewing.

    Args:
        path: path of the .safetensors, which holds counterfactual, sample and keep.
        counterfactual: (C, H, W) float32 in [-1, 1].
        sample: number of the sample.
        keep: (n,) bool, the members it was sampled with.

    Returns:
        both files, the subjects of a certificate.
    """
    from PIL import Image

    arrays = {"counterfactual": counterfactual, "sample": np.array([sample]), "keep": keep}
    write_tensors(path, arrays)
    pixels = to_bytes(counterfactual[None])[0]
    picture = path.with_suffix(".png")
    with replacing(picture) as temporary:
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(temporary, "PNG")
    return [path, picture]


def kept_without(run: Run, units: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of some units (k,), and the members (n,) bool that saw none of them.

    Raises:
        InputError: a name is not a unit's, or every member saw one of the units.
    """
    numbers = find_units(run.code["unit_names"], units)
    keep = set_keep(run.code["code"][numbers])
    if not keep.any():
        raise InputError(
            f"every one of the {len(keep)} members saw one of {', '.join(units)}, expected a member "
            "that saw none of them; encens forget prepares the retraining."
        )
    return numbers, keep


def statement(
    run: Run,
    *,
    sample: int,
    units: list[str],
    subjects: list[Path],
    digests: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the certificate of a sample without some units, computed from the files of a run.

    Args:
        run: a finished run.
        sample: number of the sample, 0..B-1.
        units: names of units.
        subjects: files of `write_picture`.
        digests: SHA-256 of bound files that are already known, by name.

    Returns:
        the in-toto Statement.

    Raises:
        InputError: every member saw one of these units, or the files do not support the claim.
    """
    numbers, keep = kept_without(run, units)
    known, sampling = digests or {}, run.sampling
    frozen = frozen_files(run)
    frozen_names = [name for files in frozen.values() for name in files]
    kept = [member for member, stays in zip(run.members, keep, strict=True) if stays]
    names = run.code["unit_names"][numbers].tolist()
    rows, captions = run.images[run.images["unit_name"].isin(names)], _captions(run)
    listed = ["name", "sha256", "pixels_sha256"]
    if captions:
        listed, rows = [*listed, "caption"], rows.assign(caption=rows["name"].map(captions))
    files = {
        name: known.get(name) or sha256_file(run.folder / name)
        for name in [*frozen_names, *bound_files(kept, run.config)]
    }
    bound = {part: {Path(name).name: files[name] for name in frozen[part]} for part in frozen}
    for member in kept:
        check_member(run, member, forbidden=set(rows["sha256"]), captions=captions)
        check_frozen(run, member, digests=bound)
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": path.name, "digest": {"sha256": sha256_file(path)}} for path in subjects
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "claim": CLAIM,
            "run": run.config["run"],
            "sample": int(sample),
            "scheduler": sampling["scheduler"],
            **({"guidance": sampling["guidance"]} if layout.prompted(run.config) else {}),
            **(
                {}
                if sampling["precision"] == "float32"
                else {key: sampling[key] for key in ("precision", "batch")}
            ),
            "units": [
                {
                    "name": name,
                    "word": word,
                    "images": rows.loc[rows["unit_name"] == name, listed].to_dict("records"),
                }
                for name, word in zip(names, spell(run.code["code"][numbers]), strict=True)
            ],
            "members": len(keep),
            "kept": kept,
            "same_pixels_in_other_units": same_pixels(run.images, names).to_dict("records"),
            **({"captions": {"claim": CAPTIONS_CLAIM}} if captions else {}),
            **_taken(run, kept),
            **{
                part: {"claim": FROZEN_CLAIMS[part], "files": names}
                for part, names in frozen.items()
            },
            "files": files,
        },
    }


def _captions(run: Run) -> dict[str, str]:
    """Return the captions of the training images by name; empty in a run without prompts."""
    if not layout.prompted(run.config):
        return {}
    return training_captions(
        read_table(run.folder / layout.CAPTIONS), run.images["name"].to_numpy()
    )


def _taken(run: Run, kept: list[str]) -> dict[str, Any]:
    """Return what is said of members that were trained elsewhere: the digests of the files they came in."""
    if not layout.taken(run.config):
        return {}
    folder = run.folder / layout.MEMBERS
    files = {member: read_facts(folder / member / "training.json")["given"] for member in kept}
    base = "on the base of this run, " if layout.prompted(run.config) else ""
    return {"trained_elsewhere": {"claim": TAKEN_CLAIM.format(base=base), "files": files}}


def frozen_files(run: Run) -> dict[str, list[str]]:
    """Return the files of each frozen network, relative to the run's folder, by its key in `model`."""
    return {
        part: [f"{part}/{name}" for name in member_files(adapter=False)]
        for part in FROZEN_CLAIMS
        if run.config["model"].get(part)
    }


def bound_files(kept: list[str], config: Mapping[str, Any]) -> list[str]:
    """Return the files that determine a counterfactual, relative to the run, except frozen networks.

    Args:
        kept: names of members.
        config: of the run.
    """
    member_names = [*layout.own_files(config), "training.json"]
    return [
        *((*layout.SAMPLING_TEXTS, layout.CAPTIONS) if layout.prompted(config) else ()),
        layout.NOISE,
        layout.CODE,
        layout.IMAGES,
        *(
            name
            for member in kept
            for name in (
                f"splits/{member}.json",
                *(f"members/{member}/{file}" for file in member_names),
            )
        ),
    ]


def check_member(
    run: Run, member: str, *, forbidden: set[str], captions: Mapping[str, str]
) -> None:
    """Check that a member was trained on its split, and that the split holds no forbidden image.

    Args:
        run: a finished run.
        member: name of the member.
        forbidden: digests of images.
        captions: of the training images by name; empty in a run without prompts.

    Raises:
        InputError: a check fails.
    """
    manifest = read_facts(run.folder / layout.SPLITS / f"{member}.json")
    facts = read_facts(run.folder / layout.MEMBERS / member / "training.json")
    trained = facts["split"]
    digests = run.images["sha256"].to_numpy()
    rows = from_ranges(manifest["images"])
    if len(rows) and rows[-1] >= len(digests):
        raise InputError(
            f"splits/{member}.json names image {rows[-1]}, but code/images.parquet has "
            f"{len(digests)}: they are not of one run."
        )
    digest = set_digest(digests[rows])
    if not digest == manifest["digest"] == trained:
        raise InputError(
            f"member {member} was trained on a split with digest {trained}, its manifest says "
            f"{manifest['digest']}, and the images it names give {digest}, expected all three equal: "
            "the run is not up to date; run snakemake again."
        )
    names = run.images["name"].to_numpy()[rows].tolist()
    said = set_digest(f"{name}\0{captions[name]}" for name in names) if captions else None
    # A member that was trained elsewhere records none: its split's were compared when it was taken.
    if not layout.taken(run.config) and facts.get("captions") != said:
        raise InputError(
            f"member {member} was trained on captions with digest {facts.get('captions')}, but those of its split in "
            f"{layout.CAPTIONS} give {said}, expected both equal: the run is not up to date; run snakemake again."
        )
    seen = forbidden.intersection(digests[rows])
    if seen:
        raise InputError(
            f"the split of member {member} holds the image with sha256 {min(seen)}, expected none "
            "of the units' images in it."
        )


def check_frozen(run: Run, member: str, *, digests: Mapping[str, Mapping[str, str]]) -> None:
    """Check that a member was trained on the frozen networks of the run, and on no others.

    Args:
        run: a finished run.
        member: name of the member.
        digests: digests of the files of each frozen network, by its key in `model`.

    Raises:
        InputError: a check fails.
    """
    folder = run.folder / layout.MEMBERS / member
    facts = read_facts(folder / "training.json")
    for part in FROZEN_CLAIMS:
        trained, expected = facts.get(part, {}), digests.get(part, {})
        if trained != expected:
            raise InputError(
                f"member {member} was trained on the {part} {trained or 'none'}, expected "
                f"{expected or 'none'}, the files of the run: it is not up to date; run snakemake again."
            )
    if layout.prompted(run.config):  # sampling is told the base
        return
    if "base" in digests:
        base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
        if base != "../../base":
            raise InputError(
                f"member {member} is an adapter of the base in {base}, expected ../../base, that of "
                "the run: sampling would use another; run snakemake again."
            )
    elif (folder / ADAPTER_CONFIG).exists():
        raise InputError(
            f"member {member} has an {ADAPTER_CONFIG}, which sampling would use in place of its "
            "weights, expected none in this run; delete it and run snakemake again."
        )


def dump(certificate: dict[str, Any]) -> bytes:
    """Return a certificate in its only valid form: indented JSON with sorted keys, as bytes."""
    return (json.dumps(certificate, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def summary(certificate: dict[str, object]) -> str:
    """Return the content of a certificate as a sentence."""
    predicate = certificate["predicate"]
    assert isinstance(predicate, dict)
    names = ", ".join(unit["name"] for unit in predicate["units"])
    twins = predicate["same_pixels_in_other_units"]
    sentence = (
        f"sample {predicate['sample']} without {names}: {len(predicate['kept'])} of "
        f"{predicate['members']} members kept, none saw an image of it"
    )
    if "trained_elsewhere" in predicate:
        sentence += ", as whoever trained them elsewhere states"
    if twins:
        sentence += (
            f" (but the same pixels are in other units too, as {twins[0]['name']} of "
            f"{twins[0]['unit_name']}, which these members may have seen)"
        )
    return sentence
