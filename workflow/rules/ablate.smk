"""Ablation: the counterfactuals of all units, scattered over blocks.

Inputs: results/{run}/members/*, results/{run}/code/code.npz,
results/{run}/noise/landscape.safetensors.
Outputs: results/{run}/landscape/{block}.safetensors, and results/{run}/sets/{set}.safetensors for
each of landscape.sets.
"""


rule ablate_block:
    """Sample the counterfactuals of one block of units."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        code=sources("sample"),
    output:
        block="results/{run}/landscape/{scatteritem}.safetensors",
    log:
        "results/{run}/logs/ablate_block.{scatteritem}.log",
    benchmark:
        "results/{run}/benchmarks/ablate_block.{scatteritem}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("ablate_block"),
        runtime=growing(24 * 60),
    params:
        members=member_folders,
        sampling=sampling_options(),
    shell:
        """
        encens ablate-block {params.members:q} --block {wildcards.scatteritem} \
            --code {input.matrix:q} --noise {input.noise:q} \
            {params.sampling} --output {output.block:q} >{log:q} 2>&1
        """


rule ablate_set:
    """Sample without all units of a set at once."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        code=sources("sets"),
    output:
        samples="results/{run}/sets/{set}.safetensors",
    log:
        "results/{run}/logs/ablate_set.{set}.log",
    benchmark:
        "results/{run}/benchmarks/ablate_set.{set}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("ablate_set"),
        runtime=growing(12 * 60),
    params:
        members=member_folders,
        units=set_options,
        sampling=sampling_options(),
    shell:
        """
        encens ablate-units {params.members:q} {params.units:q} \
            --code {input.matrix:q} --noise {input.noise:q} \
            {params.sampling} --output {output.samples:q} >{log:q} 2>&1
        """
