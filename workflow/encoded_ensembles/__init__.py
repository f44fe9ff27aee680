"""Encoded ensembles of diffusion models: training data attribution by ablation.

Source: Dai & Gifford, *Training Data Attribution for Diffusion Models*, arXiv 2306.02174 (2023).

The words used everywhere (unit, code word, split, member, keep mask, counterfactual, ...) are
defined in docs/glossary.md.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> type:
    """Import `Run` and `TextEnsemble` on first use, so that importing the package is fast.

    Raises:
        AttributeError: the package has no such name.
    """
    if name == "Run":
        from encoded_ensembles.runs.run import Run

        return Run
    if name == "TextEnsemble":
        from encoded_ensembles.sharing.text_pipeline import TextEnsemble

        return TextEnsemble
    raise AttributeError(f"module {__name__} has no attribute {name}")
