"""Options of the verbs that draw figures."""

from pathlib import Path
from typing import Annotated

from typer import Option

Output = Annotated[Path, Option(help="output, .pdf; a .png is written beside it")]
Scores = Annotated[Path, Option(help="scores, .parquet of score-frechet")]
Chosen = Annotated[str, Option("--chosen", help="numbers of samples, such as 0,1,2")]
Top = Annotated[int, Option(help="number of units shown for each sample")]
Attributed = Annotated[float, Option(help="largest q at which a unit is attributed")]
