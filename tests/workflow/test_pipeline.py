"""The ensemble of a run as a diffusers pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from encoded_ensembles.commands.export_pipeline import export_pipeline
from encoded_ensembles.config.closure import closure, imported_modules
from encoded_ensembles.ensemble.diffusion import make_scheduler
from encoded_ensembles.sharing import pipeline
from encoded_ensembles.sharing.pipeline import CARRIED, COMPONENT, EncodedEnsemblePipeline
from encoded_ensembles.storage.files import InputError, read_arrays, read_tensors
from safetensors.numpy import load_file

WEIGHTS = "diffusion_pytorch_model.safetensors"
# In a process that cannot import this package: only what the folder carries is run.
STRANGER = """
import sys
sys.modules["encoded_ensembles"] = None
import numpy as np
import torch
from diffusers import DiffusionPipeline
from safetensors.numpy import load_file, save_file

folder, noise, unit, again = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
pipe = DiffusionPipeline.from_pretrained(folder, trust_remote_code=True)
pipe.set_progress_bar_config(disable=True)
z = load_file(noise)["noise"]
found = dict(factual=pipe(noise=z, output_type="latent").images,
             without=pipe(noise=z, without=[unit], output_type="latent").images)
pipe.save_pretrained(again)
save_file({name: each.numpy() for name, each in found.items()}, again + "/found.safetensors")
"""


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """The toy run's ensemble as a folder of a pipeline."""
    folder = tmp_path_factory.mktemp("pipeline") / "ensemble"
    done = finished.encens("export-pipeline", "--run", "toy", "--output", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pipe(folder):
    torch.set_num_threads(1)
    pipe = EncodedEnsemblePipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def truth(finished):
    """The workflow's exogenous noise, factual samples, and counterfactuals by unit."""
    results = finished.results()
    noise = read_tensors(results / "noise/landscape.safetensors")["noise"]
    factual = read_tensors(results / "samples/ensemble.safetensors")["factual"]
    blocks = [read_tensors(file) for file in sorted((results / "landscape").glob("*.safetensors"))]
    counterfactuals = np.concatenate([block["counterfactuals"] for block in blocks])
    return noise, factual, counterfactuals


def test_from_the_same_noise_it_gives_the_workflows_bytes(pipe, truth):
    noise, factual, counterfactuals = truth
    found = pipe(noise=noise, output_type="latent").images
    assert found.numpy().tobytes() == factual.tobytes()
    for unit in (0, 7):
        without = [pipe.unit_names[unit]]
        found = pipe(noise=noise, without=without, output_type="latent").images
        assert found.numpy().tobytes() == counterfactuals[unit].tobytes()
        mask = ~pipe.members.code[unit]
        found = pipe(noise=torch.from_numpy(noise), keep=mask, output_type="latent").images
        assert found.numpy().tobytes() == counterfactuals[unit].tobytes()


def test_diffusers_alone_loads_it(folder, finished, truth, tmp_path):
    _, factual, counterfactuals = truth
    again = tmp_path / "again"
    unit = str(read_arrays(folder / "members/code.npz")["unit_names"][7])
    environment = finished.environment | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(folder),
         str(finished.results() / "noise/landscape.safetensors"), unit, str(again)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = load_file(again / "found.safetensors")
    assert found["factual"].tobytes() == factual.tobytes()
    assert found["without"].tobytes() == counterfactuals[7].tobytes()
    # saved again by what it carries itself, it is the same folder
    (again / "found.safetensors").unlink()
    assert contents(again) == contents(folder)


def contents(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_folder_holds_members_code_and_card(folder, finished):
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == ["pipeline", "EncodedEnsemblePipeline"]
    for member in range(6):
        ours = load_file(finished.results() / f"members/{member:02d}" / WEIGHTS)
        theirs = load_file(folder / f"members/{member:02d}" / WEIGHTS)
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = (
        read_arrays(file)
        for file in (folder / "members/code.npz", finished.results() / "code/code.npz")
    )
    assert np.array_equal(ours["code"], theirs["code"])
    assert np.array_equal(ours["unit_names"], theirs["unit_names"])
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(header)
    assert facts["library_name"] == "diffusers"
    (result,) = facts["model-index"][0]["results"]
    (metric,) = result["metrics"]
    assert result["dataset"]["name"] == "digits"
    assert metric["name"] == "Frechet distance (data-set classifier)"
    scores = (finished.results() / "frechet/scores.csv").read_text()
    assert any(
        line.startswith("factual") and round(float(line.split(",")[4]), 3) == metric["value"]
        for line in scores.splitlines()
    )
    assert "without=[unit]" in body
    assert "12 units" in body


def test_it_carries_and_names_every_module_it_needs():
    """Diffusers copies what a file names itself, so the pipeline's own file names them all."""

    def names(paths):
        return {f"{path.parent.name}_{path.stem}" for path in paths}

    named = names(imported_modules(Path(pipeline.__file__)))
    needed = names(closure("../sharing/pipeline")) - {"sharing_pipeline"}
    assert set(CARRIED) == named == needed
    assert names(closure("../sharing/component")) == set(COMPONENT)


def test_a_list_of_generators_draws_each_image_by_itself(pipe):
    def draw(*seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return pipe(len(seeds), generators, 3, output_type="latent").images

    assert torch.equal(draw(5, 6, 7)[1:2], draw(6))
    assert not torch.equal(draw(5), draw(6))


def test_output_types(pipe):
    def draw(**options):
        return pipe(2, torch.Generator().manual_seed(0), 2, **options)

    raw = draw(output_type="latent").images
    scaled = (raw / 2 + 0.5).clamp(0, 1)
    assert raw.shape == (2, 1, 8, 8)
    assert torch.equal(draw(output_type="pt").images, scaled)
    assert np.array_equal(draw(output_type="np").images, scaled.permute(0, 2, 3, 1).numpy())
    pictures = draw().images
    assert [picture.size for picture in pictures] == [(8, 8)] * 2
    assert np.array_equal(np.asarray(pictures[1]), np.rint(scaled[1, 0].numpy() * 255))
    assert torch.equal(draw(output_type="latent", return_dict=False)[0], raw)
    assert torch.equal(draw(output_type="latent", keep=[True] * 6).images, raw)
    generator = torch.Generator().manual_seed(0)
    drawn = pipe(np.int64(2), generator, np.int64(2), output_type="latent").images
    assert torch.equal(drawn, raw)


def test_mistakes_are_named(pipe, folder, tmp_path):
    z = np.zeros((3, 1, 1, 8, 8), np.float32)
    for options, words in (
        ({"without": ["digits/99999"]}, "digits/99999 is no unit"),
        ({"without": "digits/00001"}, "expected a list of unit names"),
        ({"without": pipe.unit_names}, "lets no member stay"),
        ({"keep": [False] * 6}, "keep mask 000000 lets no member stay"),
        ({"keep": [1, 0, 1, 0, 1, 0]}, "expected 6 of True or False"),
        ({"output_type": "jpeg"}, "output_type is jpeg"),
        ({"noise": z[..., 0]}, "expected (T+1, B, 1, 8, 8)"),
        ({"noise": z, "num_inference_steps": 4}, "noise is given for 2 steps"),
        ({"noise": z[:, :0]}, "noise has shape (3, 0, 1, 8, 8)"),
        # Issue 14.17: numbers that people call it with.
        ({"batch_size": 0}, "batch_size is 0, expected a whole number, at least 1"),
        ({"batch_size": -2}, "batch_size is -2, expected"),
        ({"batch_size": 2.0}, "batch_size is 2.0, expected"),
        ({"batch_size": "4"}, "batch_size is '4', expected"),
        ({"batch_size": True}, "batch_size is True, expected"),
        ({"batch_size": None}, "batch_size is None, expected"),
        (
            {"num_inference_steps": 0},
            "num_inference_steps is 0, expected a whole number, 1 to 1000",
        ),
        ({"num_inference_steps": 2.5}, "num_inference_steps is 2.5, expected"),
        ({"batch": 0}, "batch is 0, expected a whole number, at least 1"),
    ):
        with pytest.raises(InputError) as error:
            pipe(**options)
        assert words in str(error.value)
    with pytest.raises(InputError, match=r"holds no model_index\.json"):
        EncodedEnsemblePipeline.from_pretrained(tmp_path)
    scheduler = make_scheduler(steps=5)
    scheduler.register_to_config(num_train_timesteps=10)
    with pytest.raises(InputError, match="10 levels, expected the 1000"):
        EncodedEnsemblePipeline(pipe.members, scheduler)


def test_an_export_replaces_an_earlier_one_and_nothing_else(finished, folder, tmp_path):
    before = contents(folder)
    (folder / "members/00" / WEIGHTS).unlink()
    (folder / "leftover").write_text("of before")
    export_pipeline(finished.results(), folder)
    assert contents(folder) == before
    assert not list(folder.parent.glob(".ensemble*"))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        export_pipeline(finished.results(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
