"""Networks that a run is given and does not train: the base of adapters, and an autoencoder.

Inputs: the folders in model.base and model.autoencoder.
Outputs: results/{run}/base and autoencoder: config.json, *.safetensors, base.json or autoencoder.json.
"""

if "base" in frozen() and not prompted():

    checkpoint fetch_base:
        """Keep a copy of the base network that members are adapters of, and its digests."""
        input:
            base=verbatim(frozen_sources("base")),
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
            mem_mb=memory("fetch_base"),
            runtime=growing(60),
        params:
            code=code_digest("fetch_base"),
            base=verbatim(config["model"]["base"]),
            stamps=frozen_stamps("base"),
            folder=subpath(output.config, parent=True),
        shell:
            """
            encens fetch-base --base {params.base:q} --output {params.folder:q} \
                --digest {output.digest:q} >{log:q} 2>&1
            """


if "autoencoder" in frozen() and not prompted():

    checkpoint fetch_autoencoder:
        """Keep a copy of the autoencoder whose latents members see, and its digests."""
        input:
            autoencoder=verbatim(frozen_sources("autoencoder")),
        output:
            config="results/{run}/autoencoder/config.json",
            weights=f"results/{{run}}/autoencoder/{WEIGHTS}",
            digest="results/{run}/autoencoder/autoencoder.json",
        log:
            "results/{run}/logs/fetch_autoencoder.log",
        benchmark:
            "results/{run}/benchmarks/fetch_autoencoder.tsv"
        conda:
            "../../envs/encens.yaml"
        resources:
            mem_mb=memory("fetch_autoencoder"),
            runtime=growing(60),
        params:
            code=code_digest("fetch_autoencoder"),
            autoencoder=verbatim(config["model"]["autoencoder"]),
            stamps=frozen_stamps("autoencoder"),
            folder=subpath(output.config, parent=True),
        shell:
            """
            encens fetch-autoencoder --autoencoder {params.autoencoder:q} \
                --output {params.folder:q} --digest {output.digest:q} >{log:q} 2>&1
            """
