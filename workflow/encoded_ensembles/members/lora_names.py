"""Names of the files of a member that is an adapter of a text-to-image pipeline."""

LORA_WEIGHTS = "pytorch_lora_weights.safetensors"  # name set by diffusers
LORA_FACTS = "adapter.json"
LORA_FILES = (LORA_FACTS, LORA_WEIGHTS)  # what sampling reads
