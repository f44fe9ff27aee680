"""Data: the images of a run.

Inputs: nothing, or the folder in dataset.path; the table in units.table if units are excluded.
Outputs: results/{run}/data/{training,heldout,spare}.npz and dataset.json; captions.{parquet,csv} if
dataset.captions is true.
"""


rule fetch_dataset:
    """Read or download the data set and set images aside for evaluation."""
    input:
        table=verbatim(units_table() if config["units"]["exclude"] else []),
    output:
        training="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        spare="results/{run}/data/spare.npz",
        facts="results/{run}/data/dataset.json",
        captions=caption_files("parquet"),
        captions_csv=caption_files("csv"),
    log:
        "results/{run}/logs/fetch_dataset.log",
    benchmark:
        "results/{run}/benchmarks/fetch_dataset.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("fetch_dataset"),
        runtime=growing(60),
    params:
        code=code_digest("fetch_dataset"),
        name=config["dataset"]["name"],
        heldout=config["dataset"]["heldout"],
        spare=config["dataset"]["spare"],
        seed=config["dataset"]["seed"],
        exclude=verbatim(exclude_options()),
        plants=plant_options(),
        # Digests of splits cover them, so that members that saw none of these images stay as they are.
        names="--keep-label-names" if config["model"]["classes"] else "",
        images=optional("--images", config["dataset"]["images"]),
        part=config["dataset"]["part"],
        labels=optional("--labels", config["dataset"]["labels"]),
        per_label=optional("--per-label", config["dataset"]["per_label"]),
        size=optional("--size", config["dataset"]["size"]),
        channels=optional("--channels", config["dataset"]["channels"]),
        border=config["dataset"]["border"],
        path=verbatim(optional("--path", config["dataset"]["path"])),
        mirror=verbatim(optional("--mirror", config["dataset"]["mirror"])),
        pictograms=pictogram_options(),
        captions=repeated("--captions", caption_files("parquet")),
        default_caption=verbatim(default_caption_option()),
        table=contents(units_table() if config["units"]["exclude"] else []),
        # So that a changed folder is read again.
        listing=verbatim(listing(config["dataset"]["path"])),
    shell:
        """
        encens fetch-dataset --name {params.name} \
            {params.images:q} --heldout-images {params.heldout} --spare-images {params.spare} \
            --part {params.part} {params.labels:q} {params.per_label:q} \
            {params.size:q} {params.channels:q} --border {params.border} \
            {params.path:q} {params.mirror:q} {params.pictograms:q} \
            {params.captions:q} {params.default_caption:q} \
            --seed {params.seed} {params.exclude:q} {params.names} {params.plants:q} \
            --cache resources --ledger results/{wildcards.run}/ledger \
            --training {output.training:q} --heldout {output.heldout:q} \
            --spare {output.spare:q} --facts {output.facts:q} >{log:q} 2>&1
        """
