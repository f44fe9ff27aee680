"""Training: one job for each member, and one for the single-model baseline `full`.

Inputs: results/{run}/splits/{member}.{json,sha256}, results/{run}/data/training.npz,
results/{run}/base and autoencoder, if there are.
Outputs: results/{run}/members/{member}/{config.json,*.safetensors,loss.csv,training.json},
of adapters adapter_config.json in place of config.json.
"""


rule train_member:
    """Train one member on its split; a killed job goes on from its checkpoint."""
    input:
        digest=split_digest,
        manifest=ancient("results/{run}/splits/{member}.json"),
        data=ancient("results/{run}/data/training.npz"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
        code=sources("train"),
    output:
        config=f"results/{{run}}/members/{{member}}/{own_files()[0]}",
        weights=f"results/{{run}}/members/{{member}}/{own_files()[1]}",
        loss="results/{run}/members/{member}/loss.csv",
        facts="results/{run}/members/{member}/training.json",
    log:
        "results/{run}/logs/train_member.{member}.log",
    benchmark:
        "results/{run}/benchmarks/train_member.{member}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("train_member"),
        runtime=growing(24 * 60),
    params:
        folder=subpath(output.config, parent=True),
        training=training_options(),
        seed=config["training"]["seed"],
    shell:
        """
        encens train-member --data {input.data:q} --manifest {input.manifest:q} \
            {params.training} --seed {params.seed} \
            --checkpoint results/{wildcards.run}/checkpoints/{wildcards.member}.safetensors \
            --output {params.folder:q} >{log:q} 2>&1
        """
