"""encens measure-queries: attribution of given pictures."""

from pathlib import Path
from typing import Annotated

from typer import Option

from encoded_ensembles.commands.options.evidence import Weights, is_learnt
from encoded_ensembles.commands.options.figures import Attributed
from encoded_ensembles.commands.options.files import Code, Data, NullWords, Pictures, Pulls
from encoded_ensembles.commands.options.tables import PairTable


def measure_queries(
    pulls: Pulls,
    decoys: Annotated[Path, Option(help="decoys, .safetensors of follow-queries")],
    code: Code,
    data: Data,
    pictures: Pictures,
    pairs: PairTable,
    answers: Annotated[Path, Option(help="output, .parquet with .csv: one row per picture")],
    checks: Annotated[
        Path, Option(help="output, .parquet with .csv: what decoys show, one row per statistic")
    ],
    control: Annotated[
        Path, Option(help="output, .json: how many training images name themselves")
    ],
    null_words: NullWords = 1_000_000,
    attributed: Attributed = 0.05,
    weights: Weights = "likeness",
) -> None:
    """Test each unit on each picture, and compare its effect with those on held-out pictures.

    pairs: the columns of measure-contrast, with sample the number of the picture; effect (contrast of
    pulls, in the values of images), heldout_share (share of held-out pictures whose largest effect
    reaches it), and close (attributed, and heldout_share at most --attributed). answers: sample,
    answer, units, rate, names as in measure-contrast, picture, kind (training, heldout or given),
    close (number of close units), and own (whether a training image names its own unit).
    """
    import numpy as np

    from encoded_ensembles.codes.assignment import free_words
    from encoded_ensembles.codes.families import family_of
    from encoded_ensembles.data.images import read_images
    from encoded_ensembles.influence.decoys import check_table, read_decoys
    from encoded_ensembles.influence.observer import Observed
    from encoded_ensembles.influence.queries import control_facts, names_itself, query_tables
    from encoded_ensembles.storage.files import (
        read_arrays,
        read_tensors,
        write_facts,
        write_table,
    )

    learnt = is_learnt(weights)
    arrays = read_arrays(code)
    observed = Observed.read(read_tensors(pulls))
    drawn = read_decoys(read_tensors(decoys))
    words = free_words(arrays["code"], family=family_of(arrays), limit=null_words)
    shown = read_images(pictures)
    kinds = shown.label_names[shown.labels]
    table, said = query_tables(
        observed, arrays, words, level=attributed, reference=kinds == "heldout", learnt=learnt
    )
    said["picture"], said["kind"] = [name.split("/", 1)[1] for name in shown.names], kinds
    names = read_images(data).names
    unit_of = {name: arrays["unit_of"][row] for row, name in enumerate(names)}
    own = {
        int(number): int(unit_of[said["picture"].iloc[number]])
        for number in np.flatnonzero(kinds == "training")
    }
    said["own"] = names_itself(table, own)
    write_table(pairs, table)
    write_table(answers, said)
    write_facts(control, control_facts(said))
    write_table(checks, check_table(drawn, arrays["code"], words, level=attributed, learnt=learnt))
