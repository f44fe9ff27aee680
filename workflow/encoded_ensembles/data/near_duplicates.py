"""Near-duplicates: images that differ little, as clusters."""

import numpy as np

from encoded_ensembles.data.images import ImageSet


def cluster(images: ImageSet, *, metric: str, threshold: float) -> np.ndarray:
    """Return the near-duplicate cluster of each image, named after its first image by name.

    Images at most `threshold` apart are linked, and connected images are one cluster (single linkage:
    DBSCAN with min_samples 1). A chain of links may therefore join images that are farther apart.

    Args:
        images: N images.
        metric: "phash", differing bits of 64 in the perceptual hash (Zauner, *Implementation and
            benchmarking of perceptual image hash functions*, 2010); or "pixels", the root mean
            square difference, 0..1.
        threshold: largest distance of duplicates in this metric; 0 links only equal images.

    Returns:
        (N,) str.
    """
    from sklearn.cluster import DBSCAN

    if metric == "phash":
        points, radius = perceptual_hashes(images.images), np.sqrt(threshold)
    else:
        points = images.images.reshape(len(images), -1).astype(np.float64) / 255
        radius = threshold * np.sqrt(points.shape[1])
    # Slightly more, because rounding may give equal points a distance above 0.
    labels = DBSCAN(eps=radius + 1e-6, min_samples=1).fit(points).labels_
    order = np.argsort(images.names, kind="stable")
    _, first = np.unique(labels[order], return_index=True)
    return images.names[order[first]][labels]


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """Return the 64 bits of each image's perceptual hash as (N, 64) float64 of 0 and 1.

    Args:
        images: (N, H, W, C) uint8, C 1 or 3.
    """
    import imagehash
    from PIL import Image

    grey = images.shape[-1] == 1
    return np.stack(
        [
            imagehash.phash(Image.fromarray(image[..., 0] if grey else image)).hash.ravel()
            for image in images
        ]
    ).astype(np.float64)
