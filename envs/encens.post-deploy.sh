#!/bin/bash
# Run by Snakemake when the conda environment has been made: installs this package into it.
set -euo pipefail
python -m pip install --quiet --no-deps --editable "$(dirname "$0")/.."
