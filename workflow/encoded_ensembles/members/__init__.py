"""Members: networks, adapters and latents; training, loading and the device they run on."""
