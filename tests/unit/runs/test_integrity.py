"""Integrity of a run: damaged and missing files, leftovers of killed writers, dates in the future."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from encoded_ensembles.commands.check_run import check_run
from encoded_ensembles.commands.plot_loss import plot_loss
from encoded_ensembles.config import check, closure
from encoded_ensembles.figures.style import save
from encoded_ensembles.members import network
from encoded_ensembles.runs import integrity, layout
from encoded_ensembles.storage import disk, files
from typer import Exit


@pytest.fixture
def member(tmp_path):
    config = network.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    folder = tmp_path / "results/a/members/00"
    network.save_network(network.build_unet(config, seed=0), folder)
    return folder


@pytest.fixture
def run(tmp_path, member):
    """A run of a member, a table, a figure and a page."""
    import matplotlib.pyplot as plt

    folder = member.parent.parent
    files.write_text(folder / "members/00/loss.csv", "step,loss\n1,0.5\n")
    digest = files.sha256_file(folder / "members/00/loss.csv")
    files.write_facts(folder / "members/00/training.json", {}, kept={"loss.csv": digest})
    files.write_table(folder / "influence/a.parquet", pd.DataFrame({"v": [1, 2]}))
    figure, _ = plt.subplots()
    save(figure, folder / "figures/a.pdf")
    files.write_text(folder / "gallery.html", "<html></html>\n", remark="<!-- {} -->")
    (folder / "logs").mkdir()
    (folder / "logs/a.log").write_text("not sealed")
    return folder


def test_every_damaged_file_of_a_run_is_named_and_only_it(run, capsys):
    sealed = list(integrity.files_of(run))
    assert len(sealed) == 9
    check_run(run)
    for file in sealed:
        whole = file.read_bytes()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        file.write_bytes(changed)
        assert [path for path, _ in integrity.find_damage(run)] == [file]
        with pytest.raises(Exit):
            check_run(run)
        assert f"{file} is damaged" in capsys.readouterr().out
        file.write_bytes(whole)
    check_run(run)


def test_what_lies_beside_a_run_is_neither_judged_nor_deleted(run):
    names = (
        "notes.md", "my.png", "export/model.safetensors", "figures/a.txt", "figures/mine.png",
        "figures/mine.pdf", "data/mine.csv", "code/mine.npz", "landscape/mine.safetensors",
    )  # fmt: skip
    mine = [run / name for name in names]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    check_run(run, delete=True)
    assert all(file.exists() for file in mine)


def test_every_output_of_a_rule_is_checked():
    text = "".join(file.read_text() for file in (closure.PACKAGE.parent / "rules").glob("*.smk"))
    made = set()
    for part in re.findall(r"\n    output:\n(.*?)\n    \w+:", text, re.DOTALL):
        for name in re.findall(r'results/\{+run\}+/([^"]+)"', part):
            made |= {
                Path(name.replace("{{network}}", folder).replace("{network}", folder))
                for folder in ("members/00", "retrain/same/0/0", "heldout/0.0")
            }
    assert len(made) > 60
    for file in made:
        folder = file.parts[0] in integrity.FOLDERS and len(file.parts) > 1
        assert folder or file.name in integrity.TOP, file
        assert not folder or file.suffix in integrity.SUFFIXES | {".safetensors", ""}, file


def test_files_of_every_configuration_are_known_by_their_names(schema):
    """Issue 14.14: what a rule writes is checked, though it be so damaged that its seal is gone."""
    plant = [{"name": "p", "kind": "mark", "images": 3}]
    retrain = {"units": 3, "fresh": 1, "named": ["digits/00008"]}
    for changes in (
        {},
        {"retrain": retrain, "heldout": {"models": 2}, "rivals": {"gradients": True}},
        {"model": {"base": "base"}, "retrain": retrain},
        {"model": {"autoencoder": "vae"}, "landscape": {"sets": {"a.b": ["x"]}}},
        {"dataset": {"plant": plant}, "code": {"members": 20}},
        {"rivals": {"perceptual": True}},
    ):
        whole = check.check_config(changes, schema)
        for file in layout.outputs(whole, landscape=4, frechet=1, classifier=True):
            assert integrity.is_named(file), file
            assert not integrity.is_named(f"mine/{file}")
            assert not integrity.is_named(f"{file}.damaged")


def test_a_damaged_ledger_is_set_aside(run, capsys):
    """Issue 14.14: no rule makes it again."""
    ledger = run / "ledger/words-1.npz"
    for count in (1, 2):
        files.write_arrays(ledger, {"x": np.arange(100)})
        ledger.write_bytes(ledger.read_bytes()[:-70])
        check_run(run, delete=True)
        assert not ledger.exists()
        assert len(list(ledger.parent.iterdir())) == count
    assert "words-1.npz.2.damaged: set aside" in capsys.readouterr().out


def test_a_run_that_is_not_finished_is_not_called_whole(run, capsys):
    """Issue 14.14: and what a seal names is missed."""
    check_run(run)
    assert "not finished: there is no whole run.json" in capsys.readouterr().out
    (run / "influence/a.csv").unlink()
    with pytest.raises(Exit):
        check_run(run)
    assert f"{run / 'influence/a.csv'} is missing" in capsys.readouterr().out


def test_deleting_takes_the_damaged_file_with_its_keeper(run):
    (run / "figures/a.png").write_bytes(b"x")
    (run / "gallery.html").write_text("<html>")
    check_run(run, delete=True)
    assert not list((run / "figures").iterdir())
    assert not (run / "gallery.html").exists()
    assert (run / "influence/a.csv").exists()
    check_run(run)


def test_a_damaged_loss_curve_is_not_drawn(run, tmp_path):
    loss = run / "members/00/loss.csv"
    loss.write_text("step,loss\n1,0.6\n")
    with pytest.raises(files.InputError, match=r"loss\.csv is damaged"):
        plot_loss([loss], tmp_path / "loss.pdf")
    assert not (tmp_path / "loss.pdf").exists()


def leave(path, pid):
    """Leave what a writer of a file with some pid would."""
    file = disk.temporary_file(path)
    file = file.with_name(file.name.replace(str(os.getpid()), str(pid)))
    file.write_text("half")
    return file


@pytest.fixture
def ended():
    """The pid of a process that ran."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_what_a_killed_writer_left_goes_when_the_file_is_written_again(tmp_path, ended):
    path = tmp_path / "a [1].json"
    leave(path, ended)
    running = leave(path, os.getppid())
    other = leave(tmp_path / "b.json", ended)
    files.write_json(path, {})
    assert sorted(tmp_path.iterdir()) == sorted([path, running, other])
    assert list(integrity.find_leftovers(tmp_path)) == [other]


def test_files_of_the_future_are_dated_now_in_their_order(tmp_path):
    now = time.time()
    for name, ahead in (("c", 9000), ("a", -50), ("b", 4000), ("d", 10)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (now + ahead,) * 2)
    assert [file.name for file in integrity.files_ahead(tmp_path)] == ["b", "c"]
    assert integrity.redate(tmp_path) == 2
    assert integrity.files_ahead(tmp_path) == []
    dates = {name: (tmp_path / name).stat().st_mtime for name in "abcd"}
    assert dates["a"] < dates["b"] < dates["c"] <= time.time()


def test_files_in_folders_on_another_disk_are_checked(run, tmp_path):
    """A folder that is a link was passed over."""
    sealed = list(integrity.files_of(run))
    shutil.move(run / "members", tmp_path / "disk")
    (run / "members").symlink_to(tmp_path / "disk")
    (run / "influence/self").symlink_to(run)
    assert list(integrity.files_of(run)) == sealed
    file = run / "members/00/loss.csv"
    file.write_text("changed")
    assert [path for path, _ in integrity.find_damage(run)] == [file]
    ahead = time.time() + 3600
    os.utime(file, (ahead, ahead))
    assert integrity.files_ahead(run) == [file]
