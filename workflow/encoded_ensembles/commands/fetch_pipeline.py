"""encens fetch-pipeline: the parts of a text-to-image pipeline that a run's members and samples depend on."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.pipeline import Pipeline


def fetch_pipeline(
    pipeline: Pipeline,
    base: Annotated[
        Path, Option(help="output folder: config.json, weights and pipeline.json of the denoiser")
    ],
    autoencoder: Annotated[Path, Option(help="output folder: config.json and weights")],
    base_digest: Annotated[Path, Option(help="output, .json: SHA-256 of the base's files")],
    autoencoder_digest: Annotated[
        Path, Option(help="output, .json: SHA-256 of the autoencoder's files")
    ],
) -> None:
    """Copy the denoiser, the autoencoder and the scheduler of a pipeline into the run.

    The denoiser stays in the precision of its files, the autoencoder is written in float32. The digest of the base
    also covers the files of the pipeline, its text encoders included.
    """
    from encoded_ensembles.members.given import frozen_digests
    from encoded_ensembles.members.network import save_network
    from encoded_ensembles.members.part_files import PIPELINE
    from encoded_ensembles.members.parts import digests, load_part, read_parts, stored_dtype
    from encoded_ensembles.members.pipeline_kinds import token_side
    from encoded_ensembles.storage.files import InputError, sha256_file, write_facts

    parts = read_parts(pipeline)
    if parts.config("vae").get("latents_mean") is not None:
        raise InputError(
            f"the autoencoder in {parts.folder / 'vae'} sets latents_mean, which is not supported, expected "
            "one with a scaling_factor only; use another base."
        )
    denoiser = parts.kind.denoiser
    save_network(load_part(parts, denoiser, dtype=stored_dtype(parts, denoiser)), base)
    save_network(load_part(parts, "vae"), autoencoder)
    facts = {
        "pipeline": parts.kind.pipeline,
        "scheduler": parts.scheduler,
        "patch": token_side(parts.config(denoiser)),
        "files": digests(parts),
    }
    if not Path(pipeline).is_dir():  # of the hub, whose folders are named by their revision
        facts["revision"] = parts.folder.name
    write_facts(base / PIPELINE, facts)
    own = frozen_digests(base) | {PIPELINE: sha256_file(base / PIPELINE)}
    write_facts(base_digest, {"sha256": own})
    write_facts(autoencoder_digest, {"sha256": frozen_digests(autoencoder)})
