"""Figures, each its own rule with its caption in workflow/report, and the gallery.

Inputs: tables and samples of the run; for the gallery images, code and landscape too.
Outputs: results/{run}/figures/{figure}.{pdf,png}, results/{run}/gallery.html.
"""


rule plot_code:
    """Draw the code matrix and its properties."""
    input:
        matrix="results/{run}/code/code.npz",
        properties="results/{run}/code/properties.json",
    output:
        pdf="results/{run}/figures/code.pdf",
        png=report(
            "results/{run}/figures/code.png",
            caption="../report/code.rst",
            category="1 Method",
            labels={"figure": "1.1 the code matrix", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_code.log",
    benchmark:
        "results/{run}/benchmarks/plot_code.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_code"),
        runtime=growing(10),
    params:
        code=code_digest("plot_code"),
    shell:
        """
        encens plot-code --code {input.matrix:q} \
            --properties {input.properties:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_samples:
    """Draw real images beside samples of the full model, a member, the ensemble and ablated ensembles."""
    input:
        scores="results/{run}/frechet/scores.parquet",
        pictures="results/{run}/frechet/pictures.npz",
    output:
        pdf="results/{run}/figures/samples.pdf",
        png=report(
            "results/{run}/figures/samples.png",
            caption="../report/samples.rst",
            category="3 Samples",
            labels={"figure": "3.1 samples side by side", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_samples.log",
    benchmark:
        "results/{run}/benchmarks/plot_samples.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_samples"),
        runtime=growing(10),
    params:
        code=code_digest("plot_samples"),
    shell:
        """
        encens plot-samples --scores {input.scores:q} --pictures {input.pictures:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_influence:
    """Draw chosen samples with their most influential units, counterfactuals and differences."""
    input:
        blocks=gather.landscape("results/{{run}}/landscape/{scatteritem}.safetensors"),
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        influence="results/{run}/influence/influence.parquet",
    output:
        pdf="results/{run}/figures/influence.pdf",
        png=report(
            "results/{run}/figures/influence.png",
            caption="../report/influence.rst",
            category="4 Ablation",
            labels={"figure": "4.1 units that move a sample farthest", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_influence.log",
    benchmark:
        "results/{run}/benchmarks/plot_influence.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_influence"),
        runtime=growing(10),
    params:
        code=code_digest("plot_influence"),
        blocks=all_blocks,
        chosen=",".join(map(str, config["figures"]["samples"])),
        top=config["figures"]["top"],
    shell:
        """
        encens plot-influence {params.blocks:q} \
            --data {input.data:q} --code {input.matrix:q} \
            --samples {input.samples:q} --influence {input.influence:q} \
            --chosen {params.chosen} --top {params.top} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_landscape:
    """Draw the landscape of chosen samples against its null."""
    input:
        influence="results/{run}/influence/influence.parquet",
        null="results/{run}/influence/null.parquet",
    output:
        pdf="results/{run}/figures/landscape.pdf",
        png=report(
            "results/{run}/figures/landscape.png",
            caption="../report/landscape.rst",
            category="4 Ablation",
            labels={"figure": "4.2 landscapes against their null", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_landscape.log",
    benchmark:
        "results/{run}/benchmarks/plot_landscape.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_landscape"),
        runtime=growing(10),
    params:
        code=code_digest("plot_landscape"),
        chosen=",".join(map(str, config["figures"]["samples"])),
    shell:
        """
        encens plot-landscape --influence {input.influence:q} --null {input.null:q} \
            --chosen {params.chosen} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_aliasing:
    """Draw how alike the influences of two units are, against their words' Hamming distance."""
    input:
        aliasing="results/{run}/influence/aliasing.parquet",
    output:
        pdf="results/{run}/figures/aliasing.pdf",
        png=report(
            "results/{run}/figures/aliasing.png",
            caption="../report/aliasing.rst",
            category="4 Ablation",
            labels={"figure": "4.3 which ablations are alike", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_aliasing.log",
    benchmark:
        "results/{run}/benchmarks/plot_aliasing.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_aliasing"),
        runtime=growing(10),
    params:
        code=code_digest("plot_aliasing"),
    shell:
        """
        encens plot-aliasing --aliasing {input.aliasing:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_attribution:
    """Draw chosen samples with the units of largest contrast, and what speaks for them."""
    input:
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        contrast="results/{run}/contrast/contrast.parquet",
        answers="results/{run}/contrast/answers.parquet",
    output:
        pdf="results/{run}/figures/attribution.pdf",
        png=report(
            "results/{run}/figures/attribution.png",
            caption="../report/attribution.rst",
            category="5 Attribution",
            labels={
                "figure": "5.1 units that samples are attributed to",
                "run": "{run}",
            },
        ),
    log:
        "results/{run}/logs/plot_attribution.log",
    benchmark:
        "results/{run}/benchmarks/plot_attribution.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_attribution"),
        runtime=growing(10),
    params:
        code=code_digest("plot_attribution"),
        chosen=",".join(map(str, config["figures"]["samples"])),
        top=config["figures"]["top"],
        attributed=config["contrast"]["attributed"],
    shell:
        """
        encens plot-attribution --data {input.data:q} --code {input.matrix:q} \
            --samples {input.samples:q} --contrast {input.contrast:q} \
            --answers {input.answers:q} --chosen {params.chosen} --top {params.top} --attributed {params.attributed} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_evidence:
    """Draw all p-values of contrasts, and how often sets of near units have small p-values."""
    input:
        contrast="results/{run}/contrast/contrast.parquet",
        sets="results/{run}/contrast/sets.parquet",
        checks="results/{run}/contrast/checks.parquet",
        query_pairs="results/{run}/queries/pairs.parquet",
        query_answers="results/{run}/queries/answers.parquet",
    output:
        pdf="results/{run}/figures/evidence.pdf",
        png=report(
            "results/{run}/figures/evidence.png",
            caption="../report/evidence.rst",
            category="5 Attribution",
            labels={"figure": "5.2 is there anything to attribute", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_evidence.log",
    benchmark:
        "results/{run}/benchmarks/plot_evidence.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_evidence"),
        runtime=growing(10),
    params:
        code=code_digest("plot_evidence"),
    shell:
        """
        encens plot-evidence --contrast {input.contrast:q} --sets {input.sets:q} \
            --checks {input.checks:q} --query-pairs {input.query_pairs:q} \
            --query-answers {input.query_answers:q} --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_kept:
    """Draw Frechet distance against the number of members kept."""
    input:
        scores="results/{run}/frechet/scores.parquet",
    output:
        pdf="results/{run}/figures/kept.pdf",
        png=report(
            "results/{run}/figures/kept.png",
            caption="../report/kept.rst",
            category="3 Samples",
            labels={"figure": "3.2 quality against members kept", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_kept.log",
    benchmark:
        "results/{run}/benchmarks/plot_kept.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_kept"),
        runtime=growing(10),
    params:
        code=code_digest("plot_kept"),
    shell:
        """
        encens plot-kept --scores {input.scores:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_loss:
    """Draw the loss curves of all members."""
    input:
        losses=expand(
            "results/{{run}}/members/{member}/loss.csv", member=[*members(), "full"]
        ),
        facts=expand(
            "results/{{run}}/members/{member}/training.json",
            member=[*members(), "full"],
        ),
    output:
        pdf="results/{run}/figures/loss.pdf",
        png=report(
            "results/{run}/figures/loss.png",
            caption="../report/loss.rst",
            category="2 Training",
            labels={"figure": "2.1 loss curves", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_loss.log",
    benchmark:
        "results/{run}/benchmarks/plot_loss.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_loss"),
        runtime=growing(10),
    params:
        code=code_digest("plot_loss"),
    shell:
        """
        encens plot-loss {input.losses:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_gains:
    """Draw exposure gain curves, and expected against measured contrasts."""
    input:
        gains="results/{run}/grade/gains.parquet",
        areas="results/{run}/grade/areas.parquet",
        calibration="results/{run}/expected/calibration.parquet",
    output:
        pdf="results/{run}/figures/gains.pdf",
        png=report(
            "results/{run}/figures/gains.png",
            caption="../report/gains.rst",
            category="6 Grading",
            labels={"figure": "6.1 exposure gain curves", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_gains.log",
    benchmark:
        "results/{run}/benchmarks/plot_gains.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_gains"),
        runtime=growing(10),
    params:
        code=code_digest("plot_gains"),
    shell:
        """
        encens plot-gains --gains {input.gains:q} --areas {input.areas:q} --calibration {input.calibration:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_scoreboard:
    """Draw the grades of every method, one panel for each kind of truth."""
    input:
        board="results/{run}/grade/scoreboard.parquet",
    output:
        pdf="results/{run}/figures/scoreboard.pdf",
        png=report(
            "results/{run}/figures/scoreboard.png",
            caption="../report/scoreboard.rst",
            category="6 Grading",
            labels={"figure": "6.2 every method, every kind of truth", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_scoreboard.log",
    benchmark:
        "results/{run}/benchmarks/plot_scoreboard.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_scoreboard"),
        runtime=growing(10),
    params:
        code=code_digest("plot_scoreboard"),
    shell:
        """
        encens plot-scoreboard --board {input.board:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule plot_truth:
    """Draw how far samples move without a unit: by ablation, retraining, and a fresh seed."""
    input:
        truth="results/{run}/grade/truth.parquet",
        influence="results/{run}/influence/influence.parquet",
    output:
        pdf="results/{run}/figures/truth.pdf",
        png=report(
            "results/{run}/figures/truth.png",
            caption="../report/truth.rst",
            category="6 Grading",
            labels={"figure": "6.3 ablation beside retraining", "run": "{run}"},
        ),
    log:
        "results/{run}/logs/plot_truth.log",
    benchmark:
        "results/{run}/benchmarks/plot_truth.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_truth"),
        runtime=growing(10),
    params:
        code=code_digest("plot_truth"),
    shell:
        """
        encens plot-truth --truth {input.truth:q} --influence {input.influence:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """


rule make_gallery:
    """Write one page of all samples, units and counterfactuals with their evidence."""
    input:
        blocks=gather.landscape("results/{{run}}/landscape/{scatteritem}.safetensors"),
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        units="results/{run}/code/units.parquet",
        warned=[
            "results/{run}/data/dataset.json",
            "results/{run}/code/properties.json",
            "results/{run}/contrast/arithmetic.json",
        ],
        samples="results/{run}/samples/ensemble.safetensors",
        influence="results/{run}/influence/influence.parquet",
        null="results/{run}/influence/null.parquet",
        radius="results/{run}/influence/radius.parquet",
        pulls="results/{run}/contrast/pulls.safetensors",
        sets="results/{run}/contrast/sets.parquet",
        answers="results/{run}/contrast/answers.parquet",
        queries="results/{run}/queries/pictures.npz",
        query_pairs="results/{run}/queries/pairs.parquet",
        query_answers="results/{run}/queries/answers.parquet",
        expected="results/{run}/expected/expected.parquet",
        captions=caption_files("parquet"),
        page=page_files(),
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
        code=code_digest("make_gallery"),
        blocks=all_blocks,
        null_words=config["contrast"]["null_words"],
        attributed=config["contrast"]["attributed"],
        shown=config["gallery"]["samples"],
        pictures=config["gallery"]["pictures"],
        captions=repeated("--captions", caption_files("parquet")),
        prompts=verbatim(repeated("--prompt", config["sampling"]["prompts"])),
    shell:
        """
        encens make-gallery {params.blocks:q} --run {wildcards.run} \
            --data {input.data:q} --code {input.matrix:q} --units {input.units:q} \
            --samples {input.samples:q} --influence {input.influence:q} --null {input.null:q} \
            --radius {input.radius:q} --pulls {input.pulls:q} --sets {input.sets:q} \
            --answers {input.answers:q} \
            --queries {input.queries:q} --query-pairs {input.query_pairs:q} \
            --query-answers {input.query_answers:q} --expected {input.expected:q} \
            --warned {input.warned[0]:q} --warned {input.warned[1]:q} --warned {input.warned[2]:q} \
            {params.captions:q} {params.prompts:q} \
            --null-words {params.null_words} --attributed {params.attributed} \
            --shown {params.shown} --pictures {params.pictures} \
            --output {output.page:q} >{log:q} 2>&1
        """
