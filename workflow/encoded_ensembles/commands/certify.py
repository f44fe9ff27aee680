"""encens certify."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.run import RunFolder, Units


def certify(
    run_folder: RunFolder,
    sample: Annotated[int, Option(help="number of the sample, from 0")],
    units: Units,
    output: Annotated[
        Path | None,
        Option(help="output, .json; in RUN/certificates, by sample and units, if absent"),
    ] = None,
    key: Annotated[
        Path | None, Option(help="SSH private key to sign with; unsigned if absent")
    ] = None,
    device: Device = "auto",
) -> None:
    """Sample a picture without some units, and certify it.

    Writes an in-toto Statement, and beside it the picture as .safetensors and .png. The picture is
    sampled again from the bound files, so that the certificate cannot cover an outdated picture.
    """
    from encoded_ensembles.runs import layout
    from encoded_ensembles.runs.run import Run, unit_names
    from encoded_ensembles.sharing.certificates import dump, statement, summary, write_picture
    from encoded_ensembles.sharing.resampling import counterfactual
    from encoded_ensembles.sharing.signatures import check, sign, signature_file
    from encoded_ensembles.storage.files import InputError, replacing
    from encoded_ensembles.storage.ledger import short_digest

    run = Run(run_folder)
    samples = run.config["sampling"]["samples"]
    if not 0 <= sample < samples:
        raise InputError(f"--sample is {sample}, expected 0 to {samples - 1}.")
    names = sorted(set(unit_names(units, run.code["unit_names"])))
    if output is None:
        output = run.folder / layout.CERTIFICATES / f"sample-{sample}.{short_digest(names)}.json"
    picture, keep = counterfactual(run, sample, names, device)
    subjects = write_picture(output.with_suffix(".safetensors"), picture, sample=sample, keep=keep)
    certificate = statement(run, sample=sample, units=names, subjects=subjects)
    signature_file(output).unlink(missing_ok=True)  # of an earlier certificate
    with replacing(output) as temporary:
        temporary.write_bytes(dump(certificate))
    if key:
        sign(output, key=key)
    print(f"{output}: {summary(certificate)}; {check(output, signers=None)}")
