"""The model card of an ensemble, in the format of the Hugging Face Hub."""

from typing import Any

import numpy as np

CITATION = """@article{dai2023training,
  title = {Training Data Attribution for Diffusion Models},
  author = {Dai, Zheng and Gifford, David K.},
  journal = {arXiv preprint arXiv:2306.02174},
  year = {2023}
}"""
SETS = {  # sets of frechet/scores.csv
    "factual": "all members",
    "ablated": "the members that stay when a unit is ablated (mean)",
    "full": "the single-model baseline",
    "real": "real images",
}


def model_card(about: dict[str, Any], code: np.ndarray) -> str:
    """Return the text of README.md.

    Args:
        about: facts of the run, all optional: run, its name; dataset, the content of
            data/dataset.json; units, the value of units.by; adapters, whether members are adapters;
            latents, whether they see latents; frechet, a list of {set, value, images} with the sets of
            frechet/scores.csv; distance, the name of that distance; caution, its limits.
        code: C (U, n) bool.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    name = about.get("run", "encoded ensemble")
    dataset = about.get("dataset", {})
    scores, distance = about.get("frechet", []), about.get("distance", "Frechet distance")
    results = [
        EvalResult(
            task_type="unconditional-image-generation",
            dataset_type=dataset.get("name", "unknown"),
            dataset_name=dataset.get("name", "unknown"),
            metric_type="fid" if distance.startswith("FID") else "frechet-distance",
            metric_name=distance,
            metric_value=round(score["value"], 3),
        )
        for score in scores
        if score["set"] == "factual"
    ]
    header = ModelCardData(
        library_name="diffusers",
        pipeline_tag="unconditional-image-generation",
        tags=["diffusers", "encoded-ensemble", "training-data-attribution", "counterfactuals"],
        model_name=name if results else None,
        eval_results=results or None,
    )
    body = [
        _opening(name, code),
        _frozen(about),
        _data(about, code),
        _quality(scores, distance, about.get("caution", "")),
        _use(),
        CITED,
    ]
    return str(ModelCard(f"---\n{header.to_yaml()}\n---\n\n" + "\n".join(filter(None, body))))


def _opening(name: str, code: np.ndarray) -> str:
    members, weight = code.shape[1], code.sum(axis=1)
    each = (
        f"{weight.min()}" if weight.min() == weight.max() else f"{weight.min()} to {weight.max()}"
    )
    return f"""# {name}

An encoded ensemble of {members} diffusion models. Each of its {len(code)} training units was seen by
{each} of the members, according to its code word; samples average the members' noise predictions.
To ablate a unit it samples with the members that never saw it, so the result cannot depend on that
unit.
"""


def _frozen(about: dict[str, Any]) -> str:
    adapters = """The members are LoRA adapters of one base network, `members/base`. The training data of the base affect
every sample, with or without ablation; units are of the data that the adapters were trained on.
"""
    latents = """The members see images as latents of an autoencoder, `vae`, which also decodes every sample; its training data
are not ablated either.
"""
    return "\n".join(
        text for text, holds in ((adapters, "adapters"), (latents, "latents")) if about.get(holds)
    )


def _data(about: dict[str, Any], code: np.ndarray) -> str:
    dataset = about.get("dataset")
    if not dataset:
        return ""
    height, width, channels = dataset["shape"]
    return f"""## Training data

- Data set: {dataset["name"]} ({dataset["origin"]})
- Licence of the data: {dataset["licence"]}
- {dataset["images"]["training"]} images of {height}x{width} pixels and {channels} channel(s), in {len(code)} units \
(by {about.get("units", "image")}); the names are in `members/code.npz`
- Digest of the training images (SHA-256): `{dataset["sha256"]["training"]}`
"""


def _quality(scores: list[dict[str, Any]], distance: str, caution: str) -> str:
    if not scores:
        return ""
    lines = [f"| {SETS[each['set']]} | {each['value']:.2f} |" for each in scores]
    return f"""## Distance from held-out images

{distance}, {scores[0]["images"]} samples each; lower is better. {caution}

| samples of | {distance} |
|---|---|
{chr(10).join(lines)}
"""


def _use() -> str:
    return """## Use

```python
import torch
from diffusers import DiffusionPipeline

pipe = DiffusionPipeline.from_pretrained("path/to/this/folder", trust_remote_code=True)
images = pipe(batch_size=4, generator=torch.Generator().manual_seed(0)).images
```

`trust_remote_code` runs `pipeline.py` and the `encens_*.py` files of this folder, which need torch,
diffusers and NumPy only. With the package `encoded-ensembles` installed,
`encoded_ensembles.sharing.pipeline.EncodedEnsemblePipeline.from_pretrained` loads the weights without them.

## How to ablate

```python
unit = pipe.unit_names[0]
seed = torch.Generator().manual_seed(0)  # the same noise as above
counterfactuals = pipe(batch_size=4, generator=seed, without=[unit]).images
```

`keep=[True, False, ...]` chooses the members that stay, and `noise=` takes exogenous noise, such as
that of the workflow: with `output_type="latent"` the samples then have the same bytes as the workflow's,
on the same kind of processor.

A difference of two images does not by itself attribute anything: dropping the same number of other
members moves a sample too. Compare with null code words before you attribute an image to a unit.
"""


CITED = f"""## Source

Dai & Gifford, *Training Data Attribution for Diffusion Models*, arXiv 2306.02174.

```bibtex
{CITATION}
```
"""
