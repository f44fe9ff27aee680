"""For how many samples and pictures units are named, by statistic and procedure, in several runs.

python studies/naming.py --output TABLE.parquet RUN ...      folders of finished runs, or finished up to queries/

Writes a row per run, kind of picture, statistic and procedure: pictures; nearest, share of them whose most
alike unit has p <= 0.05; small, share of all p-values; named, pictures with a named unit; pairs;
groups, pictures without one, but with a named group; and what the run's decoys show: decoys, share of
them with p <= 0.05, and false_share, decoys among all named units and decoys, each with a 95 % interval.

Of a run with planted units, the table planted.parquet beside it has a row per planted unit, whether samples
bear its plant, and statistic: samples; first, of them with the unit's z the largest; named, with the unit named.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from encoded_ensembles.influence.multiplicity import learnt_weights, weighted_q
from encoded_ensembles.influence.naming import STATISTICS
from encoded_ensembles.storage.files import read_facts, read_table, write_table

LEVEL = 0.05


def tables(run: Path) -> list[tuple[str, pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Return kind of picture, pairs, answers and decoys of samples and of each kind of query."""
    found = []
    for kind, pairs in (("samples", "contrast/contrast"), ("queries", "queries/pairs")):
        folder = run / pairs.split("/")[0]
        if not (run / f"{pairs}.parquet").is_file():
            continue
        table, said, checks = (
            read_table(file)
            for file in (
                run / f"{pairs}.parquet",
                folder / "answers.parquet",
                folder / "checks.parquet",
            )
        )
        if kind == "samples":
            found.append((kind, table, said, checks))
            continue
        given = said["picture"].str.partition("/")[0].where(said["kind"] == "given", said["kind"])
        for name, part in said.groupby(given, sort=False):
            rows = table[table["sample"].isin(part["sample"])]
            found.append((str(name), rows, part, checks))
    return found


def rows_of(run: Path) -> list[dict[str, object]]:
    """Return the rows of a run."""
    rows = []
    code = read_facts(run / "code/properties.json")
    for kind, table, said, checks in tables(run):
        units, samples = table["unit"].nunique(), table["sample"].nunique()

        def matrix(column: str, table: pd.DataFrame = table, units: int = units) -> np.ndarray:
            return table[column].to_numpy().reshape(-1, units).T

        weight = matrix("weight")
        order = np.argsort(-weight, axis=0, kind="stable").T
        decoys = checks.set_index("statistic")
        for statistic in STATISTICS:
            p = matrix(f"{statistic}_p")
            q = {
                "plain": matrix(f"{statistic}_q_plain"),
                "weighted": weighted_q(p, weight),
                "learnt": weighted_q(p, learnt_weights(p, order)),
            }
            near = np.take_along_axis(p, order[:, :1].T, axis=0)
            for procedure, values in q.items():
                named = (values <= LEVEL).any(axis=0)
                own = statistic == STATISTICS[0] and procedure == "weighted"
                row = {
                    "run": run.name, "units": units, "members": code["members"], "pictures": kind,
                    "number": samples, "statistic": statistic, "procedure": procedure,
                    "nearest": (near <= LEVEL).mean(), "small": (p <= LEVEL).mean(),
                    "named": int(named.sum()), "pairs": int((values <= LEVEL).sum()),
                    "groups": int((said["answer"] == "group").sum()) if own else np.nan,
                }  # fmt: skip
                if procedure == "weighted" and statistic in decoys.index:
                    shown = decoys.loc[statistic]
                    row["decoys"] = int(shown["tests"])
                    for name in ("share", "false_share"):
                        row |= {
                            f"{name}{end}": shown[f"{name}{end}"] for end in ("", "_low", "_high")
                        }
                rows.append(row)
    return rows


def planted_rows(run: Path) -> list[dict[str, object]]:
    """Return how often planted units come first and are named, of samples with and without their plant."""
    if not (run / "planted/planted.parquet").is_file():
        return []
    truth = read_table(run / "planted/planted.parquet")
    pairs = read_table(run / "contrast/contrast.parquet")
    truth = truth.assign(unit=truth["units"].str.split(";")).explode("unit").astype({"unit": int})
    found = truth.merge(pairs, on=["sample", "unit"]).groupby(["plant", "bears", "sample"])
    rows = []
    for statistic in STATISTICS:
        best = found[[f"{statistic}_rank", f"{statistic}_q"]].min()
        best.columns = ["rank", "q"]
        for (plant, bears), part in best.groupby(["plant", "bears"]):
            row = {
                "run": run.name, "plant": plant, "bears": bears, "statistic": statistic,
                "samples": len(part), "first": int((part["rank"] == 1).sum()),
                "named": int((part["q"] <= LEVEL).sum()),
            }  # fmt: skip
            rows.append(row)
    return rows


def main() -> None:
    """Gather the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    table = pd.DataFrame([row for run in given.runs for row in rows_of(run)])
    write_table(given.output, table.round(4))
    shown = table[table["procedure"] != "learnt"]
    print(shown.to_string(index=False, float_format="{:.3g}".format))
    columns = ["run", "plant", "bears", "statistic", "samples", "first", "named"]
    planted = pd.DataFrame(
        [row for run in given.runs for row in planted_rows(run)], columns=columns
    )
    print(planted.to_string(index=False))
    write_table(given.output.with_name("planted.parquet"), planted)


if __name__ == "__main__":
    main()
