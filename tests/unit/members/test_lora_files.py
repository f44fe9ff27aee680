"""LoRA files of other programs: read in full, or refused with the key that does not fit."""

import json

import pytest
import tiny_pipelines
import torch
from encoded_ensembles.members import lora, lora_files
from encoded_ensembles.storage.errors import InputError
from safetensors.torch import load_file, save_file
from tiny_lora import denoiser, kohya, predict, trained, underscored

FLUX_DOUBLE = {  # kohya's name of fused layers, and their names in diffusers
    "img_attn_qkv": ["to_q", "to_k", "to_v"],
    "img_attn_proj": ["to_out.0"],
    "txt_attn_qkv": ["add_q_proj", "add_k_proj", "add_v_proj"],
    "txt_attn_proj": ["to_add_out"],
}
FLUX_TARGETS = [
    f"transformer_blocks.0.attn.{name}" for names in FLUX_DOUBLE.values() for name in names
]


def of_sgm(layer):
    """Return kohya's name of a layer of the tiny SDXL network, in the blocks of its first authors."""
    blocks = {
        "down_blocks.1.attentions.0": "input_blocks_3_1",
        "mid_block.attentions.0": "middle_block_1",
        "up_blocks.0.attentions.0": "output_blocks_0_1",
        "up_blocks.0.attentions.1": "output_blocks_1_1",
    }
    (start,) = (block for block in blocks if layer.startswith(f"{block}."))
    return f"lora_unet_{blocks[start]}{layer.removeprefix(start).replace('.', '_')}"


def kohya_flux(changes):
    """Return kohya's layout of FLUX, in which q, k and v are one layer with B in blocks."""
    tensors = {}
    for fused, names in FLUX_DOUBLE.items():
        three = [changes[f"transformer_blocks.0.attn.{name}"] for name in names]
        stem = f"lora_unet_double_blocks_0_{fused}"
        tensors[f"{stem}.lora_down.weight"] = torch.cat([each.down for each in three])
        tensors[f"{stem}.lora_up.weight"] = torch.block_diag(*(each.up for each in three))
        tensors[f"{stem}.alpha"] = torch.tensor(
            three[0].scale * sum(len(each.down) for each in three)
        )
    return tensors


LAYOUTS = {
    "sd": lambda changes: kohya(changes, underscored),
    "sdxl": lambda changes: kohya(changes, of_sgm),
    "flux": kohya_flux,
}


def train(kind):
    return trained(kind, targets=FLUX_TARGETS if kind == "flux" else None)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes tensors as one file."""

    def write(tensors, name="style.safetensors"):
        tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
        save_file(tensors, tmp_path / name, metadata={"format": "pt"})
        return tmp_path / name

    return write


@pytest.mark.parametrize("kind", list(LAYOUTS))
def test_kohyas_layout_is_read(kind, write):
    network, base = train(kind), denoiser(tiny_pipelines.pipeline(kind))
    file = write(LAYOUTS[kind](lora.lora_changes(network)))
    own = lora.with_lora(base, lora_files.read_lora(file, base))
    assert torch.allclose(predict(kind, own), predict(kind, network), atol=1e-5)
    pipe = tiny_pipelines.build(kind)
    pipe.load_lora_weights(file.parent, weight_name=file.name)
    assert torch.allclose(predict(kind, denoiser(pipe)), predict(kind, own), atol=1e-4)


def test_comfyuis_layout_of_flux_is_read(write):
    """Kohya's layers by their names in FLUX's own code, with A and B as in diffusers."""
    network, base = train("flux"), denoiser(tiny_pipelines.pipeline("flux"))
    tensors = {}
    for key, tensor in kohya_flux(lora.lora_changes(network)).items():
        layer, _, part = key.removeprefix("lora_unet_double_blocks_0_").partition(".")
        name = f"diffusion_model.double_blocks.0.{layer.replace('attn_', 'attn.')}"
        part = part.replace("lora_down", "lora_A").replace("lora_up", "lora_B")
        tensors[f"{name}.{part}"] = tensor
    assert "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight" in tensors
    own = lora.with_lora(base, lora_files.read_lora(write(tensors), base))
    assert torch.allclose(predict("flux", own), predict("flux", network), atol=1e-5)


@pytest.mark.parametrize("stem", ["lora_unet_joint_blocks_0", "diffusion_model.joint_blocks.0"])
def test_kohyas_layout_of_sd3_is_refused_by_name(stem, write):
    base = denoiser(tiny_pipelines.pipeline("sd3"))
    names = [f"{stem}_x_block_attn_qkv.lora_{part}.weight" for part in ("down", "up")]
    with pytest.raises(InputError, match="expected the layout of diffusers or peft for SD3"):
        lora_files.read_lora(write({name: torch.ones(2, 2) for name in names}), base)


def test_feed_forward_and_convolutional_layers_are_read_too(write):
    network = trained("sd", targets=["to_q", "ff.net.2", "proj_in", "conv1", "time_emb_proj"])
    base = denoiser(tiny_pipelines.pipeline("sd"))
    file = write(kohya(lora.lora_changes(network), underscored))
    own = lora.with_lora(base, lora_files.read_lora(file, base))
    assert torch.allclose(predict("sd", own), predict("sd", network), atol=1e-5)


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_pefts_layout_is_read_with_its_alpha(kind, tmp_path):
    import peft

    base = denoiser(tiny_pipelines.pipeline(kind))
    config = peft.LoraConfig(
        r=2, lora_alpha=6, target_modules=["to_q", "to_k"], init_lora_weights=False,
        alpha_pattern={"attn.*to_k": 1} if kind == "sd3" else {},
    )  # fmt: skip
    model = peft.get_peft_model(denoiser(tiny_pipelines.build(kind)), config)
    model.save_pretrained(tmp_path)
    own = lora.with_lora(base, lora_files.read_lora(tmp_path, base))
    expected = predict(kind, model.base_model.model)
    assert torch.allclose(predict(kind, own), expected, atol=1e-5)
    assert not torch.allclose(predict(kind, base), expected, atol=1e-3)


def test_diffusers_first_layout_is_read(write):
    """With attention processors, as files of 2023 have it."""
    network, base = trained("sd"), denoiser(tiny_pipelines.pipeline("sd"))
    tensors = {}
    for layer, change in lora.lora_changes(network).items():
        block, _, name = layer.removesuffix(".0").rpartition(".")
        stem = f"unet.{block}.processor.{name}_lora"
        tensors[f"{stem}.down.weight"], tensors[f"{stem}.up.weight"] = change.down, change.up * 3
    own = lora.with_lora(base, lora_files.read_lora(write(tensors), base))
    assert torch.allclose(predict("sd", own), predict("sd", network), atol=1e-5)


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_onetrainers_layout_is_read(kind, write):
    """All layers, by names with underscores: diffusers converts those of attention alone, of SD3 none."""
    base = denoiser(tiny_pipelines.pipeline(kind))
    linear = [name for name, layer in base.named_modules() if isinstance(layer, torch.nn.Linear)]
    changes = lora.lora_changes(trained(kind, targets=linear))
    assert set(changes) == set(linear)
    start = "unet" if kind in ("sd", "sdxl") else "transformer"
    file = write(kohya(changes, lambda name: underscored(name, start=start)))
    found = lora_files.read_lora(file, base)
    assert set(found) == set(linear)
    for name, change in found.items():
        assert torch.equal(change.down, changes[name].down)
        assert torch.equal(change.up, changes[name].up)
        assert change.scale == changes[name].scale


def renamed(tensors, old, new):
    """Rename one part of the first key that holds it, in all keys of its layer."""
    key = next(key for key in sorted(tensors) if old in key and "lora_down" in key)
    stem = key.split(".lora_down")[0]
    changed = stem.replace(old, new)
    return {
        key.replace(f"{stem}.", f"{changed}.") if key.startswith(f"{stem}.") else key: tensor
        for key, tensor in tensors.items()
    }, f"{changed}.lora_down.weight"


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("sd", "attn1_to_q", "attn1_to_qq"),
        ("sd", "down_blocks_1", "down_blocks_9"),
        ("sdxl", "input_blocks_3_1", "input_blocks_8_1"),
        ("flux", "double_blocks_0", "double_blocks_5"),
        ("flux", "img_attn_qkv", "img_attn_kqv"),
    ],
)
def test_a_renamed_key_of_kohya_is_refused_by_name(kind, old, new, write):
    base = denoiser(tiny_pipelines.pipeline(kind))
    tensors, key = renamed(LAYOUTS[kind](lora.lora_changes(train(kind))), old, new)
    with pytest.raises(InputError, match=f"holds {key}, which is for no linear or convol"):
        lora_files.read_lora(write(tensors), base)


@pytest.mark.parametrize("kind", tiny_pipelines.KINDS)
def test_a_renamed_key_of_ours_is_refused_by_name(kind, tmp_path, write):
    network, base = trained(kind), denoiser(tiny_pipelines.pipeline(kind))
    lora.write_lora(lora.lora_changes(network), tmp_path / "own", denoiser=network)
    tensors = load_file(tmp_path / "own" / lora.LORA_WEIGHTS)
    layer = sorted(tensors)[0].rpartition(".lora_A")[0]
    wrong = {key.replace(f"{layer}.", f"{layer}x."): tensor for key, tensor in tensors.items()}
    with pytest.raises(InputError, match=f"holds {layer}x.lora_A.weight, which is for no linear"):
        lora_files.read_lora(write(wrong), base)


def own_tensors(kind="sd"):
    role = "unet" if kind in ("sd", "sdxl") else "transformer"
    return {
        f"{role}.{layer}.{part}.weight": factor.clone()
        for layer, change in lora.lora_changes(trained(kind)).items()
        for part, factor in (("lora_A", change.down), ("lora_B", change.up))
    }


def first(tensors, part):
    return next(key for key in sorted(tensors) if part in key)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(first(t, "lora_B")), "but not the B of .*, expected both A and B"),
        (lambda t: t.pop(first(t, "lora_A")), "but not the A of"),
        (
            lambda t: t.update({"unet.conv_in.lora_magnitude_vector": torch.ones(3)}),
            "holds unet.conv_in.lora_magnitude_vector, expected A, B or alpha",
        ),
        (
            lambda t: t.update({first(t, "lora_B").replace("weight", "bias"): torch.ones(3)}),
            "lora_B.bias, expected A, B or alpha of layers only",
        ),
        (
            lambda t: t.update({first(t, "lora_A"): torch.ones(2, 7)}),
            "for a layer of 7 inputs and .* outputs, but .* the LoRA is of another base",
        ),
        (
            lambda t: t.update(
                {f"text_encoder.q.lora_{part}.weight": torch.ones(2, 2) for part in "AB"}
            ),
            "text_encoder.q.lora_A.weight of a text encoder",
        ),
        (
            lambda t: t.update(
                {key.replace("unet.", ""): each.clone() for key, each in list(t.items())}
            ),
            "twice, expected once",
        ),
        (
            lambda t: t.update(
                {
                    key.replace(".weight", f".{name}.weight"): t[key].clone()
                    for key in list(t)
                    for name in ("one", "two")
                }
            ),
            r"lora_A.one.weight and .*lora_A.two.weight, expected one adapter; save each",
        ),
        (
            lambda t: t[first(t, "lora_A")].fill_(torch.nan),
            "values that are not finite in .*lora_A",
        ),
        (
            lambda t: [t[key].zero_() for key in t if "lora_B" in key],
            "zeros in place of each B, so that it changes nothing",
        ),
        (
            lambda t: t.update({"bundle_emb.cat.string_to_param": torch.ones(3)}),
            "trained embeddings are not supported",
        ),
    ],
)
def test_what_is_left_over_or_missing_is_refused(change, words, write):
    tensors = own_tensors()
    change(tensors)
    with pytest.raises(InputError, match=words):
        lora_files.read_lora(write(tensors), denoiser(tiny_pipelines.pipeline("sd")))


def test_text_encoders_of_kohya_are_refused(write):
    tensors = LAYOUTS["sd"](lora.lora_changes(trained("sd")))
    for part in ("down", "up"):
        tensors[f"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_{part}.weight"] = torch.ones(
            2, 2
        )
    with pytest.raises(InputError, match=r"lora_te_text_model.* of a text encoder"):
        lora_files.read_lora(write(tensors), denoiser(tiny_pipelines.pipeline("sd")))


def test_a_variant_of_peft_is_refused(write, tmp_path):
    write(own_tensors(), "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"use_rslora": True}))
    with pytest.raises(InputError, match="was made with use_rslora"):
        lora_files.read_lora(tmp_path, denoiser(tiny_pipelines.pipeline("sd")))


def test_other_weights_of_the_base_are_refused(write, tmp_path):
    """PiSSA and its like change the base: A and B alone are another network."""
    write(own_tensors(), "adapter_model.safetensors")
    base = denoiser(tiny_pipelines.pipeline("sd"))
    facts = {"lora_alpha": 6, "r": 2}
    for start, refused in [("pissa_niter_4", True), ("gaussian", False), (True, False)]:
        config = json.dumps(facts | {"init_lora_weights": start})
        (tmp_path / "adapter_config.json").write_text(config)
        if refused:
            with pytest.raises(InputError, match=f"init_lora_weights {start}, which changes the"):
                lora_files.read_lora(tmp_path, base)
        else:
            assert lora_files.read_lora(tmp_path, base)


@pytest.mark.parametrize("text", ["oops", "[1]"])
def test_a_damaged_description_is_refused(tmp_path, text):
    file = tmp_path / "a.safetensors"
    save_file(own_tensors(), file, metadata={"lora_adapter_metadata": text})
    with pytest.raises(InputError, match="holds a lora_adapter_metadata that is not an object"):
        lora_files.read_lora(file, denoiser(tiny_pipelines.pipeline("sd")))


def test_a_file_of_peft_without_its_configuration_is_refused(write, tmp_path):
    """Its alpha would be lost."""
    base = denoiser(tiny_pipelines.pipeline("sd"))
    tensors = {f"base_model.model.{key}": tensor for key, tensor in own_tensors().items()}
    file = write(tensors, "00.safetensors")
    with pytest.raises(InputError, match=r"but no adapter_config.json lies beside it"):
        lora_files.read_lora(file, base)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 6, "r": 2}))
    assert {change.scale for change in lora_files.read_lora(file, base).values()} == {3.0}
    (tmp_path / "adapter_config.json").write_text(json.dumps({"use_rslora": True}))
    with pytest.raises(InputError, match="was made with use_rslora"):
        lora_files.read_lora(file, base)


def test_a_folder_without_one_file_is_refused(write, tmp_path):
    base = denoiser(tiny_pipelines.pipeline("sd"))
    (tmp_path / "pytorch_lora_weights.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="holds 0 LoRA files in safetensors, expected one"):
        lora_files.read_lora(tmp_path, base)
    write(own_tensors(), "a.safetensors")
    assert lora_files.read_lora(tmp_path, base)
    write(own_tensors(), "b.safetensors")
    with pytest.raises(InputError, match="holds 2 LoRA files"):
        lora_files.read_lora(tmp_path, base)


def test_damage_is_refused(tmp_path):
    network, base = trained("sd"), denoiser(tiny_pipelines.pipeline("sd"))
    lora.write_lora(lora.lora_changes(network), tmp_path, denoiser=network)
    file = tmp_path / lora.LORA_WEIGHTS
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="is damaged"):
        lora_files.read_lora(tmp_path, base)
    file.write_bytes(whole[:40])
    with pytest.raises(InputError, match="is not a complete file of safetensors"):
        lora_files.read_lora(tmp_path, base)


def test_a_lora_of_another_kind_of_base_is_refused(write):
    file = write(own_tensors("sd"))
    with pytest.raises(InputError, match="the LoRA is of another base"):
        lora_files.read_lora(file, denoiser(tiny_pipelines.pipeline("flux")))
