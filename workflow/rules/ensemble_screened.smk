"""Screening, in place of ablating every unit: the units that move each sample most.

Inputs: results/{run}/members/*, results/{run}/code/code.npz, results/{run}/noise/landscape.safetensors,
results/{run}/samples/ensemble.safetensors, results/{run}/contrast/contrast.parquet.
Outputs: results/{run}/landscape/{block}.safetensors,
results/{run}/influence/{influence,null,radius,aliasing}.{parquet,csv}.
"""


ruleorder: screen_block > ablate_block
ruleorder: measure_screened > measure_influence


rule screen_block:
    """Ablate the units that move each sample of a block most, and predict the others' distances."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        samples="results/{run}/samples/ensemble.safetensors",
        contrast="results/{run}/contrast/contrast.parquet",
    output:
        block="results/{run}/landscape/{scatteritem}.safetensors",
    log:
        "results/{run}/logs/screen_block.{scatteritem}.log",
    benchmark:
        "results/{run}/benchmarks/screen_block.{scatteritem}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("screen_block"),
        runtime=growing(24 * 60),
    params:
        code=code_digest("screen_block"),
        members=member_folders,
        top=config["landscape"]["top"],
        missed=config["landscape"]["missed"],
        budget=config["landscape"]["budget"],
        sampling=sampling_options(),
    shell:
        """
        encens screen-block {params.members:q} --block {wildcards.scatteritem} \
            --code {input.matrix:q} --noise {input.noise:q} --samples {input.samples:q} \
            --contrast {input.contrast:q} --top {params.top} --missed {params.missed} \
            --budget {params.budget} {params.sampling} \
            --output {output.block:q} >{log:q} 2>&1
        """


rule measure_screened:
    """Measure how each unit's ablation moves each sample, where most are predicted."""
    input:
        blocks=gather.landscape("results/{{run}}/landscape/{scatteritem}.safetensors"),
        samples="results/{run}/samples/ensemble.safetensors",
        matrix="results/{run}/code/code.npz",
        contrast="results/{run}/contrast/contrast.parquet",
    output:
        influence="results/{run}/influence/influence.parquet",
        influence_csv="results/{run}/influence/influence.csv",
        null="results/{run}/influence/null.parquet",
        null_csv="results/{run}/influence/null.csv",
        radius="results/{run}/influence/radius.parquet",
        radius_csv="results/{run}/influence/radius.csv",
        aliasing="results/{run}/influence/aliasing.parquet",
        aliasing_csv="results/{run}/influence/aliasing.csv",
    log:
        "results/{run}/logs/measure_screened.log",
    benchmark:
        "results/{run}/benchmarks/measure_screened.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_screened"),
        runtime=growing(4 * 60),
    params:
        code=code_digest("measure_screened"),
        blocks=all_blocks,
    shell:
        """
        encens measure-screened {params.blocks:q} --code {input.matrix:q} \
            --samples {input.samples:q} --contrast {input.contrast:q} \
            --influence {output.influence:q} --null {output.null:q} \
            --radius {output.radius:q} --aliasing {output.aliasing:q} >{log:q} 2>&1
        """
