"""encens attribute: which training units shaped a picture."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device


def attribute(
    run: Annotated[Path, Option(help="folder of a finished run, or its name in results/")],
    image: Annotated[list[Path], Option(help="picture to attribute; repeatable")],
    top: Annotated[int, Option(help="units shown for each picture")] = 5,
    output: Annotated[
        Path | None, Option(help="output, .parquet with .csv: one row per picture and unit")
    ] = None,
    device: Device = "auto",
) -> None:
    """Attribute pictures of any origin: what training on each unit does to the denoising of them.

    Each picture is noised to several levels and denoised by every member; nothing is sampled. Printed
    for each: the units, or the smallest group of units, that can be named, and the units of largest
    joint score. A unit is called close if its effect exceeds the largest effects on held-out images.
    """
    from encoded_ensembles.figures.evidence import answer_text
    from encoded_ensembles.influence.queries import closeness
    from encoded_ensembles.runs.run import Run
    from encoded_ensembles.storage.files import InputError, write_table

    if top < 1:
        raise InputError(f"--top is {top}, expected at least 1.")
    opened = Run(run)
    level = opened.config["contrast"]["attributed"]
    pairs, answers = opened.attribute_pictures(image, None, device=device)
    for answer in answers.to_dict("records"):
        close = closeness(answer["close"], heldout=answer["heldout"], level=level)
        said = f"{answer_text(answer)} (error rate {answer['rate']:.2g}); {close}"
        print(f"{answer['picture']}: {said}")
        best = pairs[(pairs["picture"] == answer["picture"]) & (pairs["rank"] <= top)]
        shown = best[["unit_name", "z", "p", "q", "attributed", "effect", "heldout_share", "close"]]
        print(shown.to_string(index=False, float_format="{:.3g}".format), end="\n\n")
    if output:
        write_table(output, pairs)
