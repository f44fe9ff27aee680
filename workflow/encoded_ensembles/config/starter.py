"""The workflow's own files, beside the package: in a clone at the top of it, in a wheel within it."""

from pathlib import Path
from typing import Any

from encoded_ensembles.config.closure import PACKAGE

# What a folder needs to run in, with the installed package; a wheel has a copy (setup.py).
PARTS = (
    "Snakefile", "config.yaml", "envs", "presets", "profiles", "workflow/profiles", "workflow/report",
    "workflow/rules", "workflow/schemas",
)  # fmt: skip
SCHEMA = "workflow/schemas/config.schema.yaml"


def workflow_root() -> Path:
    """Return the folder that `PARTS` are in."""
    within = PACKAGE / "starter"
    return within if within.is_dir() else PACKAGE.parent.parent


def read_schema() -> dict[str, Any]:
    """Return the schema of the configuration."""
    import yaml

    return dict(yaml.safe_load((workflow_root() / SCHEMA).read_text(encoding="utf-8")))
