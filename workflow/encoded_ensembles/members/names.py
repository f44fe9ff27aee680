"""Names of the files of a network and of samplers, and the number of noise levels."""

# ASSUME: network and schedule.
LEVELS = 1000  # noise levels of the diffusion, as in Ho et al., arXiv 2006.11239
SAMPLERS = ("ddpm", "ddpm-unclipped", "ddpm-archive", "ddim", "dpmsolver++")
ANCESTRAL = SAMPLERS[:3]
UNCLIPPED = SAMPLERS[1:3]  # until the last step
WEIGHTS = "diffusion_pytorch_model.safetensors"  # name set by diffusers
NETWORK = "UNet2DModel"  # of diffusers, the kind of a member
ADAPTER_CONFIG = "adapter_config.json"  # names set by peft
ADAPTER_WEIGHTS = "adapter_model.safetensors"
LORA_WEIGHTS = "pytorch_lora_weights.safetensors"  # name set by diffusers
LORA_FACTS = "adapter.json"
# What sampling reads of an adapter of a text-to-image pipeline.
LORA_FILES = (LORA_FACTS, LORA_WEIGHTS)


def member_files(*, adapter: bool) -> list[str]:
    """Return the names of the files of a member that sampling reads: configuration and weights."""
    return [ADAPTER_CONFIG, ADAPTER_WEIGHTS] if adapter else ["config.json", WEIGHTS]
