"""Influence of a unit by ablation and by contrast, each against its null distribution."""
