"""Features of images: extractors, distances on features, and Frechet distances."""
