"""encens plot-attribution."""

from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.figures import Attributed, Chosen, Output
from encoded_ensembles.commands.options.files import Answers, Code, Contrast, Data, Samples


def plot_attribution(
    data: Data,
    code: Code,
    samples: Samples,
    contrast: Contrast,
    answers: Answers,
    chosen: Chosen,
    output: Output,
    top: Annotated[int, Option(help="units shown for each sample")] = 5,
    attributed: Attributed = 0.05,
) -> None:
    """Draw chosen samples with what each is attributed to, the units of largest joint score, and the evidence for them."""
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.data.units import first_images
    from encoded_ensembles.figures.evidence import answer_text, attribution_figure
    from encoded_ensembles.figures.style import save
    from encoded_ensembles.storage.files import read_arrays, read_table, read_tensors

    images = read_images(data).images
    unit_of = read_arrays(code)["unit_of"]
    factual = read_tensors(samples, names=["factual"])["factual"]
    table, said = read_table(contrast), read_table(answers).to_dict("records")
    panels = []
    for number in map(int, chosen.split(",")):
        rows = table[table["sample"] == number]
        best = rows[rows["joint_rank"] <= top].sort_values("joint_rank")
        first = first_images(images, unit_of, best["unit"])
        panels.append((number, factual[number], best, first, answer_text(said[number])))
    save(attribution_figure(panels, level=attributed), output)
