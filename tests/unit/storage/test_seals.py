"""No flipped bit, cut or lost byte of a file of a run gets past a reader."""

import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from encoded_ensembles.commands.check_run import check_run
from encoded_ensembles.commands.plot_loss import plot_loss
from encoded_ensembles.config import check, closure
from encoded_ensembles.figures.style import save
from encoded_ensembles.members import checkpoint, load
from encoded_ensembles.members import names as names_
from encoded_ensembles.members import network as unet
from encoded_ensembles.runs import integrity, layout
from encoded_ensembles.storage import files, seals
from typer import Exit

ARRAYS = {"units": np.arange(3), "x": np.array([0.5, 2], np.float32), "names": np.array(["a"])}
NUMBERS = {name: each for name, each in ARRAYS.items() if name != "names"}
KINDS = {
    "a.npz": (lambda path: files.write_arrays(path, ARRAYS), files.read_arrays),
    "a.safetensors": (lambda path: files.write_tensors(path, NUMBERS), files.read_tensors),
    "grown.safetensors": (
        lambda path: files.write_growing(
            path, {"units": np.arange(2)}, name="x", shape=(2, 1),
            rows=[np.ones((1, 1), np.float32)] * 2,
        ),
        files.read_tensors,
    ),
    "a.json": (lambda path: files.write_facts(path, {"b": 1, "z": [2]}), files.read_facts),
    "a.parquet": (
        lambda path: files.write_table(path, pd.DataFrame({"n": ["x", "y"], "v": [1.0, 2.0]})),
        files.read_table,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_flipped_bit_is_refused_by_name(tmp_path, name):
    write, read = KINDS[name]
    file = tmp_path / "results/a/data" / name  # where a rule writes
    write(file)
    whole = file.read_bytes()
    read(file)
    step = max(1, 8 * len(whole) // 500)
    for bit in range(0, 8 * len(whole), step):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(files.InputError, match=f"{name} is damaged .*delete it and run again"):
            read(file)
    for length in range(0, len(whole), len(whole) // 50):
        file.write_bytes(whole[:length])
        with pytest.raises(files.InputError, match=f"{name} is damaged"):
            read(file)
    file.write_bytes(whole + b"\0")
    with pytest.raises(files.InputError, match=f"{name} is damaged"):
        read(file)
    file.write_bytes(whole)
    read(file)


def test_a_seal_is_the_digest_of_the_file_with_zeros_in_its_place(tmp_path):
    import hashlib

    file = tmp_path / "a.txt"
    files.write_text(file, "one\n", remark="# {}")
    digest = hashlib.sha256(b"one\n# sha256-without-this:" + b"0" * 64 + b"\n").hexdigest()
    assert file.read_text() == f"one\n# sha256-without-this:{digest}\n"


@pytest.mark.parametrize("place", [10, 5000, 1 << 21])
def test_a_seal_is_found_wherever_it_is(tmp_path, place):
    file = tmp_path / "a"
    body = random.Random(0).randbytes(place)
    file.write_bytes(body + seals.blank_seal({"b.csv": "1" * 64}).encode() + bytes(3 << 20))
    seals.seal(file)
    assert seals.read_seal(file) == (None, {"b.csv": "1" * 64})


def test_what_has_no_seal_is_refused(tmp_path):
    for file in (tmp_path / "a.npz", tmp_path / "results/a/data/a.npz"):
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **NUMBERS)
        with pytest.raises(files.InputError, match="has no seal, or is of an earlier"):
            files.read_arrays(file)
    with pytest.raises(ValueError, match="no blank seal"):
        seals.seal(tmp_path / "a.npz")


@pytest.fixture
def member(tmp_path):
    config = unet.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    folder = tmp_path / "results/a/members/00"
    unet.save_network(unet.build_unet(config, seed=0), folder)
    return folder


def test_a_member_loads_with_diffusers_and_damaged_it_does_not_here(member):
    from diffusers import UNet2DModel

    network = load.load_unet(member, device=torch.device("cpu"))
    plain = UNet2DModel.from_pretrained(member).state_dict()
    assert all(torch.equal(each, plain[name]) for name, each in network.state_dict().items())
    for name, old, new in (
        ("config.json", b'"norm_eps": 1e-05', b'"norm_eps": 1e-04'),  # another network, silently
        (names_.WEIGHTS, b"sha256", b"sha255"),
    ):
        whole = (member / name).read_bytes()
        assert old in whole
        (member / name).write_bytes(whole.replace(old, new, 1))
        with pytest.raises(files.InputError, match=f"{name} is damaged"):
            load.load_unet(member, device=torch.device("cpu"))
        (member / name).write_bytes(whole)


def test_a_damaged_checkpoint_is_passed_over_and_said_so(tmp_path, capsys):
    point = checkpoint.Checkpoint(tmp_path / "c.safetensors", key="k", seconds=0)
    point.save(3, [1.0, float("nan")], {"x": torch.ones(4), "step": torch.tensor(7.0)})
    steps, losses, tensors = point.load()
    assert (steps, losses[0], tensors["step"].shape) == (3, 1.0, ())
    changed = bytearray(point.path.read_bytes())
    changed[-1] ^= 64  # a number of the tensor
    point.path.write_bytes(changed)
    assert point.load() is None
    assert "is ignored, and training starts from the beginning" in capsys.readouterr().err


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
        files.write_arrays(ledger, NUMBERS)
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


def test_damage_far_behind_the_seal_is_refused(tmp_path):
    """Issue 14.28: the digest is of the whole file, not of the first mebibyte behind the seal."""
    file = tmp_path / "a.safetensors"
    files.write_tensors(file, {"x": np.zeros(3 << 20, np.uint8)})
    whole = bytearray(file.read_bytes())
    for place in (-1, -(1 << 20), len(whole) // 2):
        changed = whole.copy()
        changed[place] ^= 1
        file.write_bytes(changed)
        with pytest.raises(files.InputError, match="is damaged"):
            files.read_tensors(file)
    file.write_bytes(whole)
    files.read_tensors(file)


def test_damage_far_before_the_seal_is_refused(tmp_path):
    file = tmp_path / "a.txt"
    files.write_text(file, "x" * (3 << 20), remark="# {}")
    files.check(file)
    whole = file.read_bytes()
    for place in (0, 1 << 20, 5 << 19):
        file.write_bytes(whole[:place] + b"y" + whole[place + 1 :])
        with pytest.raises(files.InputError, match="is damaged"):
            files.check(file)


@pytest.mark.parametrize("before", [5000, 1 << 21])
def test_text_that_quotes_the_mark_can_be_sealed(tmp_path, before):
    """Issue 14.28: the last mark of a file is its seal."""
    quoted = f"{seals.MARK.decode()}{'1' * 64} b.csv:{'2' * 64}\n"
    file = tmp_path / "a.txt"
    files.write_text(file, "x" * before + quoted, remark="# {}")
    assert seals.read_seal(file) == (None, {})
    whole = file.read_text()
    file.write_text(whole.replace("1" * 64, "3" * 64))
    assert seals.read_seal(file).problem


def test_a_seal_names_the_files_it_keeps(tmp_path):
    kept = {"b.csv": "1" * 64, "a.csv": "2" * 64}
    files.write_facts(tmp_path / "a.json", {"x": 1}, kept=kept)
    assert seals.read_seal(tmp_path / "a.json").kept == kept
    assert seals.is_sealed(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{}")
    assert not seals.is_sealed(tmp_path / "b.json")
