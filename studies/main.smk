"""The main studies: which attribution method is right, by every kind of truth. One form, several data sets.

Methods that are computed beside the pipeline are graded with those of the run.
Inputs: results/{study}/*, of runs with retrained and held-out models.
Outputs: results/studies/{study}/{kfac,unlearning,retrac_along}.parquet,
results/studies/{study}/{areas,gains,scoreboard,differences,agreement,truth}.{parquet,csv},
results/studies/{study}/{gains,scoreboard,truth}.{pdf,png}, docs/studies/{study}/*.
"""

BESIDE = ["kfac", "unlearning", "retrac_along"]
FIGURES = ["gains", "scoreboard", "truth"]
GRADED = ["areas", "gains", "scoreboard", "differences", "agreement", "truth"]


rule score_beside:
    """Score a run by a method that the pipeline does not have."""
    input:
        network="results/{study}/members/full/diffusion_pytorch_model.safetensors",
        data="results/{study}/data/training.npz",
        code="results/{study}/code/code.npz",
        samples="results/{study}/samples/ensemble.safetensors",
    output:
        "results/studies/{study}/{method}.parquet",
    log:
        "results/studies/logs/score_beside.{study}.{method}.log",
    wildcard_constraints:
        method="|".join(BESIDE),
        study="|".join(MAIN),
    conda:
        "../envs/encens.yaml"
    shell:
        "python studies/{wildcards.method}.py results/{wildcards.study} --output {output:q} >{log:q} 2>&1"


rule grade_all:
    """Grade these methods, and those of the run, by every truth that the run has."""
    input:
        beside=expand("results/studies/{{study}}/{method}.parquet", method=BESIDE),
        run=expand(
            "results/{{study}}/{file}",
            file=[
                *("code/code.npz", "samples/ensemble.safetensors", "data/heldout.npz"),
                *("contrast/pulls.safetensors", "influence/influence.parquet"),
                *("expected/scores.safetensors", "rivals/scores.safetensors"),
                *("rivals/cost.json", "retrain/samples.safetensors"),
                *("retrain/controls.parquet", "heldout/measured.safetensors"),
                *("frechet/classifier.safetensors", "expected/calibration.parquet"),
            ],
        ),
    output:
        tables=expand("results/studies/{{study}}/{table}.parquet", table=GRADED),
        csv=expand("results/studies/{{study}}/{table}.csv", table=GRADED),
        draws="results/studies/{study}/draws.safetensors",
        figures=expand(
            "results/studies/{{study}}/{figure}.{form}",
            figure=FIGURES,
            form=["pdf", "png"],
        ),
    log:
        "results/studies/logs/grade_all.{study}.log",
    wildcard_constraints:
        study="|".join(MAIN),
    conda:
        "../envs/encens.yaml"
    params:
        foreign=lambda wildcards, input: [
            f"--foreign={method}={file}" for method, file in zip(BESIDE, input.beside)
        ],
    shell:
        """
        exec >{log:q} 2>&1
        run=results/{wildcards.study} out=results/studies/{wildcards.study}
        encens grade-methods --scores $run/expected/scores.safetensors \
            --pulls $run/contrast/pulls.safetensors --code $run/code/code.npz {params.foreign:q} \
            --areas $out/areas.parquet --gains $out/gains.parquet --draws {output.draws:q}
        encens score-methods --scores $run/expected/scores.safetensors \
            --areas $out/areas.parquet --draws {output.draws:q} --code $run/code/code.npz \
            --samples $run/samples/ensemble.safetensors --heldout $run/data/heldout.npz \
            --cost $run/rivals/cost.json --rivals $run/rivals/scores.safetensors \
            --influence $run/influence/influence.parquet \
            --retrained $run/retrain/samples.safetensors --controls $run/retrain/controls.parquet \
            --models $run/heldout/measured.safetensors \
            --classifier $run/frechet/classifier.safetensors {params.foreign:q} \
            --output $out/scoreboard.parquet --differences $out/differences.parquet \
            --agreement $out/agreement.parquet --truth $out/truth.parquet
        encens plot-gains --gains $out/gains.parquet --areas $out/areas.parquet \
            --calibration $run/expected/calibration.parquet --output $out/gains.pdf
        encens plot-scoreboard --board $out/scoreboard.parquet --output $out/scoreboard.pdf
        encens plot-truth --truth $out/truth.parquet --influence $run/influence/influence.parquet \
            --output $out/truth.pdf
        """


rule keep_main:
    """Keep a main study: every method beside every truth."""
    input:
        expand(
            "results/studies/{{study}}/{table}.csv",
            table=sorted({*GRADED} - {"gains"}),
        ),
        expand("results/studies/{{study}}/{figure}.png", figure=FIGURES),
        expand(
            "results/{{study}}/{table}.csv",
            table=[
                *("grade/null_check", "contrast/sets", "contrast/checks"),
                *("contrast/answers", "expected/calibration"),
                "influence/false_attribution",
            ],
        ),
    output:
        "docs/studies/{study}/made.json",
        touch("results/studies/kept/{study}"),
    log:
        "results/studies/logs/{study}.log",
    wildcard_constraints:
        study="|".join(MAIN),
    conda:
        "../envs/encens.yaml"
    params:
        runs=lambda wildcards: made_by(wildcards.study),
    shell:
        "encens keep-study {input:q} --config {params.runs:q} --output docs/studies/{wildcards.study} "
        ">{log:q} 2>&1"


rule digits512:
    """Which attribution method is right, by every kind of truth, on 512 digits."""
    input:
        "results/studies/kept/digits512",
    localrule: True


rule clipart:
    """The same on clip art in colour."""
    input:
        "results/studies/kept/clipart",
    localrule: True
