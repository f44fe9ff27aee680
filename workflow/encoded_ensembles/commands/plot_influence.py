"""encens plot-influence."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.blocks import Blocks
from encoded_ensembles.commands.options.figures import Chosen, Output
from encoded_ensembles.commands.options.files import Code, Data, Influence, Samples


def plot_influence(
    blocks: Blocks,
    data: Data,
    code: Code,
    samples: Samples,
    influence: Influence,
    chosen: Chosen,
    output: Output,
    top: Annotated[int, Option(help="units shown for each sample")] = 5,
) -> None:
    """Draw chosen samples with their most influential units, counterfactuals and differences."""
    import numpy as np

    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.units import first_images
    from encoded_ensembles.ensemble.landscape import pictures_of
    from encoded_ensembles.figures.landscape import influence_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_arrays, read_table, read_tensors

    images = read_images(data).images
    unit_of = read_arrays(code)["unit_of"]
    factual = read_tensors(samples, names=["factual"])["factual"]
    table = read_table(influence)
    numbers = [int(part) for part in chosen.split(",")]
    tops = [
        table[(table["sample"] == number) & table["exact"]].nsmallest(top, "distance_rank")
        for number in numbers
    ]
    wanted = {
        (int(unit), number)
        for number, rows in zip(numbers, tops, strict=True)
        for unit in rows["unit"]
    }
    counterfactual_of = dict(pictures_of(blocks, wanted))
    panels = []
    for number, rows in zip(numbers, tops, strict=True):
        first = first_images(images, unit_of, rows["unit"])
        counterfactuals = np.stack([counterfactual_of[int(unit), number] for unit in rows["unit"]])
        panels.append((number, factual[number], rows, first, counterfactuals))
    save(influence_figure(panels), output)
