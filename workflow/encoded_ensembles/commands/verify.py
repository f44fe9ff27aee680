"""encens verify."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.features import Device


def verify(
    certificate: Annotated[Path, Argument(help="certificate, .json of certify")],
    run_folder: Annotated[
        Path | None,
        Option("--run", help="folder of the run or of copies of its files; two up if absent"),
    ] = None,
    signers: Annotated[
        Path | None, Option(help="allowed_signers file: require a signature by one of these")
    ] = None,
    resample: Annotated[
        bool, Option(help="also sample the picture again and compare it (needs torch)")
    ] = False,
    device: Device = "auto",
) -> None:
    """Check a certificate from the files it binds, without torch; exit code 1 if it fails."""
    import numpy as np

    from encoded_ensembles.runs.run import Run
    from encoded_ensembles.sharing.certificates import summary
    from encoded_ensembles.sharing.resampling import counterfactual
    from encoded_ensembles.sharing.signatures import check
    from encoded_ensembles.sharing.verification import verify as examine
    from encoded_ensembles.storage.files import InputError, read_tensors

    folder = run_folder or certificate.resolve().parent.parent
    run = Run(folder)
    given = examine(certificate, run)
    signed = check(certificate, signers=signers)
    said = "picture not sampled again (--resample does)"
    if resample:
        names = [unit["name"] for unit in given["predicate"]["units"]]
        picture, _ = counterfactual(run, given["predicate"]["sample"], names, device)
        file = certificate.parent / given["subject"][0]["name"]
        held = read_tensors(file, names=["counterfactual"])["counterfactual"]
        if not np.array_equal(picture, held):
            raise InputError(
                f"{file} is not what the bound noise and members give on this machine (largest "
                f"difference {np.abs(picture - held).max():.2g}): it was not sampled from them, or "
                "on another kind of processor."
            )
        said = "picture sampled again, the same to the byte"
    print(f"{certificate}: holds. {summary(given)}; {signed}; {said}")
