"""Members where training.members_per_job is above 1: several in a job, in place of train_member.

Inputs: results/{run}/splits/{member}.{json,sha256}, results/{run}/data/training.npz,
results/{run}/base and autoencoder, if there are.
Outputs: results/{run}/members/{member}/{config.json,*.safetensors,loss.csv,training.json},
of adapters adapter_config.json in place of config.json.
"""

for number, names in enumerate(jobs_of_members()):

    rule:
        """Train several members in a job; a killed job resumes, and trains those that are not trained."""
        name:
            f"train_members_{number}"
        input:
            digests=split_digests(names),
            manifests=ancient(
                expand("results/{{run}}/splits/{member}.json", member=names)
            ),
            data=ancient("results/{run}/data/training.npz"),
            frozen_digests=frozen_digests,
            frozen=frozen_files(),
        output:
            network=expand(
                "results/{{run}}/members/{member}/{file}",
                member=names,
                file=own_files(),
            ),
            loss=expand("results/{{run}}/members/{member}/loss.csv", member=names),
            facts=expand("results/{{run}}/members/{member}/training.json", member=names),
        log:
            f"results/{{run}}/logs/train_members.{number}.log",
        benchmark:
            f"results/{{run}}/benchmarks/train_members.{number}.tsv"
        conda:
            "../../envs/encens.yaml"
        resources:
            gpu=1,
            mem_mb=memory("train_member"),
            runtime=growing(24 * 60),
        params:
            code=code_digest("train_members"),
            training=training_options(),
            seed=config["training"]["seed"],
        shell:
            """
            encens train-members {input.manifests:q} --data {input.data:q} \
                {params.training} --seed {params.seed} \
                --checkpoints results/{wildcards.run}/checkpoints \
                --output results/{wildcards.run}/members >{log:q} 2>&1
            """
