"""encens plot-code."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output
from encoded_ensembles.commands.options.files import Code


def plot_code(
    code: Code,
    properties: Annotated[Path, Option(help="properties, .json of encode-units")],
    output: Output,
) -> None:
    """Draw the code matrix and its properties."""
    from encoded_ensembles.figures.code import code_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_arrays, read_facts

    save(code_figure(read_arrays(code)["code"], read_facts(properties)), output)
