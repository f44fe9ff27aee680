"""Codes: units, code words and splits.

Inputs: results/{run}/data/training.npz, the table in units.table, and captions for units.by word.
Outputs: results/{run}/code/{code.npz,units.*,images.*,properties.json,checked.json} and, for each member,
results/{run}/splits/{member}.{json,sha256}. The ledger in results/{run}/ledger, outside the
outputs, keeps the words of units when others come or go.
"""


rule encode_units:
    """Give every unit a code word, and draw null code words."""
    input:
        data="results/{run}/data/training.npz",
        table=verbatim(units_table()),
        captions=caption_files("parquet") if config["units"]["by"] == "word" else [],
    output:
        code="results/{run}/code/code.npz",
        units="results/{run}/code/units.parquet",
        units_csv="results/{run}/code/units.csv",
        images="results/{run}/code/images.parquet",
        images_csv="results/{run}/code/images.csv",
        properties="results/{run}/code/properties.json",
    log:
        "results/{run}/logs/encode_units.log",
    benchmark:
        "results/{run}/benchmarks/encode_units.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("encode_units"),
        runtime=growing(30),
    params:
        code=code_digest("encode_units"),
        units=verbatim(unit_options(config["units"]["exclude"])),
        captions=(
            repeated("--captions", caption_files("parquet"))
            if config["units"]["by"] == "word"
            else []
        ),
        table=contents(units_table()),
        plants=plant_options(),
        family=config["code"]["family"],
        members=config["code"]["members"],
        weight=config["code"]["weight"],
        distance=config["code"]["distance"],
        null_words=config["code"]["null_words"],
        seed=config["code"]["seed"],
    shell:
        """
        encens encode-units --data {input.data:q} {params.units:q} {params.captions:q} {params.plants:q} \
            --family {params.family} --members {params.members} --weight {params.weight} \
            --distance {params.distance} --null-words {params.null_words} --seed {params.seed} \
            --ledger results/{wildcards.run}/ledger \
            --code {output.code:q} --units {output.units:q} --images {output.images:q} \
            --properties {output.properties:q} >{log:q} 2>&1
        """


rule check_names:
    """Check what the configuration says of units as soon as they are known, before any training."""
    input:
        matrix="results/{run}/code/code.npz",
        foreign=verbatim(foreign_scores()),
    output:
        facts="results/{run}/code/checked.json",
    log:
        "results/{run}/logs/check_names.log",
    benchmark:
        "results/{run}/benchmarks/check_names.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("check_names"),
        runtime=growing(30),
    params:
        code=code_digest("check_names"),
        names=verbatim(named_options()),
        foreign=verbatim(foreign_options()),
        scores=contents(foreign_scores()),
        samples=config["sampling"]["samples"],
        blocks=checked_blocks(),
        steps_per_epoch=config["training"]["steps_per_epoch"],
        null_words=config["contrast"]["null_words"],
        attributed=config["contrast"]["attributed"],
    shell:
        """
        encens check-names --code {input.matrix:q} {params.names:q} {params.foreign:q} \
            --samples {params.samples} --blocks {params.blocks} \
            --steps-per-epoch {params.steps_per_epoch} --null-words {params.null_words} \
            --attributed {params.attributed} --output {output.facts:q} >{log:q} 2>&1
        """


checkpoint split_members:
    """Write which images each member trains on, and the digest that its training depends on."""
    input:
        captions=split_captions(),
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        checked="results/{run}/code/checked.json",
    output:
        expand("results/{{run}}/splits/{member}.json", member=[*members(), "full"]),
        expand("results/{{run}}/splits/{member}.sha256", member=[*members(), "full"]),
    log:
        "results/{run}/logs/split_members.log",
    benchmark:
        "results/{run}/benchmarks/split_members.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("split_members"),
        runtime=growing(30),
    params:
        code=code_digest("split_members"),
        covered=split_options(),
    shell:
        """
        encens split-members --data {input.data:q} --code {input.matrix:q} {params.covered} \
            --output results/{wildcards.run}/splits >{log:q} 2>&1
        """
