"""A finished run on disk: its files, configuration and results.

For use of `Run("results/digits")` in a notebook see docs/sharing.md.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoded_ensembles.data.images import read_images, to_signed
from encoded_ensembles.data.units import find_units
from encoded_ensembles.ensemble.landscape import pictures_of, read_block
from encoded_ensembles.runs import layout
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_facts,
    read_table,
    read_tensors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from encoded_ensembles.data.images import ImageSet


STATISTICS = [
    "joint", "contrast", "undirected", "distance", "ssim", "features", "stlpips", "matched", "directional",
]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A finished run, by its folder or its name in results/; a unit is named by its name or number."""

    folder: Path

    def __post_init__(self) -> None:
        """Find the folder, which may be a string.

        Raises:
            InputError: the folder holds no finished run.
        """
        path = Path(self.folder)
        for folder in (path, Path("results") / path):
            if (folder / "run.json").is_file():
                object.__setattr__(self, "folder", folder)
                return
        raise InputError(
            f"{path} is not the folder of a finished run (with a run.json in it), nor the name of one "
            "in results/; finish it with snakemake first."
        )

    @cached_property
    def record(self) -> dict[str, Any]:
        """The content of run.json."""
        return read_facts(self.folder / "run.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration that made the run, with defaults."""
        return self.record["config"]

    @property
    def sampling(self) -> dict[str, Any]:
        """The configuration of sampling, with the keys that earlier versions did not have."""
        earlier = {"precision": "float32", "compile": False, "batch": None, "guidance": None}
        return earlier | self.config["sampling"]

    @property
    def prompting(self) -> dict[str, Any]:
        """What `ensemble.engine.prepare` needs for prompts; empty if members are not prompted."""
        if not layout.prompted(self.config):
            return {}
        return {
            "base": self.folder / "base",
            "prompts": self.folder / "text/prompts.npz",
            "guidance": self.config["sampling"]["guidance"],
        }

    @property
    def autoencoder(self) -> Path | None:
        """The folder of the autoencoder whose latents members see; None if they see pixels."""
        return self.folder / "autoencoder" if self.config["model"].get("autoencoder") else None

    @cached_property
    def code(self) -> dict[str, np.ndarray]:
        """The arrays code (U, n), null_words (R, n), unit_of (N,) and unit_names (U,)."""
        return read_arrays(self.folder / layout.CODE)

    @cached_property
    def images(self) -> "pd.DataFrame":
        """One row per training image: name, unit_name, sha256, pixels_sha256."""
        return read_table(self.folder / layout.IMAGES)

    @cached_property
    def units(self) -> "pd.DataFrame":
        """One row per unit: unit (its number), unit_name, images, share, sha256, word."""
        return read_table(self.folder / layout.UNITS)

    @cached_property
    def samples(self) -> np.ndarray:
        """The factual samples s (B, C, H, W) float32, in [-1, 1] except for overshoots."""
        file = self.folder / layout.SAMPLES
        return read_tensors(file, names=["factual"])["factual"]

    @cached_property
    def influence(self) -> "pd.DataFrame":
        """One row per sample and unit: every statistic, and expected, low and high influence."""
        pair = ["sample", "unit", "unit_name"]
        table = read_table(self.folder / layout.INFLUENCE)
        expected = read_table(self.folder / layout.EXPECTED)
        return table.merge(expected.rename(columns={"rank": "expected_rank"}), on=pair)

    @cached_property
    def answers(self) -> "pd.DataFrame":
        """One row per sample: sample, answer (units, group or nothing), units, rate, names."""
        return read_table(self.folder / layout.ANSWERS)

    def unit_number(self, unit: str | int) -> int:
        """Return the number of a unit.

        Raises:
            InputError: the unit does not exist.
        """
        names = self.code["unit_names"]
        if isinstance(unit, str):
            return int(find_units(names, [unit])[0])
        return _within(unit, len(names), "unit")

    def unit_images(self, unit: str | int) -> np.ndarray:
        """Return a unit's training images (k, C, H, W) float32 in [-1, 1]."""
        number = self.unit_number(unit)
        return to_signed(self.training.images[self.code["unit_of"] == number])

    @cached_property
    def training(self) -> "ImageSet":
        """The training images: images (N, H, W, C) uint8, labels, label_names and names."""
        return read_images(self.folder / layout.TRAINING)

    def attribute(
        self,
        sample: int | None = None,
        top: int | None = 10,
        *,
        by: str = "joint",
        image: str | Path | None = None,
    ) -> "pd.DataFrame":
        """Return the units that a sample or picture is attributed to, the most influential first.

        Args:
            sample: number of the sample.
            top: number of units; None for all.
            image: file of a picture to attribute instead of a sample (`attribute_pictures`).
            by: a statistic, or "expected" for exposure-calibrated attribution (docs/grading.md), with
                value, p and q of contrast.

        Returns:
            unit, unit_name, value, p, q (of the statistic), rank, attributed (by the q of the joint
            score), expected, low, high. `answer` says which units or group can be named. For an
            image, the columns of `attribute_pictures`.

        Raises:
            InputError: the sample, statistic or file does not exist, both or neither of sample and
                image are passed, or `top` is not a number of units.
        """
        if (sample is None) == (image is None):
            raise InputError("pass either the number of a sample or image=FILE.")
        if top is not None and not (_is_whole(top) and top > 0):
            raise InputError(f"top is {top!r}, expected a whole number above 0, or None for all.")
        if sample is None:
            return self.attribute_pictures([str(image)], top)[0]
        statistic = "contrast" if by == "expected" else by
        if statistic not in STATISTICS or statistic not in self.influence:
            known = [name for name in STATISTICS if name in self.influence]
            raise InputError(f"by is {by}, expected {', '.join(known)} or expected.")
        _within(sample, len(self.samples), "sample")
        columns = {
            statistic: "value",
            f"{statistic}_p": "p",
            f"{statistic}_q": "q",
            f"{by}_rank": "rank",
        }
        rows = self.influence[self.influence["sample"] == sample]
        order = ["unit", "unit_name", *columns, "attributed", "expected", "low", "high"]
        best = rows[order].rename(columns=columns).sort_values("rank", ignore_index=True)
        return best if top is None else best.head(top)

    def attribute_pictures(
        self, files: Sequence[str | Path], top: int | None = 10, *, device: str = "auto"
    ) -> "tuple[pd.DataFrame, pd.DataFrame]":
        """Attribute pictures that the ensemble did not sample (docs/attribution.md).

        Args:
            files: pictures of any size and mode.
            top: number of units for each; None for all.
            device: "auto", "cpu", "cuda" or "cuda:N".

        Returns:
            one row per picture and unit: picture, unit, unit_name, value, z, p, q (of the joint score),
            attributed, effect, heldout_share, close; and one row per picture: answer, units, rate,
            names, close, picture, and heldout, the number of held-out pictures that effects are compared
            with.

        Raises:
            InputError: a file cannot be read as a picture, or the run has no members or held-out
                pictures to compare with.
        """
        from encoded_ensembles.runs.pictures import attribute_files

        pairs, answers = attribute_files(
            [Path(file) for file in files], folder=self.folder, config=self.config, code=self.code, training=self.training,
            members=self.member_folders, autoencoder=self.autoencoder, prompting=self.prompting,
            device=device,
        )  # fmt: skip
        return pairs if top is None else pairs[pairs["rank"] <= top], answers

    def counterfactual(self, sample: int, unit: str | int) -> np.ndarray:
        """Return the counterfactual of a sample without a unit, (C, H, W) float32.

        Raises:
            InputError: the sample or unit does not exist, or is in no block of the landscape.
        """
        number, sample_number = self.unit_number(unit), _within(sample, len(self.samples), "sample")
        for _, picture in pictures_of(self.blocks, {(number, sample_number)}):
            return picture
        raise InputError(
            f"unit {unit} was not ablated for sample {sample}, or its block is missing in "
            f"{self.folder / 'landscape'}."
        )

    def plot_sample(self, sample: int, ax: "Axes | None" = None) -> "Axes":
        """Draw a sample."""
        from encoded_ensembles.figures import notebook

        _within(sample, len(self.samples), "sample")
        return notebook.draw_picture(self.samples[sample], f"sample {sample}", ax)

    def answer(self, sample: int) -> dict[Hashable, Any]:
        """Return what a sample is attributed to: units, a group of them, or nothing.

        Returns:
            answer ("units", "group" or "nothing"), units (number), rate (of error), names.

        Raises:
            InputError: the sample does not exist.
        """
        return self.answers.to_dict("records")[_within(sample, len(self.samples), "sample")]

    def plot_attribution(self, sample: int, top: int = 5, *, by: str = "joint") -> np.ndarray:
        """Draw a sample and the units it is attributed to; return the axes (top + 1,)."""
        from encoded_ensembles.figures import notebook
        from encoded_ensembles.figures.evidence import answer_text

        table = self.attribute(sample, top, by=by)
        images = [self.unit_images(int(unit))[0] for unit in table["unit"]]
        text = answer_text(self.answer(sample))
        return notebook.draw_attribution(sample, self.samples[sample], table, images, text)

    def plot_counterfactual(self, sample: int, unit: str | int) -> np.ndarray:
        """Draw a sample, its counterfactual without a unit, and the change; return the three axes."""
        from encoded_ensembles.figures import notebook

        without = self.counterfactual(sample, unit)
        name = str(self.code["unit_names"][self.unit_number(unit)])
        return notebook.draw_counterfactual(sample, self.samples[sample], without, name)

    def plot_landscape(
        self,
        sample: int,
        *,
        unit: str | int | None = None,
        statistic: str = "distance",
        ax: "Axes | None" = None,
    ) -> "Axes":
        """Draw the influence of all units on a sample against that of null code words.

        Args:
            sample: number of the sample.
            unit: unit to mark.
            statistic: one of those of null code words.
            ax: axes to draw on; a new figure if None.

        Raises:
            InputError: the sample or unit does not exist, or null code words lack the statistic.
        """
        from encoded_ensembles.figures import notebook

        null = read_table(self.folder / layout.NULL)
        if statistic not in null.columns[2:]:
            known = ", ".join(null.columns[2:])
            raise InputError(f"statistic is {statistic}, which null words lack; expected {known}.")
        _within(sample, len(self.samples), "sample")
        values = self.influence[self.influence["sample"] == sample].set_index("unit")[statistic]
        words = null.loc[null["sample"] == sample, statistic].to_numpy()
        marked = None if unit is None else values.loc[self.unit_number(unit)]
        return notebook.draw_landscape(sample, values.to_numpy(), words, marked, statistic, ax)

    @cached_property
    def blocks(self) -> list[Path]:
        """The blocks of the landscape that the record of the run lists, in the order of units.

        The folder may also hold blocks of an earlier number of blocks.
        """
        recorded = [Path(file) for file in self.record["sha256"]]
        names = [file.name for file in recorded if file.parent.name == "landscape"]
        blocks = [self.folder / layout.LANDSCAPE / name for name in names]
        return sorted(blocks, key=lambda file: int(file.name.split("-of-")[0]))

    def counterfactuals(self) -> "Iterator[np.ndarray]":
        """Yield the counterfactuals (B, C, H, W) of each unit in turn, with one block in memory.

        Raises:
            InputError: the blocks lack a unit, or the landscape is screened.
        """
        unit = 0
        for file in self.blocks:
            units, counterfactuals = read_block(file)
            if units.tolist() != list(range(unit, unit + len(units))):
                raise InputError(
                    f"{file} does not begin with unit {unit}; finish the run with snakemake first."
                )
            unit += len(units)
            yield from counterfactuals

    @property
    def members(self) -> list[str]:
        """The names of the members, in order: 00, 01, ..."""
        return [f"{member:02d}" for member in range(self.code["code"].shape[1])]

    @property
    def member_folders(self) -> list[Path]:
        """The folders of the members, in order."""
        return [self.folder / layout.MEMBERS / member for member in self.members]


def _within(number: int, count: int, kind: str) -> int:
    """Return `number` as int if it is in 0..count-1, else raise InputError."""
    if not _is_whole(number) or not 0 <= number < count:
        value = number if _is_whole(number) else repr(number)
        raise InputError(f"{kind} is {value}, expected a whole number from 0 to {count - 1}.")
    return int(number)


def _is_whole(number: object) -> bool:
    """Return whether a value is an integer of Python or NumPy, and not a bool."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def unit_names(given: list[str], known: np.ndarray) -> list[str]:
    """Return the unit names in options that may each hold several, separated by commas.

    An option that is itself a known name is not split.

    Raises:
        InputError: no name is passed.
    """
    names = set(known.tolist())
    parts = [
        name
        for text in given
        for name in ([text] if text in names else map(str.strip, text.split(",")))
        if name
    ]
    if not parts:
        raise InputError(
            f"--units is {','.join(given)!r}, expected at least one of the {len(names)} unit_names in "
            "code/units.csv."
        )
    return parts
