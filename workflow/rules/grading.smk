"""Grading: every attribution method against contrasts, retraining, held-out models and plants.

Rival methods by likeness are always scored, those by gradients where rivals.gradients says so.
Inputs: results/{run}/members/*, results/{run}/code/code.npz, results/{run}/data/*,
results/{run}/samples/ensemble.safetensors, results/{run}/contrast/pulls.safetensors,
results/{run}/influence/influence.parquet, and what the run has of results/{run}/retrain/*,
results/{run}/heldout/measured.safetensors, results/{run}/planted/planted.parquet.
Outputs: results/{run}/rivals/{gradients.{member}.safetensors,scores.safetensors,cost.json},
results/{run}/grade/{gains.*,areas.*,draws.safetensors,scoreboard.*,truth.*,differences.*,agreement.*,null_check.*}.
"""


rule project_gradients:
    """Take the gradients of all images and samples in one network."""
    input:
        network=weights(["{member}"]),
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        journey=(
            "results/{run}/contrast/pulls.safetensors"
            if config["rivals"]["journey"]
            else []
        ),
    output:
        gradients="results/{run}/rivals/gradients.{member}.safetensors",
    log:
        "results/{run}/logs/project_gradients.{member}.log",
    benchmark:
        "results/{run}/benchmarks/project_gradients.{member}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("project_gradients"),
        runtime=growing(12 * 60),
    params:
        code=code_digest("project_gradients"),
        levels=config["rivals"]["levels"],
        projection=config["rivals"]["projection"],
        noise=config["rivals"]["noise"],
        seed=config["rivals"]["seed"],
        journey="--pulls" if config["rivals"]["journey"] else "",
        autoencoder=autoencoder_options(),
    shell:
        """
        encens project-gradients results/{wildcards.run}/members/{wildcards.member} \
            --data {input.data:q} --samples {input.samples:q} --levels {params.levels} \
            --projection {params.projection} --noise {params.noise} --seed {params.seed} \
            {params.journey} {input.journey:q} {params.autoencoder} \
            --output {output.gradients:q} >{log:q} 2>&1
        """


rule score_rivals:
    """Score every unit for every sample by rival methods."""
    input:
        members=gradients(members()),
        full=gradients(["full"]),
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        inception=verbatim(inception_file()),
        classifier=classifier_file(),
        perceptual=verbatim(rival_file()),
    output:
        scores="results/{run}/rivals/scores.safetensors",
        cost="results/{run}/rivals/cost.json",
    log:
        "results/{run}/logs/score_rivals.log",
    benchmark:
        "results/{run}/benchmarks/score_rivals.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("score_rivals"),
        runtime=growing(2 * 60),
    params:
        code=code_digest("score_rivals"),
        damping=repeated("--damping", config["rivals"]["damping"]),
        journey=config["rivals"]["journey"],
        degraded=repeated("--degraded", config["rivals"]["degraded"]),
        seed=config["rivals"]["seed"],
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
        perceptual="--perceptual" if rival_file() else "",
        full="--full" if gradients(["full"]) else "",
    shell:
        """
        encens score-rivals {input.members:q} {params.full} {input.full:q} --code {input.matrix:q} \
            --data {input.data:q} --heldout {input.heldout:q} --samples {input.samples:q} \
            {params.damping} {params.degraded} --journey {params.journey} --seed {params.seed} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            {params.perceptual} {input.perceptual:q} \
            --output {output.scores:q} --cost {output.cost:q} >{log:q} 2>&1
        """


rule grade_methods:
    """Grade methods by the contrasts of the units that they name first."""
    input:
        scores="results/{run}/expected/scores.safetensors",
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        foreign=verbatim(foreign_scores()),
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
        code=code_digest("grade_methods"),
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
        rivals="results/{run}/rivals/scores.safetensors",
        truth=truth_files(),
        inception=verbatim(inception_file()),
        classifier=classifier_file(),
        foreign=verbatim(foreign_scores()),
    output:
        board="results/{run}/grade/scoreboard.parquet",
        board_csv="results/{run}/grade/scoreboard.csv",
        truth="results/{run}/grade/truth.parquet",
        truth_csv="results/{run}/grade/truth.csv",
        differences="results/{run}/grade/differences.parquet",
        differences_csv="results/{run}/grade/differences.csv",
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
        code=code_digest("score_methods"),
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
            --rivals {input.rivals:q} {params.truth:q} {params.foreign:q} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            --output {output.board:q} --truth {output.truth:q} \
            --differences {output.differences:q} --agreement {output.agreement:q} >{log:q} 2>&1
        """


rule check_null:
    """Test null code words as if they were units; for studies."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        null="results/{run}/influence/null.parquet",
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
        code=code_digest("check_null"),
        seed=config["grade"]["seed"],
    shell:
        """
        encens check-null --pulls {input.pulls:q} --code {input.matrix:q} \
            --data {input.data:q} --samples {input.samples:q} --null {input.null:q} \
            --seed {params.seed} \
            --output {output.table:q} >{log:q} 2>&1
        """
