"""encens export-pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from encoded_ensembles.commands.options.run import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from encoded_ensembles.runs.run import Run


def export_pipeline(
    run_folder: RunFolder,
    output: Annotated[Path | None, Option(help="output folder; RUN/ensemble if absent")] = None,
) -> None:
    """Write the ensemble of a run as a diffusers pipeline, with its code matrix and a model card.

    Of a text-to-image run, its adapters and the code matrix, for `encoded_ensembles.TextEnsemble`.
    """
    import torch

    from encoded_ensembles.ensemble.diffusion import make_scheduler
    from encoded_ensembles.members.load import load_members
    from encoded_ensembles.members.network import load_network
    from encoded_ensembles.runs.run import Run
    from encoded_ensembles.sharing.component import Members
    from encoded_ensembles.sharing.pipeline import EncodedEnsemblePipeline

    run = Run(run_folder)
    if run.prompting:
        from encoded_ensembles.sharing import text_pipeline

        folder = output or run.folder / "ensemble"
        _replace(folder, lambda new: text_pipeline.export(run, new))
        print(
            f"{folder}: load it with encoded_ensembles.TextEnsemble.from_pretrained({str(folder)!r})"
        )
        return
    cpu = torch.device("cpu")
    vae = run.autoencoder and load_network(run.autoencoder, device=cpu, kind="AutoencoderKL")
    sampling = run.config["sampling"]
    members = Members(
        load_members(run.member_folders, device=cpu),
        code=run.code["code"],
        unit_names=run.code["unit_names"],
    )
    pipe = EncodedEnsemblePipeline(
        members,
        make_scheduler(steps=sampling["steps"], sampler=sampling["scheduler"], bounded=vae is None),
        sampler=sampling["scheduler"],
        steps=sampling["steps"],
        about=_about(run),
        vae=vae,
        batch=sampling.get("batch"),
    )
    folder = output or run.folder / "ensemble"
    _replace(folder, pipe.save_pretrained)
    print(
        f"{folder}: load it with DiffusionPipeline.from_pretrained({str(folder)!r}, "
        "trust_remote_code=True)"
    )


def _replace(folder: Path, write: "Callable[[Path], None]") -> None:
    """Write a folder under a temporary name, then rename it; only an earlier pipeline is replaced.

    Raises:
        InputError: the folder exists and holds other files.
    """
    import tempfile

    from encoded_ensembles.storage.files import InputError

    exists = folder.exists()
    if (
        exists
        and any(folder.iterdir())
        and not any((folder / name).is_file() for name in ("model_index.json", "ensemble.json"))
    ):
        raise InputError(
            f"--output is {folder}, which holds other files, expected a new folder or an earlier "
            "pipeline; name another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        write(Path(beside) / "new")
        if exists:
            folder.rename(Path(beside) / "old")
        (Path(beside) / "new").rename(folder)
    # leaving the temporary folder deletes the earlier pipeline, after the new one is in place


def _about(run: "Run") -> dict[str, Any]:
    """Return the facts of a run for its model card."""
    from encoded_ensembles.features.frechet import caution, describe
    from encoded_ensembles.runs import layout
    from encoded_ensembles.sharing.model_card import SETS
    from encoded_ensembles.storage.files import read_facts, read_table

    scores = read_table(run.folder / layout.SCORES)
    mean = scores.groupby("set")["frechet"].mean()
    return {
        "run": run.config["run"],
        "dataset": read_facts(run.folder / layout.DATASET),
        "units": run.config["units"]["by"],
        "distance": describe(scores["extractor"].iloc[0]),
        "caution": caution(scores),
        "frechet": [
            {"set": name, "value": float(mean[name]), "images": int(scores["images"].max())}
            for name in SETS
            if name in mean
        ],
    }
