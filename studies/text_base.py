"""Train a small text-to-image pipeline on captioned pictures that no member sees, to fine-tune by adapters.

    python studies/text_base.py results/openmoji-base/data --apart results/openmoji/data/captions.parquet \
      --output resources/openmoji-base

A diffusers StableDiffusionPipeline: the autoencoder of studies/autoencoder.py, a CLIP text encoder, and a U-Net
that predicts noise, the last two trained together. Pictures with a caption that is in `--apart` are left out;
the tokenizer knows the words of both.
"""

import argparse
import string
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pandas as pd
import torch
import transformers
from autoencoder import build, train
from encoded_ensembles.data.images import read_images, to_signed
from encoded_ensembles.progress import track
from encoded_ensembles.storage.files import read_table

TOKENS, WORDS, WIDTH = (
    24,
    2000,
    64,
)  # longest caption in tokens, size of the vocabulary, of an embedding
DROPPED = 0.1  # share of captions that are dropped, for guidance
EMA = 0.999


def make_tokenizer(captions: list[str]) -> Any:
    """Return a tokenizer of CLIP's kind with the vocabulary of some captions."""
    letters = string.printable.strip()
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    empty = transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=TOKENS)
    return empty.train_new_from_iterator(iter(captions), vocab_size=WORDS)


def make_encoder(tokenizer: Any) -> Any:
    """Return an untrained text encoder for a tokenizer."""
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return transformers.CLIPTextModel(config)


def make_unet(widths: list[int]) -> Any:
    """Return an untrained U-Net for latents of 8x8, which attends to the caption at all levels but the first."""
    attending = len(widths) - 1
    return diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=widths, layers_per_block=1, norm_num_groups=8,
        cross_attention_dim=WIDTH, attention_head_dim=[2] * len(widths),  # numbers of heads
        down_block_types=["DownBlock2D", *["CrossAttnDownBlock2D"] * attending],
        up_block_types=[*["CrossAttnUpBlock2D"] * attending, "UpBlock2D"],
    )  # fmt: skip


def encode(autoencoder: Any, images: torch.Tensor) -> torch.Tensor:
    """Return the latents of images, and set the factor that scales them to a deviation of 1."""
    with torch.no_grad():
        latents = torch.cat(
            [autoencoder.encode(each).latent_dist.mode() for each in images.split(64)]
        )
    factor = float(np.round(1 / latents.std(), 4))
    autoencoder.register_to_config(scaling_factor=factor)
    return latents * factor


def fit(
    unet: Any, encoder: Any, latents: torch.Tensor, tokens: torch.Tensor, nothing: torch.Tensor,
    *, scheduler: Any, steps: int, batch: int, rate: float,
) -> None:  # fmt: skip
    """Train the U-Net and the text encoder to predict noise, and give them their averaged weights.

    Args:
        unet: to train.
        encoder: to train with it.
        latents: (N, 4, 8, 8).
        tokens: (N, TOKENS) of their captions.
        nothing: (1, TOKENS), of no caption.
        scheduler: noises latents.
        steps: of the optimiser.
        batch: pictures in a step.
        rate: highest learning rate; it falls to 0 as a cosine.
    """
    both = torch.nn.ModuleList([unet, encoder])
    average = torch.optim.swa_utils.AveragedModel(
        both, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA)
    )
    adam = torch.optim.AdamW(both.parameters(), lr=rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    losses = []
    for step in track(iter(range(steps)), label="base", total=steps):
        rows = torch.randint(len(latents), (batch,))
        said = torch.where(torch.rand(batch, 1) < DROPPED, nothing, tokens[rows])
        levels = torch.randint(scheduler.config.num_train_timesteps, (batch,))
        noise = torch.randn(batch, *latents.shape[1:])
        noisy = scheduler.add_noise(latents[rows], noise, levels)
        predicted = unet(noisy, levels, encoder_hidden_states=encoder(said)[0]).sample
        loss = torch.nn.functional.mse_loss(predicted, noise)
        loss.backward()
        adam.step()
        adam.zero_grad()
        falling.step()
        average.update_parameters(both)
        losses.append(loss.item())
        if (step + 1) % 500 == 0:
            print(f"step {step + 1}: loss {np.mean(losses[-500:]):.4f}", flush=True)
    both.load_state_dict(average.module.state_dict())


def read_captions(data: Path) -> np.ndarray:
    """Return the captions of the training images of a run, or their labels if it has none, (N,) str."""
    if not (data / "captions.parquet").is_file():
        images = read_images(data / "training.npz")
        return images.label_names[images.labels]
    table = read_table(data / "captions.parquet")
    captions: np.ndarray = table.loc[table["part"] == "training", "caption"].to_numpy()
    return captions


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder data/ of a run")
    parser.add_argument("--apart", type=Path, help="captions.parquet of the run to fine-tune in")
    parser.add_argument("--output", type=Path, required=True, help="folder of the pipeline")
    parser.add_argument("--epochs", type=int, default=20, help="of the autoencoder")
    parser.add_argument("--coder", type=int, nargs="+", default=[16, 32, 48], help="its widths")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64], help="of the U-Net")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    given = parser.parse_args()
    if given.output.exists():  # found now, not after the training
        parser.error(
            f"--output {given.output} exists, expected a new folder; remove it or name another."
        )
    torch.manual_seed(0)
    images = torch.from_numpy(to_signed(read_images(given.data / "training.npz").images))
    captions = read_captions(given.data)
    apart = set(read_table(given.apart)["caption"]) if given.apart else set()
    taken = ~pd.Series(captions).isin(apart).to_numpy()
    images, captions = images[torch.from_numpy(taken)], captions[taken]
    print(f"{len(images)} pictures; {int((~taken).sum())} have a caption that is kept apart")
    autoencoder = build(images.shape[1], given.coder)
    train(autoencoder, images, epochs=given.epochs, batch=min(32, len(images)))
    autoencoder.eval()
    latents = encode(autoencoder, images)
    tokenizer = make_tokenizer([*captions, *sorted(apart)])

    def tokens(texts: list[str]) -> torch.Tensor:
        return tokenizer(
            texts, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids

    encoder, unet = make_encoder(tokenizer), make_unet(given.widths)
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False)
    fit(
        unet, encoder, latents, tokens(captions.tolist()), tokens([""]),
        scheduler=scheduler, steps=given.steps, batch=given.batch, rate=given.rate,
    )  # fmt: skip
    unfinished = given.output.with_name(f"{given.output.name}.unfinished")
    diffusers.StableDiffusionPipeline(
        vae=autoencoder, text_encoder=encoder, tokenizer=tokenizer, unet=unet,
        scheduler=diffusers.DDIMScheduler.from_config(scheduler.config, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(unfinished)  # fmt: skip
    unfinished.rename(given.output)


if __name__ == "__main__":
    main()
