"""Names of the files of a network and of samplers, and the number of noise levels."""

from pathlib import Path

from encoded_ensembles.members.lora_names import LORA_FILES

# ASSUME: network and schedule.
LEVELS = 1000  # noise levels of the diffusion, as in Ho et al., arXiv 2006.11239
SAMPLERS = ("ddpm", "ddpm-unclipped", "ddpm-archive", "ddim", "dpmsolver++")
ANCESTRAL = SAMPLERS[:3]
UNCLIPPED = SAMPLERS[1:3]  # until the last step
WEIGHTS = "diffusion_pytorch_model.safetensors"  # name set by diffusers
NETWORK = "UNet2DModel"  # of diffusers, the kind of a member
ADAPTER_CONFIG = "adapter_config.json"  # names set by peft
ADAPTER_WEIGHTS = "adapter_model.safetensors"


LOSSES = "loss.csv"
# Of a member of any kind, beside training.json.
MEMBER_FILES = ("config.json", WEIGHTS, ADAPTER_CONFIG, ADAPTER_WEIGHTS, *LORA_FILES, LOSSES)


def remove_member(folder: Path) -> None:
    """Delete the files of a member from its folder, whatever its kind: sampling would find an earlier one's."""
    for name in MEMBER_FILES:
        (folder / name).unlink(missing_ok=True)


def member_files(*, adapter: bool) -> list[str]:
    """Return the names of the files of a member that sampling reads: configuration and weights."""
    return [ADAPTER_CONFIG, ADAPTER_WEIGHTS] if adapter else ["config.json", WEIGHTS]
