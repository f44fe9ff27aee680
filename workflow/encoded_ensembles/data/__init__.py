"""Data: images from their sources, the choice of images for a run, and their units."""
