"""Options of the verbs that read a finished run."""

from pathlib import Path
from typing import Annotated

from typer import Option

RunFolder = Annotated[
    Path, Option("--run", help="folder of a finished run, or its name in results/")
]
Units = Annotated[list[str], Option(help="names of units, A,B; repeatable")]
