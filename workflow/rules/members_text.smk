"""Text-to-image runs: the parts of the pipeline in model.base, and the prompts of samples.

Sampling loads neither autoencoder nor text encoders, except to decode samples.
Inputs: the folder in model.base, results/{run}/data/training.npz.
Outputs: results/{run}/base/{config.json,*.safetensors,pipeline.json,base.json}, results/{run}/autoencoder,
results/{run}/text/prompts.npz.
"""


checkpoint fetch_pipeline:
    """Keep a copy of the denoiser and the autoencoder of the pipeline, and their digests."""
    input:
        pipeline=verbatim(pipeline_sources()),
    output:
        config="results/{run}/base/config.json",
        weights=f"results/{{run}}/base/{WEIGHTS}",
        facts="results/{run}/base/pipeline.json",
        base_digest="results/{run}/base/base.json",
        autoencoder_config="results/{run}/autoencoder/config.json",
        autoencoder_weights=f"results/{{run}}/autoencoder/{WEIGHTS}",
        autoencoder_digest="results/{run}/autoencoder/autoencoder.json",
    log:
        "results/{run}/logs/fetch_pipeline.log",
    benchmark:
        "results/{run}/benchmarks/fetch_pipeline.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("fetch_pipeline"),
        runtime=growing(120),
    params:
        code=code_digest("fetch_pipeline"),
        pipeline=verbatim(config["model"]["base"]),
        stamps=verbatim(pipeline_stamps()),
        base=subpath(output.config, parent=True),
        autoencoder=subpath(output.autoencoder_config, parent=True),
    shell:
        """
        encens fetch-pipeline --pipeline {params.pipeline:q} --base {params.base:q} \
            --autoencoder {params.autoencoder:q} --base-digest {output.base_digest:q} \
            --autoencoder-digest {output.autoencoder_digest:q} >{log:q} 2>&1
        """


rule encode_prompts:
    """Encode the prompts of samples by the pipeline's text encoders."""
    input:
        digest=frozen_digests,
        data=ancient("results/{run}/data/training.npz"),
    output:
        prompts="results/{run}/text/prompts.npz",
    log:
        "results/{run}/logs/encode_prompts.log",
    benchmark:
        "results/{run}/benchmarks/encode_prompts.tsv"
    # Before training: prompts, a scheduler and steps that do not fit the base are refused.
    priority: 1
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("encode_prompts"),
        runtime=growing(120),
    params:
        code=code_digest("encode_prompts"),
        pipeline=verbatim(config["model"]["base"]),
        prompts=verbatim(text_options()),
        size=config["dataset"]["size"],
        border=config["dataset"]["border"],
        cut="--cut" if config["sampling"]["cut"] else "--no-cut",
        scheduler=config["sampling"]["scheduler"],
        steps=config["sampling"]["steps"],
        levels=config["contrast"]["levels"],
        guidance=optional("--guidance", config["sampling"]["guidance"]),
    shell:
        """
        encens encode-prompts --pipeline {params.pipeline:q} --base results/{wildcards.run}/base \
            --data {input.data:q} \
            {params.prompts:q} {params.cut} --scheduler {params.scheduler:q} \
            --steps {params.steps} --levels {params.levels} {params.guidance} \
            --output {output.prompts:q} >{log:q} 2>&1
        """
