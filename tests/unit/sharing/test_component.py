"""A pipeline and its members: which stay, and in which batches they draw."""

from types import SimpleNamespace

import numpy as np
import pytest
from encoded_ensembles.ensemble.diffusion import make_scheduler
from encoded_ensembles.members import network
from encoded_ensembles.sharing.component import Members
from encoded_ensembles.sharing.pipeline import EncodedEnsemblePipeline
from encoded_ensembles.storage.files import InputError

CODE = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], bool)


@pytest.fixture(scope="module")
def members():
    config = network.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    networks = [network.build_unet(config, seed=seed) for seed in range(4)]
    return Members(networks, code=CODE, unit_names=np.array(["a", "b", "c"]))


def stay(members, without=(), keep=None):
    pipeline = SimpleNamespace(members=members)
    return EncodedEnsemblePipeline._keep(pipeline, without, keep).astype(int).tolist()


def test_both_units_and_keep_leave_members_out(members):
    """Issue 14.28: a member that saw the unit does not come back because `keep` names it."""
    assert stay(members) == [1, 1, 1, 1]
    assert stay(members, ["a"]) == [0, 0, 1, 1]
    assert stay(members, ["b", "a"]) == [0, 0, 0, 1]
    assert stay(members, keep=[True, False, True, False]) == [1, 0, 1, 0]
    assert stay(members, ["a"], [True, False, True, False]) == [0, 0, 1, 0]


def test_no_member_or_no_unit_is_refused(members):
    for without, keep, reason in (
        (["a", "c"], None, "keep mask 0000 lets no member stay"),
        (["a"], [True, True, False, False], "keep mask 0000 lets no member stay"),
        ("a", None, "without is the text a, expected a list"),
        (["d"], None, "d is no unit of this ensemble"),
        ((), [True], r"keep has shape \(1,\)"),
        ((), [1, 1, 1, 1], "and type int64, expected 4 of True or False"),
    ):
        with pytest.raises(InputError, match=reason):
            stay(members, without, keep)


def test_words_are_those_of_the_units(members):
    assert members.shape == (1, 8, 8)
    assert np.array_equal(members.words(["c", "a"]), CODE[[2, 0]])
    assert members.words([]).shape == (0, 4)
    with pytest.raises(InputError, match=r"the code has shape \(3, 4\), expected \(2, 4\)"):
        Members(list(members.networks), code=CODE, unit_names=np.array(["a", "b"]))


def test_a_folder_is_read_as_it_was_written(members, tmp_path):
    members.save_pretrained(tmp_path)
    found = Members.from_pretrained(tmp_path)
    assert np.array_equal(found.code, CODE)
    assert found.unit_names.tolist() == ["a", "b", "c"]
    for one, other in zip(found.networks, members.networks, strict=True):
        assert all(
            (one.state_dict()[name] == each).all() for name, each in other.state_dict().items()
        )


def test_a_pipeline_draws_in_the_batches_of_its_run(members, tmp_path):
    """Below 16 rows their number decides the last bits."""
    pipe = EncodedEnsemblePipeline(
        members, make_scheduler(steps=2, sampler="ddpm"), steps=2, batch=3
    )
    pipe.save_pretrained(tmp_path)
    again = EncodedEnsemblePipeline.from_pretrained(tmp_path)
    assert again.config.batch == 3
    pipe.set_progress_bar_config(disable=True)
    noise = np.random.default_rng(0).standard_normal((3, 4, 1, 8, 8)).astype(np.float32)
    drawn = [
        each(noise=noise, output_type="latent", batch=batch).images.numpy().tobytes()
        for each, batch in ((pipe, None), (again, None), (again, 3))
    ]
    assert drawn[0] == drawn[1] == drawn[2]
