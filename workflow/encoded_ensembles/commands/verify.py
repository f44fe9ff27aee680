"""encens verify."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options.features import Device


def verify(
    certificate: Annotated[Path, Argument(help="certificate, .json of certify")],
    run_folder: Annotated[
        Path | None,
        Option(
            "--run", help="folder of the run or of copies of its files; two levels up if absent"
        ),
    ] = None,
    signers: Annotated[
        Path | None, Option(help="allowed_signers file: require a signature by one of them")
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
    content = examine(certificate, run)
    signed = check(certificate, signers=signers)
    sampling = "picture not sampled again (--resample does)"
    if resample:
        names = [unit["name"] for unit in content["predicate"]["units"]]
        picture, _ = counterfactual(run, content["predicate"]["sample"], names, device)
        file = certificate.parent / content["subject"][0]["name"]
        certified = read_tensors(file, names=["counterfactual"])["counterfactual"]
        if not np.array_equal(picture, certified):
            raise InputError(
                f"{file} differs from the picture that the bound noise and members give on this "
                f"machine (by up to {np.abs(picture - certified).max():.2g}): it was not sampled from them, "
                "or on another kind of processor."
            )
        sampling = "picture sampled again, with the same bytes"
    print(f"{certificate}: holds. {summary(content)}; {signed}; {sampling}")
