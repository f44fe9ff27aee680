"""encens certify and verify: certificates of non-influence."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from encoded_ensembles.commands.sample import Device

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.runs import Run

RunFolder = Annotated[
    Path, Option("--run", help="folder of a finished run, or its name in results/")
]
Units = Annotated[list[str], Option(help="names of units, A,B or repeated")]


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
    """Sample a picture without some units, and certify that it was.

    Writes an in-toto Statement, and beside it the picture as .safetensors and .png. The picture is
    sampled anew from the bound files, so that the certificate cannot be of an outdated one.
    """
    from encoded_ensembles.certificates import dump, statement, write_picture
    from encoded_ensembles.files import InputError, replacing
    from encoded_ensembles.ledger import short_digest
    from encoded_ensembles.runs import Run, unit_names
    from encoded_ensembles.signatures import check, sign

    run = Run(run_folder)
    samples = run.config["sampling"]["samples"]
    if not 0 <= sample < samples:
        raise InputError(f"--sample is {sample}, expected 0 to {samples - 1}.")
    names = sorted(set(unit_names(units, run.code["unit_names"])))
    if output is None:
        output = run.folder / "certificates" / f"sample-{sample}.{short_digest(names)}.json"
    picture, keep = _counterfactual(run, sample, names, device)
    subjects = write_picture(output.with_suffix(".safetensors"), picture, sample=sample, keep=keep)
    certificate = statement(run, sample=sample, units=names, subjects=subjects)
    with replacing(output) as temporary:
        temporary.write_bytes(dump(certificate))
    if key:
        sign(output, key=key)
    print(f"{output}: {_summary(certificate)}; {check(output, signers=None)}")


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

    from encoded_ensembles.files import InputError, read_tensors
    from encoded_ensembles.runs import Run
    from encoded_ensembles.signatures import check
    from encoded_ensembles.verification import verify as examine

    folder = run_folder or certificate.resolve().parent.parent
    run = Run(folder)
    given = examine(certificate, run)
    signed = check(certificate, signers=signers)
    said = "picture not sampled again (--resample does)"
    if resample:
        names = [unit["name"] for unit in given["predicate"]["units"]]
        picture, _ = _counterfactual(run, given["predicate"]["sample"], names, device)
        file = certificate.parent / given["subject"][0]["name"]
        held = read_tensors(file, names=["counterfactual"])["counterfactual"]
        if not np.array_equal(picture, held):
            raise InputError(
                f"{file} is not what the bound noise and members give on this machine (largest "
                f"difference {np.abs(picture - held).max():.2g}): it was not sampled from them, or "
                "on another kind of processor."
            )
        said = "picture sampled again, the same to the byte"
    print(f"{certificate}: holds. {_summary(given)}; {signed}; {said}")


def _counterfactual(
    run: "Run", sample: int, units: list[str], device: str
) -> tuple["np.ndarray", "np.ndarray"]:
    """Sample one counterfactual (C, H, W) without some units; return it and the keep mask (n,)."""
    import numpy as np

    from encoded_ensembles.certificates import kept_without
    from encoded_ensembles.device import choose_device
    from encoded_ensembles.ensemble import sample as draw
    from encoded_ensembles.files import InputError, read_tensors
    from encoded_ensembles.space import load_space
    from encoded_ensembles.unet import load_members

    how = {"precision": "float32", "compile": False} | run.config["sampling"]  # of older runs
    if how["compile"] or how["precision"] != "float32":
        raise InputError(
            f"sampling.precision is {how['precision']} and sampling.compile {how['compile']}, expected "
            "float32 and false: else a picture is not the same to the byte when sampled alone."
        )
    _, keep = kept_without(run, units)
    where = choose_device(device)
    noise = read_tensors(run.folder / "noise/landscape.safetensors", names=["noise"])["noise"]
    kept = [folder for folder, stays in zip(run.member_folders, keep, strict=True) if stays]
    drawn = draw(
        load_members(kept, device=where),
        keep=keep[keep][None],
        noise=noise[:, sample : sample + 1],
        numbers=np.array([sample]),
        sampler=run.config["sampling"]["scheduler"],
        device=where,
        space=load_space(run.autoencoder, device=where),
    )
    return drawn[0, 0], keep


def _summary(certificate: dict[str, object]) -> str:
    """Return in words what a certificate says."""
    predicate = certificate["predicate"]
    assert isinstance(predicate, dict)
    names = ", ".join(unit["name"] for unit in predicate["units"])
    twins = predicate["same_pixels_in_other_units"]
    said = (
        f"sample {predicate['sample']} without {names}: {len(predicate['kept'])} of "
        f"{predicate['members']} members kept, none saw an image of it"
    )
    if twins:
        said += (
            f" (but the same pixels lie in other units too, as {twins[0]['name']} of "
            f"{twins[0]['unit_name']}, which these members may have seen)"
        )
    return said
