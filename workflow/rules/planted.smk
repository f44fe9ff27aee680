"""Planted truth: which samples bear a plant. Part of the run where dataset.plant is not empty.

Inputs: results/{run}/data/{dataset.json,training.npz}, results/{run}/code/code.npz,
results/{run}/samples/ensemble.safetensors.
Outputs: results/{run}/planted/planted.{parquet,csv}.
"""


rule find_planted:
    """Say which samples bear which plant, by pixels alone."""
    input:
        facts="results/{run}/data/dataset.json",
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        code=sources("planted"),
    output:
        planted="results/{run}/planted/planted.parquet",
        planted_csv="results/{run}/planted/planted.csv",
    log:
        "results/{run}/logs/find_planted.log",
    benchmark:
        "results/{run}/benchmarks/find_planted.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("find_planted"),
        runtime=growing(30),
    shell:
        """
        encens find-planted --facts {input.facts:q} --data {input.data:q} \
            --code {input.matrix:q} --samples {input.samples:q} \
            --output {output.planted:q} >{log:q} 2>&1
        """
