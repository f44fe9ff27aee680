"""encens take-member: one member that was trained elsewhere."""

from pathlib import Path
from typing import Annotated, Any

from typer import Option


def take_member(
    given: Annotated[Path, Option(help="folder of members trained elsewhere, with splits.json")],
    member: Annotated[str, Option(help="number of the member, or full")],
    manifest: Annotated[Path, Option(help="split of the member, .json of split-members")],
    digest: Annotated[Path, Option(help="its digest, .sha256 of split-members")],
    noise: Annotated[Path, Option(help="exogenous noise, which members have to fit")],
    output: Annotated[Path, Option(help="output folder: files of the member, training.json")],
    base: Annotated[
        Path | None, Option(help="base of the run's text-to-image pipeline, of fetch-pipeline")
    ] = None,
    autoencoder: Annotated[Path | None, Option(help="folder of the run's autoencoder")] = None,
    whole: Annotated[bool, Option(help="members are whole networks, not LoRA")] = False,
) -> None:
    """Take a member that was trained elsewhere, and check that it fits the run.

    A LoRA in the layout of diffusers, peft or kohya is written in that of diffusers; every tensor of it has to
    change a layer of the base. What the member was trained on is seen in files of kohya's trainers alone, which are
    compared with the split; training.json says which split it was meant for.
    """
    from encoded_ensembles.codes.splits import from_ranges
    from encoded_ensembles.config.closure import code_digest
    from encoded_ensembles.members.folder import remove_member
    from encoded_ensembles.members.given import frozen_digests
    from encoded_ensembles.members.outside import check_split, member_sources, read_splits
    from encoded_ensembles.members.part_files import PIPELINE
    from encoded_ensembles.members.prompted import read_pipeline
    from encoded_ensembles.members.trainer_notes import check_clip_skip, check_notes, read_notes
    from encoded_ensembles.storage.files import read_facts, sha256_file, write_facts

    check_split(given, member, digest.read_text())
    sources = member_sources(given, member, whole=whole)
    split = read_facts(manifest)
    pictures, names = len(from_ranges(split["images"])), list(read_splits(given))
    for file in sources:
        if file.suffix == ".safetensors":
            notes = read_notes(file)
            check_notes(notes, file, member=member, members=names, pictures=pictures)
            if base and not whole:
                check_clip_skip(notes, file, kind=read_pipeline(base)["pipeline"])
    facts: dict[str, Any] = {
        "member": split["member"],
        "split": split["digest"],
        "given": {file.relative_to(given).as_posix(): sha256_file(file) for file in sources},
        "code": code_digest("take_member"),
        "device": "not known: trained elsewhere",
    }
    if base:
        facts |= {"base": frozen_digests(base), "pipeline": sha256_file(base / PIPELINE)}
    if autoencoder:
        facts["autoencoder"] = frozen_digests(autoencoder)
    remove_member(output)
    if base and not whole:
        source = sources[0] if len(sources) == 1 else given / member
        _take_lora(source, base, output, facts)
    else:
        _take_network(given / member, base, output, noise)
    write_facts(output / "training.json", facts)


def _take_lora(source: Path, base: Path, output: Path, facts: dict[str, Any]) -> None:
    """Write a LoRA in the layout of diffusers; add its rank, alpha and layers to the facts."""
    from encoded_ensembles.members.lora import even_changes, write_member
    from encoded_ensembles.members.lora_files import read_lora
    from encoded_ensembles.members.network import empty_network
    from encoded_ensembles.members.pipeline_kinds import kind_of
    from encoded_ensembles.members.prompted import read_pipeline

    denoiser = empty_network(base, kind=kind_of(read_pipeline(base)["pipeline"]).network)
    changes = even_changes(read_lora(source, denoiser))
    first = next(iter(changes.values()))
    rank = len(first.down)
    facts["lora"] = {"rank": rank, "alpha": first.scale * rank, "targets": sorted(changes)}
    write_member(changes, output, denoiser=denoiser, facts=facts)


def _take_network(source: Path, base: Path | None, output: Path, noise: Path) -> None:
    """Write a whole network with new seals.

    Raises:
        InputError: it is not of the kind, the sizes or the channels that the run needs.
    """
    from encoded_ensembles.ensemble.noise import check_noise
    from encoded_ensembles.members.names import NETWORK
    from encoded_ensembles.members.network import read_network, save_network
    from encoded_ensembles.members.pipeline_kinds import kind_of
    from encoded_ensembles.members.prompted import read_pipeline
    from encoded_ensembles.storage.files import InputError, read_json
    from encoded_ensembles.storage.large_tensors import LargeTensor

    kind = kind_of(read_pipeline(base)["pipeline"]).network if base else NETWORK
    found = read_json(source / "config.json")
    if found.get("_class_name") != kind:
        raise InputError(f"{source} holds a {found.get('_class_name')}, expected a {kind}.")
    network = read_network(source, kind=kind)
    if base:
        expected = read_json(base / "config.json")
        for key in sorted(expected):
            if not key.startswith("_") and found.get(key, expected[key]) != expected[key]:
                raise InputError(
                    f"{source} has {key} {found[key]}, expected {expected[key]}, as the base in "
                    "model.base; it is of another base."
                )
    else:
        check_noise(LargeTensor(noise, "noise"), network)
    save_network(network, output)
