"""Several members in one job: the bytes of jobs of their own, and none is trained again for another."""

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.commands import train_members
from encoded_ensembles.commands.split_controls import split_controls
from encoded_ensembles.commands.train_member import train_member
from encoded_ensembles.members.names import WEIGHTS
from encoded_ensembles.storage.files import read_arrays, read_json, write_table

FILES = ("config.json", WEIGHTS, "loss.csv", "training.json")
OPTIONS = {
    "widths": "8", "layers_per_block": 1, "epochs": 6, "steps_per_epoch": 2, "learning_rate": 2e-3,
    "ema": 0.995, "device": "cpu",
}  # fmt: skip


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def trained(monkeypatch):
    """The members that were really trained, in order; stops before the one named in `kill`."""

    class Names(list):
        kill = None

    names, real = Names(), train_members.fit

    def fit(images, *, split, **options):
        if split["member"] == names.kill:
            raise KeyboardInterrupt
        names.append(split["member"])
        return real(images, split=split, **options)

    monkeypatch.setattr(train_members, "fit", fit)
    return names


def test_killed_and_damaged_jobs_train_only_what_is_missing(finished, tmp_path, trained):
    results = finished.results()
    alone = {name: contents(results / f"members/{name}") for name in ("01", "02")}

    def run():
        trained.clear()
        train_members.train_members(
            [results / f"splits/{name}.json" for name in alone],
            data=results / "data/training.npz", output=tmp_path / "members",
            checkpoints=tmp_path / "checkpoints", **OPTIONS,
        )  # fmt: skip
        assert {name: contents(tmp_path / f"members/{name}") for name in alone} == alone
        return list(trained)

    trained.kill = "02"
    with pytest.raises(KeyboardInterrupt):
        run()
    for name in FILES:  # as Snakemake does with outputs of a job that failed
        (tmp_path / f"members/01/{name}").unlink()
    trained.kill = None
    assert run() == ["02"]
    assert run() == []
    damaged = tmp_path / "members/02" / WEIGHTS
    with damaged.open("r+b") as file:  # under both names
        file.seek(-4, 2)
        file.write(b"\0\0\0\0")
    assert run() == ["02"]
    assert not list((tmp_path / "checkpoints").glob("*.safetensors"))


def test_members_that_share_no_random_numbers(finished, tmp_path):
    """Each has its own seed, by its name: the same bytes in one job and alone; without a unit, the member's."""
    results, options = finished.results(), OPTIONS | {"shared_randomness": False}
    data = results / "data/training.npz"
    manifests = {name: results / f"splits/{name}.json" for name in ("01", "02")}
    train_members.train_members(
        [*manifests.values()], data=data, output=tmp_path / "together",
        checkpoints=tmp_path / "checkpoints", **options,
    )  # fmt: skip
    train_member(data, manifests["01"], tmp_path / "alone", **options)
    assert contents(tmp_path / "together/01") == contents(tmp_path / "alone")
    seeds = {
        name: read_json(tmp_path / f"together/{name}/training.json")["recipe"]["seed"]
        for name in manifests
    }
    assert seeds == {"01": 8395022494616287829, "02": 648971106412335216}
    code = read_arrays(results / "code/code.npz")["code"]
    unit = int(np.flatnonzero(code[:, 1])[0])
    controls = tmp_path / "controls.parquet"
    write_table(controls, pd.DataFrame({"unit": [unit]}))
    split_controls(data, results / "code/code.npz", controls, tmp_path)
    less = tmp_path / f"control.0.{code[unit, :1].sum()}.json"
    train_member(data, less, tmp_path / "less", **options)
    facts = read_json(tmp_path / "less/training.json")
    assert (facts["recipe"]["seed"], facts["images"]) == (seeds["01"], code[:, 1].sum() - 1)


def test_two_jobs_for_seven_members(finished, rerun):
    """The bytes of seven jobs; when a unit goes, only members that saw it are trained again."""
    config = yaml.safe_load((rerun.folder / "toy.yaml").read_text())
    config["training"]["members_per_job"] = 4
    (rerun.folder / "toy.yaml").write_text(yaml.safe_dump(config))
    names = [*(f"{member:02d}" for member in range(6)), "full"]
    targets = [f"results/toy/members/{name}/{WEIGHTS}" for name in names]

    def members():
        return {name: contents(rerun.results() / f"members/{name}") for name in names}

    assert rerun.run(*targets) == {"train_members_0": 1, "train_members_1": 1}
    before = members()
    assert before == {name: contents(finished.results() / f"members/{name}") for name in names}
    unit = "digits/" + min(
        line.split("digits/")[1].split(",")[0]
        for line in (rerun.results() / "code/units.csv").read_text().splitlines()[1:]
    )
    (rerun.folder / "less.yaml").write_text(yaml.safe_dump({"units": {"exclude": [unit]}}))
    rerun.run(*targets, "--configfile", "toy.yaml", "less.yaml", config=None)
    after = members()
    changed = {name for name in names if before[name] != after[name]}
    assert len(changed) == config["code"]["weight"] + 1
    logs = "".join(
        (rerun.results() / f"logs/train_members.{job}.log").read_text() for job in (0, 1)
    )
    assert {name for name in names if f"member {name} on" in logs} == changed
    again = rerun.snakemake(*targets, "--configfile", "toy.yaml", "less.yaml", config=None)
    assert "Nothing to be done" in again.stderr
