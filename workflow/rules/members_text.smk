"""Members that are adapters of a text-to-image pipeline, in place of members.smk.

Latents, captions and prompts are encoded once: training and sampling load neither autoencoder nor text encoders,
except to decode samples.
Inputs: the folder in model.base, results/{run}/splits/*.{json,sha256}, results/{run}/data/training.npz and
captions.parquet.
Outputs: results/{run}/base/{config.json,*.safetensors,pipeline.json,base.json}, results/{run}/autoencoder,
results/{run}/text/{captions,prompts,latents}.npz,
results/{run}/{network}/{adapter.json,pytorch_lora_weights.safetensors,loss.csv,training.json}.
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


rule encode_captions:
    """Encode the captions of training images by the pipeline's text encoders."""
    input:
        digest=frozen_digests,
        data="results/{run}/data/training.npz",
        captions="results/{run}/data/captions.parquet",
    output:
        captions="results/{run}/text/captions.npz",
    log:
        "results/{run}/logs/encode_captions.log",
    benchmark:
        "results/{run}/benchmarks/encode_captions.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("encode_captions"),
        runtime=growing(120),
    params:
        code=code_digest("encode_captions"),
        pipeline=verbatim(config["model"]["base"]),
        cut="--cut" if config["sampling"]["cut"] else "--no-cut",
    shell:
        """
        encens encode-captions --pipeline {params.pipeline:q} --data {input.data:q} \
            --captions {input.captions:q} {params.cut} --output {output.captions:q} >{log:q} 2>&1
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
        cut="--cut" if config["sampling"]["cut"] else "--no-cut",
    shell:
        """
        encens encode-prompts --pipeline {params.pipeline:q} --data {input.data:q} \
            {params.prompts:q} {params.cut} --output {output.prompts:q} >{log:q} 2>&1
        """


rule encode_pictures:
    """Encode the training images by the pipeline's autoencoder."""
    input:
        digest=autoencoder_digest,
        autoencoder=frozen_files(["autoencoder"]),
        data="results/{run}/data/training.npz",
    output:
        latents="results/{run}/text/latents.npz",
    log:
        "results/{run}/logs/encode_pictures.log",
    benchmark:
        "results/{run}/benchmarks/encode_pictures.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("encode_pictures"),
        runtime=growing(120),
    params:
        code=code_digest("encode_pictures"),
        flip="--flip" if config["training"]["flip"] else "--no-flip",
    shell:
        """
        encens encode-pictures --data {input.data:q} --autoencoder results/{wildcards.run}/autoencoder \
            {params.flip} --output {output.latents:q} >{log:q} 2>&1
        """


rule train_adapter:
    """Train the adapter of one network on its split; a killed job resumes from its checkpoint.

    Latents and captions are marked ancient: training depends on those of its split, whose digest covers
    images and captions.
    """
    input:
        digest=network_digest,
        manifest=network_manifest,
        data=ancient("results/{run}/data/training.npz"),
        captions=ancient("results/{run}/text/captions.npz"),
        latents=ancient("results/{run}/text/latents.npz"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
    output:
        facts=f"results/{{run}}/{{network}}/{own_files()[0]}",
        weights=f"results/{{run}}/{{network}}/{own_files()[1]}",
        loss="results/{run}/{network}/loss.csv",
        training="results/{run}/{network}/training.json",
    log:
        "results/{run}/logs/train_adapter/{network}.log",
    benchmark:
        "results/{run}/benchmarks/train_adapter/{network}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("train_adapter"),
        runtime=growing(24 * 60),
    params:
        code=code_digest("train_adapter"),
        folder=subpath(output.facts, parent=True),
        how=caption_training_options(),
        seed=network_seed,
        checkpoint=network_checkpoint,
    shell:
        """
        encens train-adapter --data {input.data:q} --manifest {input.manifest:q} \
            --captions {input.captions:q} --latents {input.latents:q} {params.how} --seed {params.seed} \
            --checkpoint {params.checkpoint:q} --output {params.folder:q} >{log:q} 2>&1
        """
