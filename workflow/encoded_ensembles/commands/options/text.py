"""How an adapter of a text-to-image pipeline is trained."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from encoded_ensembles.commands.options.features import Device
from encoded_ensembles.commands.options.training import (
    Alpha,
    Ema,
    Epochs,
    Flip,
    Precision,
    Rank,
    Rate,
    Schedule,
    Seconds,
    Seed,
    Shared,
    Steps,
    Target,
)

if TYPE_CHECKING:
    from encoded_ensembles.members.text_training import TextRecipe

Base = Annotated[Path, Option(help="folder of the base, of fetch-pipeline")]


@dataclass(frozen=True, kw_only=True)
class TextTraining:
    """Options of the verbs that train such an adapter."""

    base: Base
    epochs: Epochs
    steps_per_epoch: Steps
    learning_rate: Rate
    ema: Ema
    rank: Rank = 4
    alpha: Alpha = 4.0
    target: Target = None
    precision: Precision = "float32"
    flip: Flip = False
    schedule: Schedule = "constant"
    prompt_dropout: Annotated[
        float, Option(help="share of uses in which no prompt stands for the caption, 0..1")
    ] = 0.0
    density: Annotated[
        str | None,
        Option(help="of noise levels: uniform or logit_normal; that of the base's kind if absent"),
    ] = None
    accumulation: Annotated[
        int | None,
        Option(help="largest number of images at once in a step; absent for the whole batch"),
    ] = None
    checkpointing: Annotated[
        bool, Option(help="compute activations again in the backward pass, for memory")
    ] = False
    seed: Seed = 0
    shared_randomness: Shared = True
    checkpoint_seconds: Seconds = 15.0
    device: Device = "auto"

    def recipe(self) -> "TextRecipe":
        """Return the training recipe.

        Raises:
            InputError: an option is out of range.
        """
        from encoded_ensembles.commands.options.training import Training
        from encoded_ensembles.members.pipeline_kinds import kind_of
        from encoded_ensembles.members.prompted import read_pipeline
        from encoded_ensembles.members.text_training import TextRecipe
        from encoded_ensembles.storage.files import InputError

        if not 0 <= self.prompt_dropout < 1:
            raise InputError(f"--prompt-dropout is {self.prompt_dropout}, expected 0 to below 1.")
        if self.accumulation is not None and self.accumulation < 1:
            raise InputError(f"--accumulation is {self.accumulation}, expected at least 1.")
        plain = Training(
            widths="", layers_per_block=1, epochs=self.epochs, steps_per_epoch=self.steps_per_epoch,
            learning_rate=self.learning_rate, ema=self.ema, precision=self.precision,
            flip=self.flip, schedule=self.schedule, seed=self.seed,
        )  # fmt: skip
        return TextRecipe(
            plain.recipe(),
            prompt_dropout=self.prompt_dropout,
            density=self.density or kind_of(read_pipeline(self.base)["pipeline"]).density,
            accumulation=self.accumulation,
            checkpointing=self.checkpointing,
        )
