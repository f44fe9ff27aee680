"""Texts are encoded by the pipeline that the base was taken from, for images that it can draw."""

import numpy as np
import pytest
import tiny_pipelines
from encoded_ensembles.commands.encode_prompts import encode_prompts
from encoded_ensembles.commands.options.pipeline import read_fetched
from encoded_ensembles.data.images import ImageSet, write_images
from encoded_ensembles.members import parts
from encoded_ensembles.storage.files import InputError, write_facts


def images(side):
    labels, names = np.zeros(1, np.int64), np.array(["a"])
    return ImageSet(np.zeros((1, side, side, 3), np.uint8), labels, names, names)


def test_another_text_encoder_or_size_is_refused(tmp_path):
    folder = tiny_pipelines.write("flux", tmp_path / "flux")
    facts = {"files": parts.digests(parts.read_parts(folder))}
    write_facts(tmp_path / "base/pipeline.json", facts)
    assert read_fetched(str(folder), tmp_path / "base", images(16)).kind.name == "flux"
    with pytest.raises(InputError, match="4x4 pixels, but images of 18x18 pixels"):
        read_fetched(str(folder), tmp_path / "base", images(18))
    (folder / "scheduler/scheduler_config.json").write_text("{}")  # encodes no text
    read_fetched(str(folder), tmp_path / "base", images(16))
    tiny_pipelines.edit_json(folder / "text_encoder_2/config.json", more="x")
    with pytest.raises(InputError, match=r"another text_encoder_2/config.json than the base"):
        read_fetched(str(folder), tmp_path / "base", images(16))


def test_a_scheduler_that_does_not_fit_the_base_is_refused_before_training(tmp_path):
    """Bases of the hub are not there when the run is checked."""
    flow = {"_class_name": "FlowMatchEulerDiscreteScheduler"}
    write_facts(tmp_path / "base/pipeline.json", {"scheduler": flow})
    files = {"base": tmp_path / "base", "data": tmp_path / "none.npz", "output": tmp_path / "a.npz"}
    with pytest.raises(InputError, match=r"the sampler is dpmsolver\+\+, expected base, euler"):
        encode_prompts(
            "a/b", prompt=["a cat"], scheduler="dpmsolver++", steps=4, levels=300, **files
        )


@pytest.mark.parametrize(("kind", "steps", "lowest"), [("sd", 2, 1), ("flux", 1, 1000)])
def test_steps_that_end_above_the_levels_of_contrasts_are_refused(tmp_path, kind, steps, lowest):
    """One step of a base for flow matching is at the highest level; two of Stable Diffusion are at 501 and 1."""
    folder = tiny_pipelines.write(kind, tmp_path / kind)
    found = parts.read_parts(folder)
    facts = {"pipeline": found.kind.pipeline, "scheduler": found.scheduler, "patch": 2}
    write_facts(tmp_path / "base/pipeline.json", facts | {"files": parts.digests(found)})
    write_images(tmp_path / "a.npz", images(16))

    def encode(levels):
        encode_prompts(
            str(folder), tmp_path / "base", tmp_path / "a.npz", ["a cat"], "base", steps, levels,
            tmp_path / "out.npz", device="cpu",
        )  # fmt: skip

    with pytest.raises(InputError, match=f"steps of base .* go down to noise level {lowest} only"):
        encode(lowest - 1)
    assert not (tmp_path / "out.npz").exists()
    encode(lowest)
    assert (tmp_path / "out.npz").exists()
