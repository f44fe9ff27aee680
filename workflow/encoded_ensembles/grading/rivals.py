"""Rival attribution methods: scores of the responsibility of each unit for each sample.

They use the same members, images and samples as the ensemble's methods. Scores are (U, B) float,
higher for more responsible; a unit's score is the mean, or for distances the best, over its images.

Sources: Park et al., *TRAK*, arXiv 2303.14186; Zheng et al., arXiv 2311.00500 (D-TRAK); Xie et al.,
arXiv 2401.09031 (Diffusion-ReTrac); Georgiev et al., arXiv 2312.06205 (Journey-TRAK). Their gradients are in `gradients`.
"""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from encoded_ensembles.data.likeness import by_unit
from encoded_ensembles.randomness import Purpose, generator, name_key

FORWARD, BACKWARD = 1, 2  # cost of a pass of one image through a network, in member evaluations
# The gradients of images and of samples that each kernel method uses.
METHODS = {
    "trak": ("loss", "loss"),
    "d-trak": ("norm", "norm"),
    "journey-trak": ("loss", "journey"),
}


def random_scores(unit_names: Sequence[str], *, samples: int, seed: int) -> np.ndarray:
    """Return random scores; those of a unit depend only on (seed, its name).

    Args:
        unit_names: U names.
        samples: B.
        seed: 0..2^64-1.

    Returns:
        (U, B) float64, standard normal.
    """
    return np.stack(
        [
            generator(
                seed=seed, purpose=Purpose.RIVALS, key=name_key(f"unit {name}")
            ).standard_normal(samples)
            for name in unit_names
        ]
    )


def degraded_scores(
    scores: np.ndarray, unit_names: Sequence[str], *, shares: Sequence[float], seed: int
) -> list[np.ndarray]:
    """Return a method's scores mixed with noise: methods known to be worse, to check grades.

    Args:
        scores: (U, B).
        unit_names: U names, which determine the noise; it is the same for all shares.
        shares: shares of noise in the variance over a sample's units, each 0..1.
        seed: 0..2^64-1.

    Returns:
        (U, B) float64 for each share; over each sample's units the scores have expected variance 1.
    """
    spread = scores.std(axis=0)
    scaled = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1)
    noise = random_scores(
        [f"noise {name}" for name in unit_names], samples=scores.shape[1], seed=seed
    )
    return [np.sqrt(1 - share) * scaled + np.sqrt(share) * noise for share in shares]


def degraded_name(name: str, share: float) -> str:
    """Return the name of a method with a share of noise, 0..1: `pixels-50`."""
    return f"{name}-{100 * share:g}"


def worse_by_construction(name: str) -> bool:
    """Return whether a method is chance, or another with noise added."""
    return name == "random" or re.fullmatch(r"pixels-[\d.e+-]+", name) is not None


def unit_means(scores: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Return the mean score of each unit's images: (..., N, B) to (..., U, B)."""
    order, starts, sizes = by_unit(unit_of)
    return np.add.reduceat(scores[..., order, :], starts, axis=-2) / sizes[:, None]


# ASSUME: TRAK of the loss.
def kernel_scores(images: np.ndarray, samples: np.ndarray, *, damping: np.ndarray) -> np.ndarray:
    """Return TRAK's scores: sample (Phi^T Phi + lambda I)^-1 image, Phi the gradients of all images.

    Args:
        images: Phi (N, k), projected gradients.
        samples: (B, k).
        damping: (D,) above 0, lambda in units of the mean diagonal of Phi^T Phi.

    Returns:
        (D, N, B) float64.
    """
    from scipy.linalg import solve

    images, samples = images.astype(np.float64), samples.astype(np.float64)
    kernel = images.T @ images
    diagonal = np.eye(len(kernel)) * np.trace(kernel) / len(kernel)
    return np.stack(
        [
            images @ solve(kernel + factor * diagonal, samples.T, assume_a="pos")
            for factor in damping
        ]
    )


def network_scores(
    gradients: dict[str, np.ndarray], unit_of: np.ndarray, *, damping: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the scores from one network's gradients.

    Args:
        gradients: tensors of `gradients.network_gradients`.
        unit_of: (N,) int64.
        damping: (D,).

    Returns:
        trak, d-trak and, of samples with a journey, journey-trak (D, U, B), retrac (U, B), float64: means over the
        images of each unit.
    """
    image_scores = {
        name: kernel_scores(
            gradients[f"{kind}.images"], gradients[f"{query}.samples"], damping=damping
        )
        for name, (kind, query) in METHODS.items()
        if f"{query}.samples" in gradients
    }
    image_scores["retrac"] = gradients["retrac"].astype(np.float64)
    return {name: unit_means(scores, unit_of) for name, scores in image_scores.items()}


def gradient_scores(
    full: dict[str, np.ndarray],
    members: Iterable[dict[str, np.ndarray]],
    unit_of: np.ndarray,
    *,
    damping: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the scores of the full model, of the first member, and their mean over all members.

    Args:
        full: gradients of the full model.
        members: gradients of each member, in order; read one at a time.
        unit_of: (N,) int64.
        damping: (D,).

    Returns:
        trak.full, trak.one, trak.mean, d-trak.full ... (D, U, B), retrac.full ... (U, B), float64; if
        a unit has several images, also their sums, trak-sum.full ..., since a unit may count for its size.
    """
    full_scores = network_scores(full, unit_of, damping=damping)
    member_scores = [network_scores(gradients, unit_of, damping=damping) for gradients in members]
    scores = {}
    for name in full_scores:
        scores[f"{name}.full"] = full_scores[name]
        scores[f"{name}.one"] = member_scores[0][name]
        scores[f"{name}.mean"] = np.mean([scores_of[name] for scores_of in member_scores], axis=0)
    sizes = np.bincount(unit_of)
    if sizes.max() > 1:
        for name, means in list(scores.items()):
            scores[name.replace(".", "-sum.")] = means * sizes[:, None]
    return scores


def member_evaluations(
    methods: Iterable[str], *, pictures: int, levels: int, members: int, journey: int = 0
) -> dict[str, int]:
    """Return the cost of each method: passes of one image through one network, backward ones twice.

    Args:
        methods: names such as pixels or trak.mean.
        pictures: N + B, images and samples.
        levels: K, noise levels at which each picture's gradient is computed.
        members: n.
        journey: what journey-trak has in place of the B samples at K levels, more than these: (J - K) B.
    """
    networks = {"full": 1, "one": 1, "mean": members}
    return {
        name: networks.get(name.rpartition(".")[2], 0)
        * (FORWARD + BACKWARD)
        * (pictures * levels + journey * name.startswith("journey-trak"))
        for name in methods
    }


def choose_settings(
    rivals: dict[str, np.ndarray], area: Callable[[np.ndarray, np.ndarray], float]
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Choose the setting (damping, or patches) of each method that has several, by the largest area of gains.

    Returns:
        the scores of each method, and the number of the setting that was chosen.
    """
    methods, chosen = {}, {}
    for name, scores in rivals.items():
        if scores.ndim == 2:
            methods[name] = scores
        elif scores.ndim == 3:
            chosen[name] = max(range(len(scores)), key=lambda i: area(scores[i], scores[i]))
            methods[name] = scores[chosen[name]]
    return methods, chosen
