"""Gradients of a network's loss for single images and samples.

Rival attribution methods use them: a training image counts as responsible for a sample if their
gradients are similar. Gradients have too many entries to store, so they are projected at random to a
few dimensions, which preserves inner products on average.

Sources: Park et al., *TRAK*, arXiv 2303.14186; Zheng et al., *Intriguing Properties of Data
Attribution on Diffusion Models*, arXiv 2311.00500 (D-TRAK: levels, functions, averages); Xie et al.,
*Data Attribution for Diffusion Models*, arXiv 2401.09031 (Diffusion-ReTrac); Georgiev et al., *The
Journey, Not the Destination*, arXiv 2312.06205 (Journey-TRAK).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.members.names import LEVELS
from encoded_ensembles.members.network import trained_weights
from encoded_ensembles.randomness import Purpose, generator, name_key

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DModel

CHUNK = 16  # images per gradient call; constant, so that no image changes another's gradient
TILE = 1024  # rows of the projection in memory at once


def spread_levels(count: int) -> np.ndarray:
    """Return `count` evenly spaced noise levels from 0, as in D-TRAK: (K,) int64 in 0..999."""
    return np.arange(count) * LEVELS // count


# ASSUME: noise of gradients.
def level_noise(
    names: Sequence[str], *, level: int, shape: tuple[int, ...], seed: int
) -> np.ndarray:
    """Draw the noise of images at a level; it depends only on (seed, name, level).

    Args:
        names: names of b images.
        level: 0..999.
        shape: (C, H, W).
        seed: 0..2^64-1.

    Returns:
        (b, C, H, W) float32, standard normal.
    """
    draws = [
        generator(
            seed=seed, purpose=Purpose.RIVALS, key=name_key(name), counter=level
        ).standard_normal(shape, dtype=np.float32)
        for name in names
    ]
    return np.stack(draws)


def image_gradients(
    model: "UNet2DModel",
    noisy: "torch.Tensor",
    noise: "torch.Tensor",
    level: int,
    labels: "torch.Tensor | None" = None,
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return each image's gradients of two functions of the network's output.

    Both share one forward pass and differ in the backward pass.

    Args:
        model: network with P trained weights, for inference.
        noisy: (b, C, H, W), images with noise of the level.
        noise: (b, C, H, W), the added noise.
        level: 0..999.
        labels: (b,) int64 if the network is conditioned on labels.

    Returns:
        gradient of the denoising loss mean((output - noise)^2), and that of mean(output^2), each
        (b, P), weights in the order of `trained_weights(model)`.
    """
    import torch
    from torch.func import functional_call, vjp, vmap
    from torch.nn.attention import SDPBackend, sdpa_kernel

    weights = {name: tensor.detach() for name, tensor in trained_weights(model).items()}
    when = torch.tensor(level, device=noisy.device)

    def flat(gradient: Any) -> "torch.Tensor":
        return torch.cat([part.flatten() for part in gradient[0].values()])

    def of_one(
        x: "torch.Tensor", z: "torch.Tensor", *label_of: "torch.Tensor"
    ) -> tuple["torch.Tensor", "torch.Tensor"]:
        def output(parameters: dict[str, "torch.Tensor"]) -> "torch.Tensor":
            label = {"class_labels": label_of[0][None]} if label_of else {}
            return functional_call(model, parameters, (x[None], when), label).sample[0]

        predicted, back = vjp(output, weights)  # type: ignore[misc]
        scale = 2 / predicted.numel()
        return flat(back(scale * (predicted - z))), flat(back(scale * predicted))

    missing = -len(noisy) % CHUNK
    filled = [
        torch.cat([tensor, tensor.new_zeros(missing, *tensor.shape[1:])])
        for tensor in (noisy, noise, *(() if labels is None else (labels,)))
    ]
    with sdpa_kernel(SDPBackend.MATH):  # the attention that vmap supports
        loss, norm = vmap(of_one, chunk_size=CHUNK)(*filled)
    return loss[: len(noisy)], norm[: len(noisy)]


def signs(tile: int, *, dimensions: int, seed: int) -> np.ndarray:
    """Return rows tile*TILE to (tile+1)*TILE of the random projection: (TILE, k) int8, -1 or 1."""
    rng = generator(seed=seed, purpose=Purpose.RIVALS, key=name_key("projection"), counter=tile)
    bits = np.unpackbits(np.frombuffer(rng.bytes(TILE * dimensions // 8), np.uint8))
    return (2 * bits.astype(np.int8) - 1).reshape(TILE, dimensions)


def project(gradients: "torch.Tensor", *, dimensions: int, seed: int) -> "torch.Tensor":
    """Project gradients by random signs, with one tile of signs in memory.

    Args:
        gradients: (b, P) float32.
        dimensions: k.
        seed: seed of the signs.

    Returns:
        (b, k) float32; inner products equal those of the gradients on average over seeds.

    Source: Achlioptas, *Database-friendly random projections*, 2003.
    """
    import torch

    projected = gradients.new_zeros(len(gradients), dimensions)
    for tile, part in enumerate(gradients.split(TILE, dim=1)):
        matrix = torch.from_numpy(signs(tile, dimensions=dimensions, seed=seed)[: part.shape[1]])
        projected += part @ matrix.to(part)
    return projected / dimensions**0.5


def chunk_gradients(
    model: "UNet2DModel", pictures: np.ndarray, names: Sequence[str], *,
    levels: np.ndarray, seed: int, device: "torch.device", labels: np.ndarray | None = None,
) -> Iterator[tuple[int, slice, "torch.Tensor", "torch.Tensor"]]:  # fmt: skip
    """Yield gradients chunk by chunk, each chunk at every level.

    Args:
        model: network with P weights.
        pictures: (b, C, H, W) float32.
        names: b names, which determine the noise.
        levels: (K,) int64.
        seed: seed of the noise.
        device: device of the model.
        labels: (b,) int64; None for a network without labels.

    Yields:
        number of the level 0..K-1, rows, and `image_gradients` of these rows.
    """
    import torch
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(num_train_timesteps=LEVELS)
    for start in range(0, len(pictures), CHUNK):
        rows = slice(start, min(start + CHUNK, len(pictures)))
        x = torch.from_numpy(pictures[rows])
        condition = None if labels is None else torch.from_numpy(labels[rows]).to(device)
        for number, level in enumerate(levels.tolist()):
            noise = torch.from_numpy(
                level_noise(names[rows], level=level, shape=pictures.shape[1:], seed=seed)
            )
            noisy = scheduler.add_noise(x, noise, torch.full((len(x),), level))
            inputs = noisy.to(device), noise.to(device)
            yield number, rows, *image_gradients(model, *inputs, level, condition)


def network_gradients(
    model: "UNet2DModel",
    images: np.ndarray,
    samples: np.ndarray,
    names: Sequence[str],
    *,
    levels: np.ndarray,
    dimensions: int,
    seed: int,
    device: "torch.device",
    labels: np.ndarray | None = None,
    common: bool = False,
    journey: np.ndarray | None = None,
    journey_levels: Sequence[int] = (),
    held: int = 1 << 27,
    track: Callable[[Iterator[Any], int], Iterator[Any]] = lambda items, total: items,
) -> dict[str, np.ndarray]:
    """Return one network's input to the gradient methods.

    Args:
        model: network with P weights.
        images: (N, C, H, W) float32, training images as the network sees them.
        samples: (B, C, H, W), queries; their gradients at every level, K*B*P numbers, stay in memory.
        names: names of the N images.
        levels: (K,) int64.
        dimensions: k, of the projected gradients.
        seed: seed of noise and projection.
        device: device of the model.
        labels: (N,) int64, of the images; None for a network without labels.
        common: use the same noise for all images and samples of a level, not separate noise.
        journey: (J, B, C, H, W), estimates of the samples' final images along their trajectory.
        journey_levels: J noise levels, at which each of them was made and gets its noise.
        held: numbers of the images' gradients in memory at once.
        track: wraps the iteration over chunks and levels; its second argument is their number.

    Returns:
        loss.images (N, k), loss.samples (B, k), norm.images and norm.samples: projected gradients,
        mean over levels; retrac (N, B), of `renormalised_products`; with `journey` also journey.samples (B, k),
        the mean over its steps of the gradients of the loss at their own level. All float32.
    """
    import torch

    def follow(
        pictures: np.ndarray,
        names: Sequence[str],
        sample_labels: np.ndarray | None,
        levels: np.ndarray = levels,
    ) -> Iterator[Any]:
        noise_names = ["common"] * len(pictures) if common else names
        steps = chunk_gradients(
            model,
            pictures,
            noise_names,
            levels=levels,
            seed=seed,
            device=device,
            labels=sample_labels,
        )
        return track(steps, -(-len(pictures) // CHUNK) * len(levels))

    def averaged(total: "torch.Tensor", count: int = len(levels)) -> np.ndarray:
        flat = project(total.flatten(0, 1), dimensions=dimensions, seed=seed)
        return (flat / count).view(2, -1, dimensions).cpu().numpy()

    size = sum(weights.numel() for weights in trained_weights(model).values())
    count = len(levels)
    queries = torch.zeros(count, len(samples), size, device=device)
    total = torch.zeros(2, len(samples), size, device=device)
    noise_names = [f"sample {b}" for b in range(len(samples))]
    sample_labels = None
    if labels is not None:
        sample_labels = np.arange(len(samples)) % model.config.num_class_embeds
    for number, rows, loss, norm in follow(samples, noise_names, sample_labels):
        queries[number, rows] = loss
        total[:, rows] += torch.stack([loss, norm])
    loss_samples, norm_samples = averaged(total)
    estimated = {}
    if journey is not None:
        total.zero_()
        for pictures, level in zip(journey, journey_levels, strict=True):
            at = np.array([level])
            for _, rows, loss, norm in follow(pictures, noise_names, sample_labels, at):
                total[:, rows] += torch.stack([loss, norm])
        estimated["journey.samples"] = averaged(total, len(journey))[0]
    retrac, parts = np.zeros((len(images), len(samples)), np.float32), []
    step = -(-held // (2 * size * CHUNK)) * CHUNK
    for group in (slice(start, start + step) for start in range(0, len(images), step)):
        total = torch.zeros(2, len(images[group]), size, device=device)
        noise_names = [f"image {name}" for name in names[group]]
        for number, rows, loss, norm in follow(
            images[group], noise_names, None if labels is None else labels[group]
        ):
            total[:, rows] += torch.stack([loss, norm])
            retrac[group][rows] += renormalised_products(loss, queries[number]).cpu().numpy()
        parts.append(averaged(total))
    loss_images, norm_images = np.concatenate(parts, axis=1)
    return {
        "loss.images": loss_images,
        "loss.samples": loss_samples,
        "norm.images": norm_images,
        "norm.samples": norm_samples,
        "retrac": retrac,
        **estimated,
    }


# DEVIATES: Diffusion-ReTrac at the end.
def renormalised_products(images: "torch.Tensor", samples: "torch.Tensor") -> "torch.Tensor":
    """Return inner products of gradients, with those of the images scaled to length one.

    Args:
        images: (b, P).
        samples: (B, P).

    Returns:
        (b, B).
    """
    length = images.norm(dim=1, keepdim=True)
    return images @ samples.T / length.clamp_min(1e-30)
