"""Members: every network that a run trains, each on its split.

Members and the single-model baseline `full`, members retrained without a unit or with a fresh seed, and
held-out models are trained by one rule: results/{run}/{network}, with `network` as in `networks()`.
Inputs: results/{run}/splits/*.{json,sha256}, results/{run}/data/training.npz,
results/{run}/base and autoencoder, if there are.
Outputs: results/{run}/{network}/{config.json,*.safetensors,loss.csv,training.json},
of adapters adapter_config.json in place of config.json.
"""


rule train_member:
    """Train one network on its split; a killed job resumes from its checkpoint."""
    input:
        digest=network_digest,
        manifest=network_manifest,
        data=ancient("results/{run}/data/training.npz"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
    output:
        config=f"results/{{run}}/{{network}}/{own_files()[0]}",
        weights=f"results/{{run}}/{{network}}/{own_files()[1]}",
        loss="results/{run}/{network}/loss.csv",
        facts="results/{run}/{network}/training.json",
    log:
        "results/{run}/logs/train_member/{network}.log",
    benchmark:
        "results/{run}/benchmarks/train_member/{network}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("train_member"),
        runtime=growing(24 * 60),
    params:
        code=code_digest("train_member"),
        folder=subpath(output.config, parent=True),
        training=training_options(),
        seed=network_seed,
        checkpoint=network_checkpoint,
    shell:
        """
        encens train-member --data {input.data:q} --manifest {input.manifest:q} \
            {params.training} --seed {params.seed} --checkpoint {params.checkpoint:q} \
            --output {params.folder:q} >{log:q} 2>&1
        """
