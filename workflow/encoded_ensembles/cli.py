"""The command line `encens`: one verb for each step of the pipeline."""

import errno
import os
import sys
from pathlib import Path

# Read when NumPy and torch start, so before them: one thread a job. Two gain 1.6x at best, and lose
# up to 20x when another process runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer

from encoded_ensembles import unet
from encoded_ensembles.commands.certify import certify, verify
from encoded_ensembles.commands.check_names import check_names
from encoded_ensembles.commands.check_run import check_run
from encoded_ensembles.commands.contrast import measure_contrast
from encoded_ensembles.commands.controls import choose_controls, sample_controls
from encoded_ensembles.commands.encode import encode_units
from encoded_ensembles.commands.expect import expect_influence
from encoded_ensembles.commands.false_attribution import check_attribution
from encoded_ensembles.commands.fetch import fetch_dataset
from encoded_ensembles.commands.follow import follow_members
from encoded_ensembles.commands.forget import forget
from encoded_ensembles.commands.frechet import score_frechet, train_classifier
from encoded_ensembles.commands.frozen import fetch_autoencoder, fetch_base
from encoded_ensembles.commands.gallery import make_gallery
from encoded_ensembles.commands.grade import grade_methods
from encoded_ensembles.commands.gradients import project_gradients
from encoded_ensembles.commands.heldout import measure_heldout
from encoded_ensembles.commands.influence import measure_influence
from encoded_ensembles.commands.init import init
from encoded_ensembles.commands.measure_screened import measure_screened
from encoded_ensembles.commands.noise import draw_noise
from encoded_ensembles.commands.null_check import check_null
from encoded_ensembles.commands.pipeline import export_pipeline
from encoded_ensembles.commands.plan import plan
from encoded_ensembles.commands.planted import find_planted
from encoded_ensembles.commands.plot import (
    plot_aliasing,
    plot_attribution,
    plot_code,
    plot_evidence,
    plot_influence,
    plot_kept,
    plot_landscape,
    plot_loss,
    plot_samples,
)
from encoded_ensembles.commands.plot_grade import plot_gains, plot_scoreboard, plot_truth
from encoded_ensembles.commands.plot_study import plot_levels, plot_members, plot_sizes
from encoded_ensembles.commands.record import record_run
from encoded_ensembles.commands.rivals import score_rivals
from encoded_ensembles.commands.sample import ablate_block, sample_ensemble, sample_frechet
from encoded_ensembles.commands.scoreboard import score_methods
from encoded_ensembles.commands.screen import screen_block
from encoded_ensembles.commands.sets import ablate_units
from encoded_ensembles.commands.split import split_control, split_heldout, split_member
from encoded_ensembles.commands.study import measure_levels, measure_members, measure_retraining
from encoded_ensembles.commands.study_runs import keep_study, measure_sizes
from encoded_ensembles.commands.train import train_member
from encoded_ensembles.commands.train_together import train_members
from encoded_ensembles.commands.universe import export_universe, import_universe
from encoded_ensembles.disk import explain
from encoded_ensembles.errors import ForeignError, InputError

app = typer.Typer(
    name="encens",
    help="Encoded ensembles of diffusion models: which training data shaped an image.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    init,
    plan,
    fetch_dataset,
    fetch_base,
    fetch_autoencoder,
    encode_units,
    check_names,
    split_member,
    train_member,
    train_members,
    draw_noise,
    sample_ensemble,
    ablate_block,
    ablate_units,
    screen_block,
    measure_influence,
    measure_screened,
    check_attribution,
    check_null,
    follow_members,
    measure_contrast,
    find_planted,
    project_gradients,
    score_rivals,
    sample_frechet,
    train_classifier,
    score_frechet,
    choose_controls,
    split_control,
    sample_controls,
    split_heldout,
    measure_heldout,
    expect_influence,
    grade_methods,
    score_methods,
    measure_levels,
    measure_members,
    measure_retraining,
    measure_sizes,
    keep_study,
    plot_code,
    plot_aliasing,
    plot_samples,
    plot_influence,
    plot_landscape,
    plot_attribution,
    plot_evidence,
    plot_gains,
    plot_scoreboard,
    plot_truth,
    plot_kept,
    plot_loss,
    plot_levels,
    plot_members,
    plot_sizes,
    make_gallery,
    record_run,
    check_run,
    forget,
    certify,
    verify,
    export_pipeline,
    export_universe,
    import_universe,
):
    app.command()(command)


def main() -> None:
    """Run a verb; a mistake of the user's, of the disk, or a full GPU ends in one sentence and code 1."""
    unet.only_needed = True
    try:
        app()
    except ForeignError as error:
        sys.exit(f"encens: error: {str(error).rstrip('.')}{_taken(error.path)}.")
    except InputError as error:
        sys.exit(f"encens: error: {error}")
    except OSError as error:
        full = error.filename and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        sentence = explain(error, Path(error.filename)) if full else None
        sys.exit(f"encens: error: {sentence or _missing(error)}")
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported for this
            raise
        said = str(error).split(". ")[0]
        sys.exit(f"encens: error: {said}; give the job a larger GPU, or one of its own.")


def _missing(error: OSError) -> str:
    """Return one sentence on a file that could not be read, with what its option takes."""
    if error.filename is None or error.strerror is None:
        return str(error)
    said = {errno.ENOENT: "is not there", errno.EISDIR: "is a folder, expected a file"}
    problem = said.get(error.errno or 0, f"cannot be used ({error.strerror})")
    return f"{error.filename} {problem}{_taken(Path(os.fsdecode(error.filename)))}."


def _taken(path: Path) -> str:
    """Return what the option takes by which a file, or its folder, was given, to end a sentence."""
    verb = typer.main.get_command(app).commands[sys.argv[1]]  # type: ignore[attr-defined]
    try:
        given = verb.make_context(sys.argv[1], sys.argv[2:], resilient_parsing=True).params
    except InputError:  # of an option that looks for files
        return ""
    home, found = path.absolute(), {}
    for option in verb.params:
        values = given.get(option.name)
        for value in values if isinstance(values, list | tuple) else [values]:
            if isinstance(value, Path) and value.absolute() in (home, *home.parents):
                name = next((each for each in option.opts if each.startswith("--")), option.name)
                found[len(value.absolute().parts)] = f"; {name} takes: {option.help}"
    return found[max(found)] if found else ""
