"""Exogenous noise, and samples of the ensemble, its members and the full model.

Inputs: results/{run}/members/*, results/{run}/code/code.npz.
Outputs: results/{run}/noise/{landscape,frechet}.safetensors,
results/{run}/samples/ensemble.safetensors.
"""


rule draw_noise:
    """Fix all the randomness of sampling in a file."""
    input:
        data="results/{run}/data/training.npz",
        autoencoder_digest=autoencoder_digest,
        autoencoder=frozen_files(["autoencoder"]),
        code=sources("noise"),
    output:
        noise="results/{run}/noise/{use}.safetensors",
    log:
        "results/{run}/logs/draw_noise.{use}.log",
    benchmark:
        "results/{run}/benchmarks/draw_noise.{use}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("draw_noise"),
        runtime=growing(30),
    params:
        samples=sample_count,
        steps=config["sampling"]["steps"],
        seed=config["sampling"]["seed"],
        autoencoder=autoencoder_options(),
    shell:
        """
        encens draw-noise --data {input.data:q} --samples {params.samples} \
            --steps {params.steps} --seed {params.seed} {params.autoencoder} --output {output.noise:q} >{log:q} 2>&1
        """


rule sample_ensemble:
    """Sample with all members, each alone, the full model, and under null code words."""
    input:
        members=weights(members()),
        full=weights(["full"]),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        code=sources("sample"),
    output:
        samples="results/{run}/samples/ensemble.safetensors",
    log:
        "results/{run}/logs/sample_ensemble.log",
    benchmark:
        "results/{run}/benchmarks/sample_ensemble.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("sample_ensemble"),
        runtime=growing(12 * 60),
    params:
        members=member_folders,
        sampling=sampling_options(),
    shell:
        """
        encens sample-ensemble {params.members:q} \
            --full results/{wildcards.run}/members/full --code {input.matrix:q} \
            --noise {input.noise:q} {params.sampling} \
            --output {output.samples:q} >{log:q} 2>&1
        """
