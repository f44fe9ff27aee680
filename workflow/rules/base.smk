"""The base network that members are adapters of, in runs that have one.

Inputs: the folder in model.base.
Outputs: results/{run}/base/{config.json,*.safetensors,base.json}.
"""


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
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        base=verbatim(config["model"]["base"]),
        folder=subpath(output.config, parent=True),
    shell:
        """
        encens fetch-base --base {params.base:q} --output {params.folder:q} \
            --digest {output.digest:q} >{log:q} 2>&1
        """
