"""What to retrain without, and in whose places."""

import numpy as np
from encoded_ensembles.grading import controls
from encoded_ensembles.randomness import name_key


def test_controls_are_half_random_half_near():
    names = np.array([f"unit {u}" for u in range(20)])
    nearest = np.stack([np.roll(np.arange(20), -b) for b in (0, 5)])
    units, how = controls.choose_controls(nearest, names, count=7, seed=0)
    assert how.tolist() == ["random"] * 4 + ["near"] * 3
    assert len(set(units.tolist())) == 7
    turn = [u for pair in zip(*nearest, strict=True) for u in pair]
    wanted = [u for u in dict.fromkeys(turn) if u not in units[:4]]
    assert units[4:].tolist() == wanted[:3]
    # A unit's turn follows from its name: the others stay when one goes.
    fewer = names != names[units[0]]
    again, _ = controls.choose_controls(
        np.stack([np.arange(19)] * 2), names[fewer], count=7, seed=0
    )
    assert names[fewer][again[:3]].tolist() == names[units[1:4]].tolist()


def test_all_units_can_be_controls():
    names = np.array(["a", "b", "c"])
    units, how = controls.choose_controls(np.array([[2, 1, 0]]), names, count=3, seed=0)
    assert sorted(units.tolist()) == [0, 1, 2]
    assert how.tolist() == ["random", "random", "near"]


def test_named_controls_come_last_and_are_chosen_once():
    names = np.array(["a", "b", "c", "d"])
    nearest = np.array([[2, 1, 0, 3]])
    for named in (["c"], ["d", "a"]):
        count = 4 - len(named)
        units, how = controls.choose_controls(nearest, names, count=count, seed=0, named=named)
        assert names[units[count:]].tolist() == named
        assert sorted(units.tolist()) == [0, 1, 2, 3]
        assert how[count:].tolist() == ["named"] * len(named)


def test_controls_that_were_chosen_stay_in_their_places():
    """Issue 14.12: what else comes or goes, a control keeps its number as long as its unit is there."""
    names = np.array([f"unit {u}" for u in range(20)])
    nearest = np.stack([np.roll(np.arange(20), -b) for b in (0, 5)])
    units, how = controls.choose_controls(nearest, names, count=6, seed=0)
    keys = np.array([name_key(name) for name in names], np.uint64)
    earlier = {kind: keys[units[how == kind]] for kind in ("random", "near")}
    # Other samples, and one more unit in front.
    more = np.array(["a new one", *names])
    moved = np.stack([np.roll(np.arange(21), -b) for b in (11, 2)])
    again, _ = controls.choose_controls(moved, more, count=6, seed=0, earlier=earlier)
    assert more[again].tolist() == names[units].tolist()
    # The second random and the first near one are gone: only their places are filled anew.
    fewer = names[~np.isin(names, names[units[[1, 3]]])]
    few = np.stack([np.roll(np.arange(18), -b) for b in (0, 5)])
    left, _ = controls.choose_controls(few, fewer, count=6, seed=0, earlier=earlier)
    assert (fewer[left] == names[units]).tolist() == [True, False, True, False, True, True]
    assert len(set(left.tolist())) == 6
    # Named now, one that was random is not chosen twice.
    named, _ = controls.choose_controls(
        nearest, names, count=6, seed=0, named=[str(names[units[0]])], earlier=earlier
    )
    assert len(set(named.tolist())) == 7
    assert named[1:6].tolist() == units[1:].tolist()


def test_retrained_members_take_the_places_of_those_that_saw_the_unit():
    keep, members = controls.replaced(np.array([True, False, False, True]))
    assert keep.tolist() == [False, True, True, False, True, True]
    assert members.tolist() == [0, 3]


def test_the_seed_decides_which_units_are_retrained_without():
    names = np.array([f"unit {u}" for u in range(30)])
    nearest = np.arange(30)[None]
    first, again, other = (
        set(controls.choose_controls(nearest, names, count=10, seed=seed)[0][:5])
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
