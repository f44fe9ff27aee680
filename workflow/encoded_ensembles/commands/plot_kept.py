"""encens plot-kept."""

from encoded_ensembles.commands.options.figures import Output, Scores


def plot_kept(scores: Scores, output: Output) -> None:
    """Draw the Frechet distance against the number of members kept."""
    from encoded_ensembles.features.frechet import caution, describe
    from encoded_ensembles.figures.quality import kept_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_table

    table = read_table(scores)
    label = describe(table["extractor"].iloc[0])
    save(kept_figure(table, frechet_label=label, remark=caution(table)), output)
