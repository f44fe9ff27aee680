"""Contrast: evidence from the factual trajectory alone, no counterfactual needed.

Inputs: results/{run}/members/*, results/{run}/code/code.npz,
results/{run}/noise/landscape.safetensors, results/{run}/data/training.npz.
Outputs: results/{run}/contrast/{pulls.safetensors,contrast.*,sets.*}.
"""


rule follow_members:
    """Measure how far each member pulls each sample towards each unit."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        data="results/{run}/data/training.npz",
        code=sources("follow"),
    output:
        pulls="results/{run}/contrast/pulls.safetensors",
    log:
        "results/{run}/logs/follow_members.log",
    benchmark:
        "results/{run}/benchmarks/follow_members.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("follow_members"),
        runtime=growing(12 * 60),
    params:
        members=member_folders,
        levels=config["contrast"]["levels"],
        sampling=sampling_options(),
    shell:
        """
        encens follow-members {params.members:q} --code {input.matrix:q} \
            --noise {input.noise:q} --data {input.data:q} --levels {params.levels} \
            {params.sampling} --output {output.pulls:q} >{log:q} 2>&1
        """


rule measure_contrast:
    """Measure each unit's contrast on each sample, and test it and sets of near units."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        code=sources("contrast"),
    output:
        contrast="results/{run}/contrast/contrast.parquet",
        contrast_csv="results/{run}/contrast/contrast.csv",
        sets="results/{run}/contrast/sets.parquet",
        sets_csv="results/{run}/contrast/sets.csv",
        units="results/{run}/contrast/units.parquet",
        units_csv="results/{run}/contrast/units.csv",
    log:
        "results/{run}/logs/measure_contrast.log",
    benchmark:
        "results/{run}/benchmarks/measure_contrast.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_contrast"),
        runtime=growing(60),
    params:
        null_words=config["contrast"]["null_words"],
        attributed=config["contrast"]["attributed"],
    shell:
        """
        encens measure-contrast --pulls {input.pulls:q} --code {input.matrix:q} \
            --data {input.data:q} --samples {input.samples:q} \
            --null-words {params.null_words} --attributed {params.attributed} \
            --contrast {output.contrast:q} --sets {output.sets:q} \
            --units {output.units:q} >{log:q} 2>&1
        """
