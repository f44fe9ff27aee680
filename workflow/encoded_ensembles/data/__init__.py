"""Data: images from their sources, which of them a run takes, and the units they belong to."""
