"""Members: networks, adapters and latents; training, loading and devices."""
