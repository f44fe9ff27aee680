"""The files of the workflow: at the top of a clone, or within the package in a wheel."""

from pathlib import Path
from typing import Any

from encoded_ensembles.config.closure import PACKAGE

# What a folder needs for a run with the installed package; a wheel has a copy (setup.py).
PARTS = (
    "Snakefile", "config.yaml", "envs", "presets", "profiles", "workflow/profiles", "workflow/report",
    "workflow/rules", "workflow/schemas",
)  # fmt: skip
SCHEMA = "workflow/schemas/config.schema.yaml"


def workflow_root() -> Path:
    """Return the folder that contains `PARTS`."""
    within = PACKAGE / "starter"
    return within if within.is_dir() else PACKAGE.parent.parent


def read_schema() -> dict[str, Any]:
    """Return the schema of the configuration."""
    import yaml

    return dict(yaml.safe_load((workflow_root() / SCHEMA).read_text(encoding="utf-8")))
