"""Encoded ensembles of diffusion models: training data attribution by ablation.

Source: Dai & Gifford, *Training Data Attribution for Diffusion Models*, arXiv 2306.02174 (2023).

The words used everywhere (unit, code word, split, member, keep mask, counterfactual, ...) are
defined in docs/glossary.md.
"""

__version__ = "0.1.0"
