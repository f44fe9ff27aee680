"""Given pictures: training images (a positive control), held-out images (a reference) and those of a
folder, attributed without being sampled.

Inputs: results/{run}/members/*, results/{run}/code/code.npz, results/{run}/data/*, queries.folder.
Outputs: results/{run}/queries/{pictures.npz,pulls.safetensors,decoys.safetensors,pairs.*,answers.*,
checks.*,control.json}.
"""


rule choose_queries:
    """Choose pictures to attribute that the ensemble did not sample, and read those of a folder."""
    input:
        data="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        matrix="results/{run}/code/code.npz",
    output:
        pictures="results/{run}/queries/pictures.npz",
    log:
        "results/{run}/logs/choose_queries.log",
    benchmark:
        "results/{run}/benchmarks/choose_queries.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("choose_queries"),
        runtime=growing(60),
    params:
        code=code_digest("choose_queries"),
        folder=verbatim(optional("--folder", config["queries"]["folder"])),
        training=config["queries"]["training"],
        heldout=config["queries"]["heldout"],
        border=config["dataset"]["border"],
        seed=config["queries"]["seed"],
        # So that a changed folder is read again.
        listing=verbatim(listing(config["queries"]["folder"])),
    shell:
        """
        encens choose-queries --data {input.data:q} --heldout {input.heldout:q} \
            --code {input.matrix:q} {params.folder:q} \
            --training-images {params.training} --heldout-images {params.heldout} \
            --border {params.border} --seed {params.seed} \
            --output {output.pictures:q} >{log:q} 2>&1
        """


rule follow_queries:
    """Noise given pictures, and measure how far each member pulls them towards each unit."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        pictures="results/{run}/queries/pictures.npz",
        perceptual=verbatim(likeness_file()),
    output:
        pulls="results/{run}/queries/pulls.safetensors",
        decoys="results/{run}/queries/decoys.safetensors",
    log:
        "results/{run}/logs/follow_queries.log",
    benchmark:
        "results/{run}/benchmarks/follow_queries.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("follow_queries"),
        runtime=growing(12 * 60),
    params:
        code=code_digest("follow_queries"),
        members=member_folders,
        levels=config["contrast"]["levels"],
        candidates=config["contrast"]["candidates"],
        draws=config["queries"]["decoys"],
        seed=config["code"]["seed"],
        noise_seed=config["queries"]["seed"],
        sampling=sampling_options(),
        perceptual="--perceptual" if likeness_file() else "",
    shell:
        """
        encens follow-queries {params.members:q} --code {input.matrix:q} \
            --data {input.data:q} --heldout {input.heldout:q} --pictures {input.pictures:q} \
            --levels {params.levels} --candidates {params.candidates} --draws {params.draws} \
            --seed {params.seed} --noise-seed {params.noise_seed} {params.sampling} \
            {params.perceptual} {input.perceptual:q} \
            --output {output.pulls:q} --decoys {output.decoys:q} >{log:q} 2>&1
        """


rule measure_queries:
    """Test each unit on each given picture, and compare its effect with those on held-out images."""
    input:
        pulls="results/{run}/queries/pulls.safetensors",
        decoys="results/{run}/queries/decoys.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        pictures="results/{run}/queries/pictures.npz",
    output:
        pairs="results/{run}/queries/pairs.parquet",
        pairs_csv="results/{run}/queries/pairs.csv",
        answers="results/{run}/queries/answers.parquet",
        answers_csv="results/{run}/queries/answers.csv",
        checks="results/{run}/queries/checks.parquet",
        checks_csv="results/{run}/queries/checks.csv",
        control="results/{run}/queries/control.json",
    log:
        "results/{run}/logs/measure_queries.log",
    benchmark:
        "results/{run}/benchmarks/measure_queries.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_queries"),
        runtime=growing(60),
    params:
        code=code_digest("measure_queries"),
        null_words=config["contrast"]["null_words"],
        attributed=config["contrast"]["attributed"],
        weights=config["contrast"]["weights"],
    shell:
        """
        encens measure-queries --pulls {input.pulls:q} --decoys {input.decoys:q} \
            --code {input.matrix:q} --data {input.data:q} --pictures {input.pictures:q} \
            --null-words {params.null_words} --attributed {params.attributed} \
            --weights {params.weights} \
            --pairs {output.pairs:q} --answers {output.answers:q} --checks {output.checks:q} \
            --control {output.control:q} >{log:q} 2>&1
        """
