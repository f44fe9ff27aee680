"""encens plot-evidence."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Output
from encoded_ensembles.commands.options.files import Contrast


def plot_evidence(
    contrast: Contrast,
    sets: Annotated[Path, Option(help="sets, .parquet of measure-contrast")],
    checks: Annotated[Path, Option(help="checks, .parquet of measure-contrast")],
    query_pairs: Annotated[Path, Option(help="pairs, .parquet of measure-queries")],
    query_answers: Annotated[Path, Option(help="answers, .parquet of measure-queries")],
    output: Output,
) -> None:
    """Draw the p-values of all units, and how often the nearest units together have p <= 0.05."""
    from encoded_ensembles.figures.evidence import evidence_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    queries = read_table(query_answers, columns=["sample", "kind", "own"]).set_index("sample")
    pairs = read_table(query_pairs, columns=["sample", "effect"])
    queries["effect"] = pairs.groupby("sample")["effect"].max()
    save(
        evidence_figure(read_table(contrast), read_table(sets), read_table(checks), queries), output
    )
