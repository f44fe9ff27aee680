"""Members that are adapters of a text-to-image pipeline, in place of members.smk.

Captions and pictures are encoded once: training loads neither autoencoder nor text encoders.
Inputs: results/{run}/base and autoencoder, results/{run}/splits/*.{json,sha256}, results/{run}/data/training.npz and
captions.parquet.
Outputs: results/{run}/text/{captions,latents}.npz,
results/{run}/{network}/{adapter.json,pytorch_lora_weights.safetensors,loss.csv,training.json}.
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
        encens encode-captions --pipeline {params.pipeline:q} --base results/{wildcards.run}/base \
            --data {input.data:q} \
            --captions {input.captions:q} {params.cut} --output {output.captions:q} >{log:q} 2>&1
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
