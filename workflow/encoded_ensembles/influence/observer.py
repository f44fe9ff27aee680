"""What members do along a trajectory, gathered level by level: all that the tests of units need."""

from dataclasses import dataclass

import numpy as np

from encoded_ensembles.influence.contrast import pulls
from encoded_ensembles.influence.joint import Decoder, Evidence
from encoded_ensembles.storage.errors import InputError

SIZES = (1, 2, 3, 5, 10, 30)  # sizes of the sets of most alike units that are tested together
DECOYS = 512  # decoys of a draw, at most (`decoys`)
CANDIDATES = 128  # most alike units of each sample that are decoded jointly


@dataclass(frozen=True)
class Observed:
    """What members do on B samples, with regard to U units.

    Attributes:
        order: (B, U) int64, units of each sample, most alike first; the first K are its candidates.
        pulls: (B, U, n) float32, mean over levels, each in units of its root mean square.
        change: (B, n, n), products of the members' residuals, mean over levels of trace one.
        joint: of each sample's K candidates, (B, K, n) and (B, K, n, n).
        sets: by size k in `SIZES`, of the first k candidates, all left out of the model together.
        moved: (B, U, n) float32, mean pulls over levels in the values of images; None if not kept.
    """

    order: np.ndarray
    pulls: np.ndarray
    change: np.ndarray
    joint: Evidence
    sets: dict[int, Evidence]
    moved: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of a file."""
        named = {"order": self.order, "pulls": self.pulls, "change": self.change}
        if self.moved is not None:
            named["moved"] = self.moved
        for prefix, evidence in [
            ("joint", self.joint),
            *((f"set{k}", e) for k, e in self.sets.items()),
        ]:
            # As float32: half the size, and the same numbers for all words.
            named |= {
                f"{prefix}_{field}": part.astype(np.float32)
                for field, part in evidence._asdict().items()
            }
        return named

    @staticmethod
    def read(arrays: dict[str, np.ndarray]) -> "Observed":
        """Return what `arrays` gave."""

        def evidence(prefix: str) -> Evidence:
            return Evidence(*(arrays[f"{prefix}_{field}"] for field in Evidence._fields))

        sets = {k: evidence(f"set{k}") for k in SIZES if f"set{k}_pull" in arrays}
        return Observed(
            arrays["order"], arrays["pulls"], arrays["change"], evidence("joint"), sets,
            arrays.get("moved"),
        )  # fmt: skip


class Observer:
    """Gathers what members do with regard to some units."""

    def __init__(
        self,
        images: np.ndarray,
        unit_of: np.ndarray,
        code: np.ndarray,
        order: np.ndarray,
        *,
        candidates: int = CANDIDATES,
        sizes: tuple[int, ...] = SIZES,
        single: bool = False,
    ) -> None:
        """Start with no level.

        Args:
            images: (N, C, H, W) float, as members see them.
            unit_of: (N,) int64, every unit 0..U-1 with an image.
            code: (U, n) bool.
            order: (B, U) int64, units of each sample, most alike first.
            candidates: K, number of units that are decoded jointly.
            sizes: k of the sets of most alike units.
            single: scale the pulls of each sample by itself, so that they do not depend on the other
                samples, and keep `moved`.
        """
        self._images = images.reshape(len(images), -1)
        self._unit_of, self._order = unit_of, order
        samples, units = order.shape
        members = code.shape[1]
        near = order[:, :candidates]
        self._sizes = [size for size in sizes if size <= near.shape[1]]
        self._decoder = Decoder(
            self._images, unit_of, code, near, sets=[np.arange(size) for size in self._sizes]
        )
        self._pulls = np.zeros((samples, units, members), np.float32)
        self._change = np.zeros((samples, members, members))
        self._moved = np.zeros_like(self._pulls) if single else None
        self._levels = 0

    def add(
        self, estimate: np.ndarray, pull: np.ndarray | None = None, *, decode: bool = True
    ) -> None:
        """Add one level.

        Args:
            estimate: (n, B, C, H, W).
            pull: (B, U, n) float32 of `contrast.pulls`, where it is known.
            decode: whether to decode the level jointly.

        Raises:
            InputError: an estimate is not finite.
        """
        finite = np.isfinite(estimate).all(axis=(2, 3, 4))
        if not finite.all():
            member, sample = np.argwhere(~finite)[0]
            raise InputError(
                f"member {member:02d} estimates sample or picture {sample} with values that are not finite, expected "
                "finite ones: its weights are broken, or too large for sampling.precision."
            )
        flat = estimate.reshape(*estimate.shape[:2], -1)
        pull = pulls(flat, self._images, self._unit_of) if pull is None else pull
        alone = self._moved is not None
        square = np.square(pull, dtype=np.float64).mean(
            axis=(1, 2) if alone else None, keepdims=True
        )
        self._pulls += pull / np.where(square > 0, np.sqrt(square), 1)
        if self._moved is not None:
            self._moved += pull
        residual = (flat - flat.mean(axis=0, dtype=np.float64)).transpose(1, 0, 2)
        products = residual @ residual.transpose(0, 2, 1)
        trace = np.trace(products, axis1=1, axis2=2)[:, None, None]
        self._change += np.divide(products, trace, out=np.zeros(products.shape), where=trace > 0)
        if decode:
            self._decoder.add(flat)
        self._levels += 1

    def observed(self) -> Observed:
        """Return what was gathered."""
        levels = max(1, self._levels)
        together = dict(zip(self._sizes, self._decoder.together, strict=True))
        return Observed(
            self._order, self._pulls / levels, self._change / levels, self._decoder.alone, together,
            None if self._moved is None else self._moved / levels,
        )  # fmt: skip
