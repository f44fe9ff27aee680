"""The parts of a text-to-image pipeline: checked, named by digests, and loaded one by one.

A pipeline is a folder as diffusers' save_pretrained writes it, or a name on the Hugging Face Hub, NAME or
NAME@REVISION.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoded_ensembles.members.part_files import CONFIG, INDEX, SCHEDULER, download, part_files
from encoded_ensembles.members.pipeline_kinds import PipelineKind, kind_of, tokenizer_of
from encoded_ensembles.storage.errors import InputError
from encoded_ensembles.storage.files import read_json, sha256_file

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Parts:
    """A pipeline whose parts were found to be complete and to fit together.

    Attributes:
        folder: of the pipeline.
        kind: of the pipeline.
        classes: class of each part that is there, by role, without those the program does not use.
        settings: other keys of model_index.json, such as force_zeros_for_empty_prompt.
    """

    folder: Path
    kind: PipelineKind
    classes: Mapping[str, str]
    settings: Mapping[str, Any]

    def config(self, role: str) -> dict[str, Any]:
        """Return the configuration of the part of a role.

        Raises:
            InputError: the file is not JSON.
        """
        name = SCHEDULER if role == "scheduler" else CONFIG
        return read_json(self.folder / role / name)

    @property
    def scheduler(self) -> dict[str, Any]:
        """Configuration of the scheduler, with its class as `_class_name`."""
        return self.config("scheduler") | {"_class_name": self.classes["scheduler"]}

    @property
    def encoders(self) -> list[str]:
        """Roles of the text encoders that are there."""
        return [role for role in self.kind.encoders if role in self.classes]

    @property
    def tokenizers(self) -> list[str]:
        """Roles of their tokenizers."""
        return [tokenizer_of(role) for role in self.encoders]

    def files(self) -> list[Path]:
        """Return the files that results depend on, sorted; other weights beside them are left out."""
        files = [self.folder / INDEX]
        for role in self.classes:
            files += part_files(self.folder / role, role)
        return sorted(files)


def read_parts(source: str | Path) -> Parts:
    """Find the parts of a pipeline, and check that they are complete and fit together.

    Args:
        source: a folder, or a name on the Hugging Face Hub, with @REVISION or not; then its files are downloaded.

    Raises:
        InputError: there is no pipeline, its class is not supported, a part or a file is missing, or
            the denoiser is not supported, or the autoencoder does not fit it.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = download(str(source))
    if not (folder / INDEX).is_file():
        raise InputError(
            f"{folder} holds no {INDEX}, expected the folder of a pipeline as diffusers' save_pretrained "
            "writes it; a single file of weights is converted by from_single_file and save_pretrained."
        )
    index = read_json(folder / INDEX)
    kind = kind_of(str(index.get("_class_name")))
    given = {
        role: value[1] for role, value in index.items() if isinstance(value, list) and value[1]
    }
    classes = {role: given[role] for role in kind.roles if role in given}
    _check_classes(folder, kind, classes)
    settings = {key: value for key, value in index.items() if not isinstance(value, list)}
    parts = Parts(folder, kind, classes, settings)
    parts.files()  # fails if one is missing
    _check_denoiser(parts)
    return parts


def _check_classes(folder: Path, kind: PipelineKind, classes: Mapping[str, str]) -> None:
    """Check that every part that the kind needs is there, and is of the class that it needs.

    Raises:
        InputError: a part is not.
    """
    optional = set(kind.optional)
    optional |= {tokenizer_of(role) for role in kind.optional if role not in classes}
    for role in kind.roles:
        if role not in classes and role not in optional:
            raise InputError(
                f"{folder / INDEX} names no {role}, expected all of {', '.join(kind.roles)} for a "
                f"{kind.pipeline}; save the whole pipeline again."
            )
        expected = kind.expected(role)
        if role in classes and expected not in (None, classes[role]):
            raise InputError(
                f"{folder / INDEX} names a {classes[role]} as {role}, expected a {expected} for a "
                f"{kind.pipeline}; use another pipeline."
            )


def _check_denoiser(parts: Parts) -> None:
    """Check that the denoiser is for the latents of the autoencoder, and gets no guidance as a number.

    Raises:
        InputError: it is not, or does.
    """
    kind = parts.kind
    if parts.config(kind.denoiser).get("time_cond_proj_dim") is not None:
        raise InputError(
            f"{parts.folder / kind.denoiser} sets time_cond_proj_dim, as consistency models (LCM) do, expected a "
            "denoiser without it; use the pipeline that it was distilled from."
        )
    latent = parts.config("vae").get("latent_channels", 4)
    channels = parts.config(kind.denoiser).get("in_channels")
    if channels != latent * kind.patches:
        folded = f" ({kind.patches} for each latent channel)" if kind.patches > 1 else ""
        raise InputError(
            f"{parts.folder / kind.denoiser} is for {channels} channels, but the autoencoder in "
            f"{parts.folder / 'vae'} makes latents of {latent} channels, expected "
            f"{latent * kind.patches}{folded}; use the autoencoder that the denoiser was trained with."
        )


def digests(parts: Parts) -> dict[str, str]:
    """Return the SHA-256 of each file that results depend on, by its path in the pipeline's folder.

    The seal of a certificate can bind it, and `sha256sum` checks it.
    """
    return {path.relative_to(parts.folder).as_posix(): sha256_file(path) for path in parts.files()}


def check_files(
    parts: Parts, expected: Mapping[str, str], *, roles: Collection[str] | None = None
) -> None:
    """Check that the files of a pipeline are those whose digests were kept.

    Args:
        parts: of the pipeline.
        expected: of `digests`, when the pipeline was copied.
        roles: of the parts to compare, with model_index.json; None for all.

    Raises:
        InputError: a file is another, missing or new.
    """
    files = {path.relative_to(parts.folder).as_posix(): path for path in parts.files()}
    for name in sorted(files.keys() | expected.keys()):
        if roles is not None and name.split("/")[0] not in (INDEX, *roles):
            continue
        if name not in files or sha256_file(files[name]) != expected.get(name):
            raise InputError(
                f"{parts.folder} holds another {name} than the base of the members, expected the same files; name the "
                "pipeline that they were trained on (model.base, base=), of the Hugging Face Hub as NAME@REVISION with the "
                "revision in the run's base/pipeline.json."
            )


def load_part(
    parts: Parts,
    role: str,
    *,
    device: "torch.device | str" = "cpu",
    dtype: "torch.dtype | None" = None,
) -> Any:
    """Load the denoiser, the autoencoder, a text encoder or a tokenizer of a pipeline, for inference.

    Args:
        parts: of `read_parts`.
        role: of a part in `parts.classes`, other than the scheduler.
        device: to load to.
        dtype: of the weights; None for float32.

    Raises:
        InputError: the files do not hold the weights of their configuration.
    """
    import torch

    folder = parts.folder / role
    text = role not in (parts.kind.denoiser, "vae")
    try:
        if role.startswith("tokenizer"):
            tokenizer = _part_class(parts.classes[role], text=True)
            return tokenizer.from_pretrained(folder, local_files_only=True)
        model, loading = _part_class(parts.classes[role], text=text).from_pretrained(
            folder,
            use_safetensors=True,
            output_loading_info=True,
            **_options(text, dtype or torch.float32),
        )
    except Exception as error:  # diffusers, transformers and safetensors each raise their own
        raise InputError(
            f"{folder} does not hold a {parts.classes[role]} "
            f"({' '.join(str(error).split())[:200]}); download or save it again."
        ) from error
    _check_loading(folder, parts.classes[role], loading)
    return model.eval().requires_grad_(False).to(device)


def stored_dtype(parts: Parts, role: str) -> "torch.dtype":
    """Return bfloat16 or float16 if all weights of a part are stored in it, else float32."""
    import torch
    from safetensors import safe_open

    found = set()
    for file in part_files(parts.folder / role, role):
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                found |= {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118
    halves = {"BF16": torch.bfloat16, "F16": torch.float16}
    return halves.get(found.pop(), torch.float32) if len(found) == 1 else torch.float32


def _options(text: bool, dtype: "torch.dtype") -> dict[str, Any]:
    """Return options of from_pretrained in transformers (`text`) or diffusers."""
    options: dict[str, Any] = {"local_files_only": True}
    if text:
        return {**options, "dtype": dtype}
    from diffusers.utils import is_accelerate_available

    # Without accelerate, diffusers cannot load without random weights first, and says so each time.
    return {**options, "torch_dtype": dtype, "low_cpu_mem_usage": is_accelerate_available()}


def _part_class(name: str, *, text: bool) -> Any:
    """Return a class of transformers or diffusers, which are imported when first needed."""
    if text:
        import transformers

        return getattr(transformers, name)
    import diffusers

    return getattr(diffusers, name)


def _check_loading(folder: Path, kind: str, loading: Mapping[str, Any]) -> None:
    """Check that the weights of a part are those of its configuration.

    Raises:
        InputError: one is missing, of another shape, or unknown.
    """
    wrong = [
        str(name)
        for problem in ("missing_keys", "unexpected_keys", "mismatched_keys")
        for name in loading[problem]
        if not str(name).endswith("position_ids")  # a constant, in files of older versions
    ]
    if wrong:
        raise InputError(
            f"{folder} does not hold the weights of its configuration: {wrong[0]} and {len(wrong) - 1} "
            f"others are missing, or do not belong to a {kind}; download or save it again."
        )
