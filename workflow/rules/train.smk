"""Training: one job for each member, and one for the single-model baseline `full`.

Inputs: results/{run}/splits/{member}.{json,sha256}, results/{run}/data/training.npz.
Outputs: results/{run}/members/{member}/{config.json,*.safetensors,loss.csv,training.json}; of
adapters, adapter_config.json and adapter_model.safetensors, and the base in results/{run}/base.
"""


if config["model"]["base"]:

    checkpoint fetch_base:
        """Keep a copy of the base network that members are adapters of, and its digests."""
        input:
            base=verbatim(base_sources()),
            code=sources("base"),
        output:
            config="results/{run}/base/config.json",
            weights=f"results/{{run}}/base/{WEIGHTS}",
            digest="results/{run}/base/base.json",
        log:
            "results/{run}/logs/fetch_base.log",
        benchmark:
            "results/{run}/benchmarks/fetch_base.tsv"
        conda:
            "../../envs/encens.yaml"
        resources:
            mem_mb=8000,
            runtime=60,
        params:
            base=verbatim(config["model"]["base"]),
            folder=subpath(output.config, parent=True),
        shell:
            """
            encens fetch-base --base {params.base:q} --output {params.folder:q} \
                --digest {output.digest:q} >{log:q} 2>&1
            """


rule train_member:
    """Train one member on its split; a killed job goes on from its checkpoint."""
    input:
        digest=split_digest,
        manifest=ancient("results/{run}/splits/{member}.json"),
        data=ancient("results/{run}/data/training.npz"),
        base_digest=base_digest,
        base=base_files(),
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
        mem_mb=8000,
        runtime=24 * 60,
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
