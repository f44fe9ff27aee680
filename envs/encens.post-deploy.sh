#!/bin/bash
# Run by Snakemake, in the folder it was started in, when the conda environment has been made: installs
# this package into it.
set -euo pipefail
if [ ! -f pyproject.toml ]; then
  echo "--sdm conda needs a clone of encoded-ensembles: start snakemake at the top of one." >&2
  exit 1
fi
python -m pip install --quiet --no-deps --editable .
