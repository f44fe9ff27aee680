"""Checkpoints: bound to a key, saved no more often than asked, and ignored when damaged."""

import torch
from encoded_ensembles.members import checkpoint


def test_checkpoint_of_something_else_or_damaged_is_passed_over(tmp_path):
    path = tmp_path / "state.safetensors"
    checkpoint.Checkpoint(path, key="a", seconds=0).save(3, [1.0], {"x": torch.zeros(2)})
    assert checkpoint.Checkpoint(path, key="b", seconds=0).load() is None
    path.write_bytes(path.read_bytes()[:30])
    assert checkpoint.Checkpoint(path, key="a", seconds=0).load() is None
    path.unlink()
    assert checkpoint.Checkpoint(path, key="a", seconds=0).load() is None


def test_a_checkpoint_is_saved_no_more_often_than_asked(tmp_path, monkeypatch):
    """Issue 14.28: writing the state after every step would cost more than the steps."""
    now = [1000.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    point = checkpoint.Checkpoint(tmp_path / "state.safetensors", key="k", seconds=15)
    for passed, due in ((14.9, False), (0.1, True)):
        now[0] += passed
        assert point.due() == due
    point.save(1, [0.5], {"x": torch.zeros(1)})
    for passed, due in ((14.9, False), (0.1, True)):
        now[0] += passed
        assert point.due() == due
    point.remove()
    assert not list(tmp_path.iterdir())


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
