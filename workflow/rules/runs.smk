"""The record of the run.

Inputs: every file of the run, except figures.
Outputs: results/{run}/run.json, results/{run}/config.yaml.
"""


rule record_run:
    """Write what made the run: configuration, commit, versions, devices, digests."""
    input:
        dataset="results/{run}/data/dataset.json",
        outputs=expand("results/{{run}}/{file}", file=recorded()),
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
        mem_mb=memory("record_run"),
        runtime=growing(30),
    params:
        code=code_digest("record_run"),
        config=verbatim(json.dumps(config, sort_keys=True, ensure_ascii=False)),
        blocks=[f"--{part}-blocks {count}" for part, count in scattered().items()],
        repository=os.path.relpath(REPOSITORY),
    shell:
        """
        encens record-run --run results/{wildcards.run} --config {params.config:q} \
            {params.blocks} --dataset {input.dataset:q} --repository {params.repository:q} \
            --output {output.record:q} --resolved {output.config:q} >{log:q} 2>&1
        """
