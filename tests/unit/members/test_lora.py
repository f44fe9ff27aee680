"""LoRA adapters of denoisers: keyed initial weights, and files that diffusers' pipelines load."""

import numpy as np
import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members import lora, lora_files, processes, text_denoiser
from encoded_ensembles.storage.errors import InputError
from encoded_ensembles.storage.seals import read_seal
from safetensors.torch import load_file, save_file
from tiny_lora import denoiser, embeddings_of, predict, trained

ALL = pytest.mark.parametrize("kind", tiny_pipelines.KINDS)


@ALL
def test_a_new_adapter_predicts_what_the_base_does(kind):
    network = denoiser(tiny_pipelines.build(kind))
    before = predict(kind, network)
    lora.add_lora(network, rank=2, alpha=2.0, seed=0)
    assert torch.equal(predict(kind, network), before)
    trainable = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert trainable
    assert all("lora_" in name for name in trainable)


def test_initial_weights_depend_on_seed_and_layer_alone():
    few, many, other = (
        {
            name: change.down
            for name, change in lora.lora_changes(trained("sd", targets=targets, seed=seed)).items()
        }
        for targets, seed in ((["to_q"], 0), (["to_k", "to_q"], 0), (["to_q"], 1))
    )
    assert len(few) == len(many) / 2 > 1
    for name, down in few.items():
        assert torch.equal(down, many[name])
        assert not torch.equal(down, other[name])
        bound = down.shape[1] ** -0.5
        assert bound / 2 < down.abs().max() <= bound
    assert len({down[0, 0].item() for down in few.values()}) == len(few)


def test_an_adapter_of_a_base_in_bfloat16_is_float32():
    network = denoiser(tiny_pipelines.build("sd3")).to(torch.bfloat16)
    lora.add_lora(network, rank=2, alpha=2.0, seed=0)
    dtypes = {name: weight.dtype for name, weight in network.named_parameters()}
    assert {dtype for name, dtype in dtypes.items() if "lora_" in name} == {torch.float32}
    assert network.pos_embed.proj.weight.dtype == torch.bfloat16


def test_a_target_that_names_no_layer_is_refused():
    with pytest.raises(InputError, match="to_qq, which names no linear or convolutional layer"):
        trained("sd", targets=["to_qq"])


@ALL
def test_files_are_loaded_by_the_pipeline_and_by_us(kind, tmp_path):
    network = trained(kind)
    expected, base = predict(kind, network), denoiser(tiny_pipelines.pipeline(kind))
    lora.write_lora(lora.lora_changes(network), tmp_path, denoiser=network)
    assert read_seal(tmp_path / lora.LORA_WEIGHTS).problem is None

    pipe = tiny_pipelines.build(kind)
    pipe.load_lora_weights(tmp_path)
    assert torch.allclose(predict(kind, denoiser(pipe)), expected, atol=1e-5)

    own = lora.with_lora(base, lora_files.read_lora(tmp_path, base))
    assert torch.allclose(predict(kind, own), expected, atol=1e-5)
    assert not torch.allclose(predict(kind, base), expected, atol=1e-2)

    tensors = load_file(tmp_path / lora.LORA_WEIGHTS)  # as programs see it that read no metadata
    save_file(tensors, tmp_path / "plain.safetensors", metadata={"format": "pt"})
    plain = lora.with_lora(base, lora_files.read_lora(tmp_path / "plain.safetensors", base))
    assert torch.allclose(predict(kind, plain), expected, atol=1e-5)


@ALL
def test_files_of_diffusers_are_read(kind, tmp_path):
    """As its training programs write them, with and without alpha in the metadata."""
    import diffusers
    from diffusers.training_utils import _collate_lora_metadata
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft.utils import get_peft_model_state_dict

    network, base = trained(kind), denoiser(tiny_pipelines.pipeline(kind))
    role = "unet" if kind in ("sd", "sdxl") else "transformer"
    state = get_peft_model_state_dict(network)
    if role == "unet":
        state = convert_state_dict_to_diffusers(state)
    pipeline = getattr(diffusers, type(tiny_pipelines.pipeline(kind)).__name__)
    pipeline.save_lora_weights(
        tmp_path, **{f"{role}_lora_layers": state}, **_collate_lora_metadata({role: network})
    )
    own = lora.with_lora(base, lora_files.read_lora(tmp_path, base))
    assert torch.allclose(predict(kind, own), predict(kind, network), atol=1e-5)

    pipeline.save_lora_weights(tmp_path / "plain", **{f"{role}_lora_layers": state})
    scales = {each.scale for each in lora_files.read_lora(tmp_path / "plain", base).values()}
    assert scales == {1.0}


def test_the_network_shares_the_weights_of_the_base(tmp_path):
    base = denoiser(tiny_pipelines.build("sd3"))
    network = lora.with_lora(base, lora.lora_changes(trained("sd3")))
    shared = {weight.data_ptr() for weight in base.parameters()}
    own = {name for name, each in network.named_parameters() if each.data_ptr() not in shared}
    assert own
    assert all(".parametrizations.weight.0." in name for name in own)


def test_changes_of_several_ranks_are_not_written(tmp_path):
    changes = lora.lora_changes(trained("sd"))
    name = sorted(changes)[0]
    changes[name] = lora.LowRank(changes[name].down[:1], changes[name].up[:, :1], scale=3.0)
    with pytest.raises(ValueError, match="2 ranks and scales, expected 1"):
        lora.write_lora(changes, tmp_path, denoiser=denoiser(tiny_pipelines.pipeline("sd")))


@ALL
def test_a_few_steps_of_training_lower_the_loss(kind):
    pipe = tiny_pipelines.build(kind)
    network, process = denoiser(pipe), processes.make_process(tiny_pipelines.scheduling(pipe))
    lora.add_lora(network, rank=4, alpha=4.0, seed=0)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    adam, rng = torch.optim.Adam(weights, lr=3e-2), torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 2, 4, 8, 8, generator=rng)
    levels = torch.from_numpy(process.levels_from(np.array([0.3, 0.6])))
    inputs = process.noised(x0, noise, levels), levels, embeddings_of(kind)
    losses = []
    for _ in range(8):
        predicted = text_denoiser.predict(network, *inputs)
        loss = (predicted - process.target(x0, noise, levels)).square().mean()
        loss.backward()
        adam.step()
        adam.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.98 * losses[0]


def test_changes_of_several_ranks_and_scales_are_made_even():
    """Alone = among others: what they compute is the same, in one rank and one scale."""
    base = denoiser(tiny_pipelines.pipeline("sd"))
    small = lora.lora_changes(trained("sd", rank=1, alpha=3.0, targets=["to_q", "conv1"]))
    large = lora.lora_changes(trained("sd", rank=3, alpha=1.0, targets=["to_k"]))
    even = lora.even_changes(small | large)
    assert {(len(each.down), each.scale) for each in even.values()} == {(3, 1.0)}
    expected = predict("sd", lora.with_lora(base, small | large))
    assert torch.allclose(predict("sd", lora.with_lora(base, even)), expected, atol=1e-6)
    same = lora.even_changes(large)
    assert {each.scale for each in same.values()} == {1 / 3}
    for name, change in large.items():
        assert torch.equal(same[name].up, change.up)
