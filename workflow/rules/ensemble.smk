"""The ensemble: exogenous noise, samples, and the counterfactuals of all units, in blocks.

Inputs: results/{run}/members/*, results/{run}/code/code.npz.
Outputs: results/{run}/noise/{landscape,frechet}.safetensors, results/{run}/samples/ensemble.safetensors,
results/{run}/landscape/{block}.safetensors, and results/{run}/sets/{set}.safetensors for each of
landscape.sets.
"""


rule draw_noise:
    """Fix all the randomness of sampling in a file."""
    input:
        data="results/{run}/data/training.npz",
        autoencoder_digest=autoencoder_digest,
        autoencoder=frozen_files(["autoencoder"]),
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
        code=code_digest("draw_noise"),
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
    output:
        samples="results/{run}/samples/ensemble.safetensors",
    log:
        "results/{run}/logs/sample_ensemble.log",
    benchmark:
        "results/{run}/benchmarks/sample_ensemble.tsv"
    # The rest of the run waits for it, but for what sample_frechet feeds.
    priority: 2
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("sample_ensemble"),
        runtime=growing(12 * 60),
    params:
        code=code_digest("sample_ensemble"),
        members=member_folders,
        sampling=sampling_options(),
    shell:
        """
        encens sample-ensemble {params.members:q} \
            --full results/{wildcards.run}/members/full --code {input.matrix:q} \
            --noise {input.noise:q} {params.sampling} \
            --output {output.samples:q} >{log:q} 2>&1
        """


rule ablate_block:
    """Sample the counterfactuals of one block of units."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
    output:
        block="results/{run}/landscape/{scatteritem}.safetensors",
    log:
        "results/{run}/logs/ablate_block.{scatteritem}.log",
    benchmark:
        "results/{run}/benchmarks/ablate_block.{scatteritem}.tsv"
    # The rest of the run waits for it, but for what sample_frechet feeds.
    priority: 2
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("ablate_block"),
        runtime=growing(24 * 60),
    params:
        code=code_digest("ablate_block"),
        members=member_folders,
        sampling=sampling_options(),
    shell:
        """
        encens ablate-block {params.members:q} --block {wildcards.scatteritem} \
            --code {input.matrix:q} --noise {input.noise:q} \
            {params.sampling} --output {output.block:q} >{log:q} 2>&1
        """


rule ablate_units:
    """Sample without all units of a set at once."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
    output:
        samples="results/{run}/sets/{set}.safetensors",
    log:
        "results/{run}/logs/ablate_units.{set}.log",
    benchmark:
        "results/{run}/benchmarks/ablate_units.{set}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("ablate_units"),
        runtime=growing(12 * 60),
    params:
        code=code_digest("ablate_units"),
        members=member_folders,
        units=set_options,
        sampling=sampling_options(),
    shell:
        """
        encens ablate-units {params.members:q} {params.units:q} \
            --code {input.matrix:q} --noise {input.noise:q} \
            {params.sampling} --output {output.samples:q} >{log:q} 2>&1
        """
