"""The gallery: a page to explore the run in, which opens from disk and needs no network.

Inputs: images, code, samples, the landscape, and the tables of influence, contrast and expectation.
Outputs: results/{run}/gallery.html.
"""


rule make_gallery:
    """Write one page of all samples, units and counterfactuals with their evidence."""
    input:
        blocks=gather.landscape("results/{{run}}/landscape/{scatteritem}.safetensors"),
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        units="results/{run}/code/units.parquet",
        warned=["results/{run}/data/dataset.json", "results/{run}/code/properties.json"],
        samples="results/{run}/samples/ensemble.safetensors",
        influence="results/{run}/influence/influence.parquet",
        null="results/{run}/influence/null.parquet",
        radius="results/{run}/influence/radius.parquet",
        pulls="results/{run}/contrast/pulls.safetensors",
        sets="results/{run}/contrast/sets.parquet",
        expected="results/{run}/expected/expected.parquet",
        page=page_files(),
        code=sources("gallery"),
    output:
        page=report(
            "results/{run}/gallery.html",
            caption="../report/gallery.rst",
            category="7 Explore",
            labels={"figure": "7.1 gallery", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/make_gallery.log",
    benchmark:
        "results/{run}/benchmarks/make_gallery.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("make_gallery"),
        runtime=growing(60),
    params:
        blocks=all_blocks,
        null_words=config["contrast"]["null_words"],
        attributed=config["contrast"]["attributed"],
        shown=config["gallery"]["samples"],
        pictures=config["gallery"]["pictures"],
    shell:
        """
        encens make-gallery {params.blocks:q} --run {wildcards.run} \
            --data {input.data:q} --code {input.matrix:q} --units {input.units:q} \
            --samples {input.samples:q} --influence {input.influence:q} --null {input.null:q} \
            --radius {input.radius:q} --pulls {input.pulls:q} --sets {input.sets:q} \
            --expected {input.expected:q} \
            --warned {input.warned[0]:q} --warned {input.warned[1]:q} \
            --null-words {params.null_words} --attributed {params.attributed} \
            --shown {params.shown} --pictures {params.pictures} \
            --output {output.page:q} >{log:q} 2>&1
        """
