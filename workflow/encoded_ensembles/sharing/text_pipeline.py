"""An ensemble of LoRA adapters to draw with: prompts in, pictures out, and the same pictures without some units.

Its folder holds the adapters, the code matrix and what is recorded of the base, not the base itself: a pipeline of
diffusers, which is loaded from its own folder or from the Hugging Face Hub and compared by its digests.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ImagePipelineOutput
from diffusers.image_processor import VaeImageProcessor

from encoded_ensembles.codes.masks import set_keep
from encoded_ensembles.data.units import find_units
from encoded_ensembles.ensemble.placement import hold
from encoded_ensembles.ensemble.sampling import sample
from encoded_ensembles.members.device import choose_device
from encoded_ensembles.members.latents import Latents
from encoded_ensembles.members.names import LORA_FILES
from encoded_ensembles.members.part_files import PIPELINE
from encoded_ensembles.members.parts import check_files, load_part, read_parts
from encoded_ensembles.members.pipeline_kinds import check_guidance
from encoded_ensembles.members.prompted import (
    DTYPES,
    Prompted,
    Prompts,
    TextDiffusion,
    latent_channels,
    load_networks,
    read_pipeline,
)
from encoded_ensembles.members.prompts import load_encoders
from encoded_ensembles.members.text_arrays import embedded_prompts
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.run import Run
from encoded_ensembles.storage.files import (
    InputError,
    read_arrays,
    read_facts,
    write_arrays,
    write_facts,
)

ENSEMBLE, CODE = "ensemble.json", "code.npz"


def export(run: Run, folder: Path) -> None:
    """Write the folder of a finished text-to-image run, new or empty.

    Raises:
        InputError: its members are whole networks.
    """
    if layout.own_files(run.config) != list(LORA_FILES):
        raise InputError(
            "the members of this run are whole networks, expected LoRA adapters; load them with diffusers."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for member, source in zip(run.members, run.member_folders, strict=True):
        (folder / member).mkdir()
        for name in LORA_FILES:
            shutil.copyfile(source / name, folder / member / name)
    shutil.copyfile(run.folder / "base" / PIPELINE, folder / PIPELINE)
    write_arrays(folder / CODE, {name: run.code[name] for name in ("code", "unit_names")})
    sampling, size = run.config["sampling"], run.samples.shape[-1]
    keys = ("scheduler", "steps", "guidance", "negative", "cut", "precision", "batch")
    facts = {"run": run.config["run"], "base": run.config["model"]["base"], "size": size}
    write_facts(folder / ENSEMBLE, facts | {key: sampling[key] for key in keys})


class TextEnsemble:
    """Draw with an ensemble of adapters.

    Attributes:
        unit_names: of the units that can be ablated.
    """

    def __init__(
        self, networks: Sequence[Any], *, encoders: Any, vae: Any, pipeline: dict[str, Any],
        facts: dict[str, Any], code: np.ndarray, unit_names: list[str], device: torch.device,
    ) -> None:  # fmt: skip
        """Take what `from_pretrained` reads."""
        self.networks, self.encoders, self.vae, self.device = networks, encoders, vae, device
        self.pipeline, self.facts, self.code, self.unit_names = pipeline, facts, code, unit_names

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, base: str | Path | None = None, device: str = "auto"
    ) -> "TextEnsemble":
        """Load the folder of `encens export-pipeline`.

        Args:
            folder: with the adapters.
            base: folder of the pipeline that they are adapters of, or its name on the Hugging Face Hub; None for
                what the run named.
            device: "auto", "cpu", "cuda" or "cuda:N".

        Raises:
            InputError: the folder is no ensemble, or the base is another.
        """
        folder = Path(folder)
        if not (folder / ENSEMBLE).is_file():
            raise InputError(
                f"{folder} holds no {ENSEMBLE}, expected what encens export-pipeline writes of a text-to-image run."
            )
        facts, pipeline = dict(read_facts(folder / ENSEMBLE)), dict(read_pipeline(folder))
        parts, where = read_parts(base or facts["base"]), choose_device(device)
        check_files(parts, pipeline["files"])
        denoiser = load_part(parts, parts.kind.denoiser, dtype=DTYPES[facts["precision"]])
        arrays = read_arrays(folder / CODE)
        folders = [folder / f"{member:02d}" for member in range(arrays["code"].shape[1])]
        return cls(
            load_networks(folders, denoiser),
            encoders=load_encoders(parts, device=where),
            vae=load_part(parts, "vae", device=where),
            pipeline=pipeline, facts=facts, code=arrays["code"],
            unit_names=arrays["unit_names"].tolist(), device=where,
        )  # fmt: skip

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        negative_prompt: str | None = None,
        without: Sequence[str] = (),
        noise: np.ndarray | None = None,
        seed: int = 0,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        output_type: str = "pil",
    ) -> ImagePipelineOutput:
        """Draw one picture for each prompt.

        Args:
            prompt: one or several.
            negative_prompt: what guidance leads away from; None for that of the run.
            without: names of units; members that saw one of them are dropped.
            noise: exogenous noise z (T+1, B, c, h, w), as in the run's files; None draws it.
            seed: of drawn noise: a picture depends on its position and the seed, not on the others.
            num_inference_steps: T; None for that of the run.
            guidance_scale: None for that of the run.
            output_type: "pil", "np" or "pt"; "latent" returns (B, C, H, W) as in the run, not clipped.

        Raises:
            InputError: a prompt is too long and the run cut none, a name is no unit's, no member stays, or noise does not fit.
        """
        from encoded_ensembles.ensemble.noise import draw_noise

        if isinstance(without, str):
            raise InputError(f"without is the text {without}, expected a list of unit names.")
        words = (
            self.code[find_units(np.array(self.unit_names), list(without))]
            if without
            else self.code[:0]
        )
        keep = set_keep(words.reshape(-1, self.code.shape[1]))
        if not keep.any():
            raise InputError(
                f"every member saw one of {', '.join(without)}, expected a member that saw none of them; ablate "
                "fewer units at once."
            )
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        size = self.facts["size"]
        space = Latents(self.vae)
        shape = space.seen((3, size, size))
        steps = num_inference_steps or self.facts["steps"]
        z = (
            draw_noise(steps=steps, samples=len(prompts), shape=shape, seed=seed)
            if noise is None
            else noise
        )
        if z.shape[1:] != (len(prompts), *shape):
            raise InputError(
                f"noise has shape {z.shape}, expected (T+1, {len(prompts)}, {', '.join(map(str, shape))})."
            )
        guidance = self.facts["guidance"] if guidance_scale is None else guidance_scale
        check_guidance(self.networks[0].config, guidance)
        negative = self.facts["negative"] if negative_prompt is None else negative_prompt
        arrays = self._embedded(prompts, negative)
        texts, channels = Prompts.read(arrays), latent_channels(self.networks[0])
        members = [
            Prompted(each, texts, channels=channels, guidance=guidance) for each in self.networks
        ]
        drawn = sample(
            hold(members, device=self.device),
            keep=keep[None], noise=z, space=space, device=self.device, batch=self.facts.get("batch"),
            sampler=TextDiffusion(self.pipeline, self.facts["scheduler"]),
        )[0]  # fmt: skip
        images = VaeImageProcessor().postprocess(torch.from_numpy(drawn), output_type=output_type)
        return ImagePipelineOutput(images=images)

    def _embedded(self, prompts: list[str], negative: str | None) -> dict[str, np.ndarray]:
        """Return the embeddings of prompts; a GPU may not hold text encoders and members at once.

        Raises:
            InputError: a prompt is too long and the run cut none.
        """
        for network in self.networks:
            network.to("cpu")
        size, cut = self.facts["size"], self.facts.get("cut", False)
        try:
            return embedded_prompts(self.encoders, prompts, negative, size=(size, size), cut=cut)
        finally:
            if self.device.type == "cuda":
                torch.cuda.empty_cache()  # else it would not count as free for the members
