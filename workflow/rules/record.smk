"""The record of the run.

Inputs: everything the run made, but figures.
Outputs: results/{run}/run.json, results/{run}/config.yaml.
"""


rule record_run:
    """Write what made the run: configuration, commit, versions, devices, digests."""
    input:
        dataset="results/{run}/data/dataset.json",
        outputs=expand("results/{{run}}/{file}", file=recorded()),
        members=expand(
            "results/{{run}}/members/{member}/{file}",
            member=[*members(), "full"],
            file=[*own_files(), "loss.csv", "training.json"],
        ),
        splits=expand(
            "results/{{run}}/splits/{member}.json", member=[*members(), "full"]
        ),
        landscape=gather.landscape(
            "results/{{run}}/landscape/{scatteritem}.safetensors"
        ),
        sets=expand(
            "results/{{run}}/sets/{set}.safetensors", set=config["landscape"]["sets"]
        ),
        frechet=gather.frechet("results/{{run}}/frechet/samples.{scatteritem}.npz"),
        code=sources("record"),
    output:
        record=report(
            "results/{run}/run.json",
            caption="../report/run.rst",
            category="8 Provenance",
            labels={"figure": "8.2 what made the run", "run": "{run}"},
        ),
        config=report(
            "results/{run}/config.yaml",
            caption="../report/config.rst",
            category="8 Provenance",
            labels={"figure": "8.1 configuration", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/record_run.log",
    benchmark:
        "results/{run}/benchmarks/record_run.tsv"
    localrule: True
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        config=verbatim(json.dumps(config, sort_keys=True)),
        repository=os.path.relpath(REPOSITORY),
    shell:
        """
        encens record-run {input.outputs:q} {input.members:q} {input.splits:q} \
            {input.landscape:q} {input.sets:q} {input.frechet:q} --config {params.config:q} \
            --dataset {input.dataset:q} --repository {params.repository:q} \
            --output {output.record:q} --resolved {output.config:q} >{log:q} 2>&1
        """
