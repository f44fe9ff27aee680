"""Features of images: extractors, the distances taken on them, and Frechet distances."""
