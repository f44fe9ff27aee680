"""Influence: the gathered landscape, measured against its null.

Inputs: results/{run}/landscape/*, results/{run}/samples/ensemble.safetensors,
results/{run}/data/*, results/{run}/contrast/contrast.parquet, the features of the Frechet distance.
Outputs: results/{run}/influence/{influence,null,radius,aliasing}.{parquet,csv}.
"""


rule measure_influence:
    """Measure how each unit's ablation moves each sample, against null code words."""
    input:
        blocks=gather.landscape("results/{{run}}/landscape/{scatteritem}.safetensors"),
        samples="results/{run}/samples/ensemble.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        contrast="results/{run}/contrast/contrast.parquet",
        inception=verbatim(inception_file()),
        classifier=classifier_file(),
        weights=verbatim([str(file) for file in distance_weights().values()]),
        code=sources("influence"),
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
        "results/{run}/logs/measure_influence.log",
    benchmark:
        "results/{run}/benchmarks/measure_influence.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("measure_influence"),
        runtime=growing(4 * 60),
    params:
        blocks=all_blocks,
        distances=verbatim(distance_options()),
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
    shell:
        """
        encens measure-influence {params.blocks:q} --code {input.matrix:q} \
            --samples {input.samples:q} --data {input.data:q} --heldout {input.heldout:q} \
            --contrast {input.contrast:q} {params.distances:q} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            --influence {output.influence:q} \
            --null {output.null:q} --radius {output.radius:q} \
            --aliasing {output.aliasing:q} >{log:q} 2>&1
        """


rule check_attribution:
    """See whether the unit nearest to a sample stays nearest when it is ablated; for studies."""
    input:
        blocks=gather.landscape("results/{{run}}/landscape/{scatteritem}.safetensors"),
        samples="results/{run}/samples/ensemble.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        inception=verbatim(inception_file()),
        classifier=classifier_file(),
        code=sources("false_attribution"),
    output:
        table="results/{run}/influence/false_attribution.parquet",
        table_csv="results/{run}/influence/false_attribution.csv",
    log:
        "results/{run}/logs/check_attribution.log",
    benchmark:
        "results/{run}/benchmarks/check_attribution.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("check_attribution"),
        runtime=growing(4 * 60),
    params:
        blocks=all_blocks,
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
    shell:
        """
        encens check-attribution {params.blocks:q} --code {input.matrix:q} \
            --data {input.data:q} --heldout {input.heldout:q} --samples {input.samples:q} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            --output {output.table:q} >{log:q} 2>&1
        """
