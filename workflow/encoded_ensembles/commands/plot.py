"""encens plot-*: one verb for each figure, written as PDF and PNG."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from encoded_ensembles.commands.options import Blocks, Code, Data, Samples

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

Output = Annotated[Path, Option(help="output, .pdf; a .png is written beside it")]
Scores = Annotated[Path, Option(help="scores, .parquet of score-frechet")]
Influence = Annotated[Path, Option(help="influence, .parquet of measure-influence")]
Contrast = Annotated[Path, Option(help="contrast, .parquet of measure-contrast")]
Chosen = Annotated[str, Option("--chosen", help="numbers of samples, such as 0,1,2")]


def plot_code(
    code: Code,
    properties: Annotated[Path, Option(help="properties, .json of encode-units")],
    output: Output,
) -> None:
    """Draw the code matrix and its properties."""
    from encoded_ensembles.code_figures import code_figure
    from encoded_ensembles.files import read_arrays, read_facts

    save(code_figure(read_arrays(code)["code"], read_facts(properties)), output)


def plot_aliasing(
    aliasing: Annotated[Path, Option(help="aliasing, .parquet of measure-influence")],
    output: Output,
) -> None:
    """Draw how alike the influences of two units are, against their words' Hamming distance."""
    from encoded_ensembles.code_figures import aliasing_figure
    from encoded_ensembles.files import read_table

    save(aliasing_figure(read_table(aliasing)), output)


def plot_samples(
    scores: Scores,
    pictures: Annotated[Path, Option(help="first images of each set, .npz of score-frechet")],
    output: Output,
) -> None:
    """Draw real images and samples of the full model, a member, the ensemble, ablated ensembles.

    Beside each row stands the Frechet distance of the set whose first images it shows.
    """
    import numpy as np

    from encoded_ensembles.data import to_signed
    from encoded_ensembles.figures import samples_figure
    from encoded_ensembles.files import read_arrays, read_table
    from encoded_ensembles.frechet import caution, describe

    table = read_table(scores)
    drawn = read_arrays(pictures)["images"]
    distance = describe(table["extractor"].iloc[0]).partition(" (")[0]
    usual = table["images"].max()
    rows = []
    for name, label, many in (
        ("real", "real images", 1),
        ("full", "full model", 1),
        ("member", "member {member}", 1),
        ("factual", "ensemble of {kept}", 1),
        ("ablated", "ablated ensemble of {kept}", 2),
    ):
        for place in np.flatnonzero(table["set"] == name)[:many]:
            row = table.iloc[place]
            title = label.format(kept=row["kept"], member=row["keep"].find("1"))
            said = f"{distance} {row['frechet']:.1f} ± {row['frechet_error']:.1f}"
            few = "" if row["images"] == usual else f"\n({row['images']} images, not {usual})"
            rows.append((title, said + few, to_signed(drawn[place])))
    save(samples_figure(rows, remark=caution(table)), output)


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

    from encoded_ensembles.data import read_images
    from encoded_ensembles.figures import influence_figure
    from encoded_ensembles.files import read_arrays, read_table, read_tensors
    from encoded_ensembles.landscape import pictures_of

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
        for number, each in zip(numbers, tops, strict=True)
        for unit in each["unit"]
    }
    found = dict(pictures_of(blocks, wanted))
    panels = []
    for number, each in zip(numbers, tops, strict=True):
        first = _first_images(images, unit_of, each["unit"])
        counterfactuals = np.stack([found[int(unit), number] for unit in each["unit"]])
        panels.append((number, factual[number], each, first, counterfactuals))
    save(influence_figure(panels), output)


def plot_attribution(
    data: Data,
    code: Code,
    samples: Samples,
    contrast: Contrast,
    chosen: Chosen,
    output: Output,
    top: Annotated[int, Option(help="units shown for each sample")] = 5,
    attributed: Annotated[float, Option(help="largest q at which a unit is attributed")] = 0.05,
) -> None:
    """Draw chosen samples with the units of largest contrast, and what speaks for them."""
    from encoded_ensembles.data import read_images
    from encoded_ensembles.evidence_figures import attribution_figure
    from encoded_ensembles.files import read_arrays, read_table, read_tensors

    images = read_images(data).images
    unit_of = read_arrays(code)["unit_of"]
    factual = read_tensors(samples, names=["factual"])["factual"]
    table = read_table(contrast)
    panels = []
    for number in map(int, chosen.split(",")):
        own = table[table["sample"] == number]
        best = own[own["rank"] <= top].sort_values("rank").assign(units=own["attributed"].sum())
        first = _first_images(images, unit_of, best["unit"])
        panels.append((number, factual[number], best, first))
    save(attribution_figure(panels, level=attributed), output)


def plot_evidence(
    contrast: Contrast,
    sets: Annotated[Path, Option(help="sets, .parquet of measure-contrast")],
    output: Output,
) -> None:
    """Draw the p-values of all units, and how often the nearest units are found real together."""
    from encoded_ensembles.evidence_figures import evidence_figure
    from encoded_ensembles.files import read_table

    save(evidence_figure(read_table(contrast), read_table(sets)), output)


def plot_landscape(
    influence: Influence,
    null: Annotated[Path, Option(help="null distances, .parquet of measure-influence")],
    chosen: Chosen,
    output: Output,
) -> None:
    """Draw the landscape of chosen samples against its null distribution."""
    from encoded_ensembles.figures import landscape_figure
    from encoded_ensembles.files import read_table

    numbers = [int(part) for part in chosen.split(",")]
    save(landscape_figure(read_table(influence), read_table(null), numbers), output)


def plot_kept(scores: Scores, output: Output) -> None:
    """Draw the Frechet distance against the number of members kept."""
    from encoded_ensembles.files import read_table
    from encoded_ensembles.frechet import caution, describe
    from encoded_ensembles.quality_figures import kept_figure

    table = read_table(scores)
    label = describe(table["extractor"].iloc[0])
    save(kept_figure(table, frechet_label=label, remark=caution(table)), output)


def plot_loss(
    losses: Annotated[
        list[Path], Argument(help="loss.csv of each member, in folders named by member")
    ],
    output: Output,
) -> None:
    """Draw the loss curves of all members."""
    import pandas as pd

    from encoded_ensembles.files import check_kept
    from encoded_ensembles.quality_figures import loss_figure

    for file in losses:
        check_kept(file, keeper=file.with_name("training.json"))
    save(loss_figure({file.parent.name: pd.read_csv(file) for file in losses}), output)


def _first_images(images: "np.ndarray", unit_of: "np.ndarray", units: "pd.Series") -> "np.ndarray":
    """Return the first image of each of some units, (k, C, H, W) float32 in [-1, 1]."""
    import numpy as np

    from encoded_ensembles.data import to_signed

    return to_signed(images[[int(np.flatnonzero(unit_of == unit)[0]) for unit in units]])


def save(figure: "Figure", output: Path) -> None:
    """Write a figure as PNG and PDF, its keeper, without dates: equal figures are equal bytes.

    Both are drawn in memory first: on a full disk Matplotlib's PDF writer trips over its own error.
    """
    import io

    from encoded_ensembles.figures import DPI
    from encoded_ensembles.files import replacing, sha256_file
    from encoded_ensembles.seals import blank_seal, seal

    png = output.with_suffix(".png")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    with replacing(png) as temporary:
        temporary.write_bytes(drawn.getvalue())
    drawn = io.BytesIO()
    figure.savefig(drawn, format="pdf", metadata={"CreationDate": None}, dpi=DPI)
    drawn.write(f"% {blank_seal({png.name: sha256_file(png)})}\n".encode())
    with replacing(output) as temporary:
        temporary.write_bytes(drawn.getvalue())
        seal(temporary)
