"""Grading: every attribution method against contrasts, retraining, held-out models and plants.

Inputs: results/{run}/contrast/pulls.safetensors, results/{run}/rivals/*,
results/{run}/influence/influence.parquet, and what the run has of results/{run}/retrain/*,
results/{run}/heldout/measured.safetensors, results/{run}/planted/planted.parquet.
Outputs: results/{run}/expected/{expected.*,calibration.*,scores.safetensors,choices.json},
results/{run}/grade/{gains.*,areas.*,draws.safetensors,scoreboard.*,truth.*,agreement.*}.
"""


rule expect_influence:
    """Learn from all contrasts how much influence to expect of a unit on a sample."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        rivals="results/{run}/rivals/scores.safetensors",
        code=sources("expect"),
    output:
        expected="results/{run}/expected/expected.parquet",
        expected_csv="results/{run}/expected/expected.csv",
        calibration="results/{run}/expected/calibration.parquet",
        calibration_csv="results/{run}/expected/calibration.csv",
        scores="results/{run}/expected/scores.safetensors",
        choices="results/{run}/expected/choices.json",
    log:
        "results/{run}/logs/expect_influence.log",
    benchmark:
        "results/{run}/benchmarks/expect_influence.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("expect_influence"),
        runtime=growing(4 * 60),
    params:
        seed=config["grade"]["seed"],
    shell:
        """
        encens expect-influence --pulls {input.pulls:q} --code {input.matrix:q} \
            --data {input.data:q} --samples {input.samples:q} --rivals {input.rivals:q} \
            --expected {output.expected:q} --calibration {output.calibration:q} \
            --scores {output.scores:q} --choices {output.choices:q} \
            --seed {params.seed} >{log:q} 2>&1
        """


rule grade_methods:
    """Grade methods by the contrasts of the units that they name first."""
    input:
        scores="results/{run}/expected/scores.safetensors",
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        foreign=verbatim(foreign_scores()),
        code=sources("grade"),
    output:
        gains="results/{run}/grade/gains.parquet",
        gains_csv="results/{run}/grade/gains.csv",
        areas="results/{run}/grade/areas.parquet",
        areas_csv="results/{run}/grade/areas.csv",
        draws="results/{run}/grade/draws.safetensors",
    log:
        "results/{run}/logs/grade_methods.log",
    benchmark:
        "results/{run}/benchmarks/grade_methods.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("grade_methods"),
        runtime=growing(4 * 60),
    params:
        foreign=verbatim(foreign_options()),
        scores=contents(foreign_scores()),
        bootstrap=config["grade"]["bootstrap"],
        seed=config["grade"]["seed"],
    shell:
        """
        encens grade-methods --scores {input.scores:q} --pulls {input.pulls:q} \
            --code {input.matrix:q} \
            {params.foreign:q} --bootstrap {params.bootstrap} --seed {params.seed} \
            --gains {output.gains:q} --areas {output.areas:q} \
            --draws {output.draws:q} >{log:q} 2>&1
        """


rule score_methods:
    """Put every method beside every kind of truth that the run has."""
    input:
        scores="results/{run}/expected/scores.safetensors",
        influence="results/{run}/influence/influence.parquet",
        areas="results/{run}/grade/areas.parquet",
        draws="results/{run}/grade/draws.safetensors",
        matrix="results/{run}/code/code.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        heldout="results/{run}/data/heldout.npz",
        cost="results/{run}/rivals/cost.json",
        truth=truth_files(),
        inception=verbatim(inception_file()),
        classifier=classifier_file(),
        foreign=verbatim(foreign_scores()),
        code=sources("scoreboard"),
    output:
        board="results/{run}/grade/scoreboard.parquet",
        board_csv="results/{run}/grade/scoreboard.csv",
        truth="results/{run}/grade/truth.parquet",
        truth_csv="results/{run}/grade/truth.csv",
        agreement="results/{run}/grade/agreement.parquet",
        agreement_csv="results/{run}/grade/agreement.csv",
    log:
        "results/{run}/logs/score_methods.log",
    benchmark:
        "results/{run}/benchmarks/score_methods.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("score_methods"),
        runtime=growing(4 * 60),
    params:
        truth=truth_options,
        foreign=verbatim(foreign_options()),
        scores=contents(foreign_scores()),
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
    shell:
        """
        encens score-methods --scores {input.scores:q} --influence {input.influence:q} \
            --areas {input.areas:q} --draws {input.draws:q} --code {input.matrix:q} \
            --samples {input.samples:q} --heldout {input.heldout:q} --cost {input.cost:q} \
            {params.truth:q} {params.foreign:q} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            --output {output.board:q} --truth {output.truth:q} \
            --agreement {output.agreement:q} >{log:q} 2>&1
        """


rule check_null:
    """Treat words that are nobody's as units and test them; for studies."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        null="results/{run}/influence/null.parquet",
        code=sources("null_check"),
    output:
        table="results/{run}/grade/null_check.parquet",
        table_csv="results/{run}/grade/null_check.csv",
    log:
        "results/{run}/logs/check_null.log",
    benchmark:
        "results/{run}/benchmarks/check_null.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("check_null"),
        runtime=growing(4 * 60),
    params:
        seed=config["grade"]["seed"],
    shell:
        """
        encens check-null --pulls {input.pulls:q} --code {input.matrix:q} \
            --data {input.data:q} --samples {input.samples:q} --null {input.null:q} \
            --seed {params.seed} \
            --output {output.table:q} >{log:q} 2>&1
        """
