"""Influence: the contrast of each unit along the factual trajectory, the landscape against its null
distribution, and the influence to expect.

Inputs: results/{run}/members/*, results/{run}/code/code.npz, results/{run}/noise/landscape.safetensors,
results/{run}/samples/ensemble.safetensors, results/{run}/landscape/*, results/{run}/data/*, the features
of the Frechet distance, results/{run}/rivals/scores.safetensors.
Outputs: results/{run}/contrast/{{pulls,decoys}.safetensors,arithmetic.json,contrast.*,sets.*,units.*,answers.*,checks.*},
results/{run}/influence/{influence,null,radius,aliasing,false_attribution}.{parquet,csv},
results/{run}/expected/{expected.*,calibration.*,scores.safetensors,choices.json}.
"""


rule follow_members:
    """Measure how far each member pulls each sample towards each unit."""
    input:
        members=weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        data="results/{run}/data/training.npz",
        heldout="results/{run}/data/heldout.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        perceptual=verbatim(likeness_file()),
    output:
        pulls="results/{run}/contrast/pulls.safetensors",
        decoys="results/{run}/contrast/decoys.safetensors",
        arithmetic="results/{run}/contrast/arithmetic.json",
    log:
        "results/{run}/logs/follow_members.log",
    benchmark:
        "results/{run}/benchmarks/follow_members.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("follow_members"),
        runtime=growing(12 * 60),
    params:
        code=code_digest("follow_members"),
        members=member_folders,
        levels=config["contrast"]["levels"],
        candidates=config["contrast"]["candidates"],
        draws=config["contrast"]["decoys"],
        journey=config["rivals"]["journey"],
        seed=config["code"]["seed"],
        sampling=sampling_options(),
        perceptual="--perceptual" if likeness_file() else "",
    shell:
        """
        encens follow-members {params.members:q} --code {input.matrix:q} \
            --noise {input.noise:q} --data {input.data:q} --heldout {input.heldout:q} \
            --samples {input.samples:q} --levels {params.levels} \
            --candidates {params.candidates} --draws {params.draws} --seed {params.seed} \
            --journey {params.journey} {params.sampling} {params.perceptual} {input.perceptual:q} \
            --output {output.pulls:q} --decoys {output.decoys:q} \
            --arithmetic {output.arithmetic:q} >{log:q} 2>&1
        """


rule measure_contrast:
    """Test each unit on each sample, and name the units, or the smallest group, found."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        decoys="results/{run}/contrast/decoys.safetensors",
        matrix="results/{run}/code/code.npz",
    output:
        contrast="results/{run}/contrast/contrast.parquet",
        contrast_csv="results/{run}/contrast/contrast.csv",
        sets="results/{run}/contrast/sets.parquet",
        sets_csv="results/{run}/contrast/sets.csv",
        units="results/{run}/contrast/units.parquet",
        units_csv="results/{run}/contrast/units.csv",
        answers="results/{run}/contrast/answers.parquet",
        answers_csv="results/{run}/contrast/answers.csv",
        checks="results/{run}/contrast/checks.parquet",
        checks_csv="results/{run}/contrast/checks.csv",
    log:
        "results/{run}/logs/measure_contrast.log",
    benchmark:
        "results/{run}/benchmarks/measure_contrast.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_contrast"),
        runtime=growing(60),
    params:
        code=code_digest("measure_contrast"),
        null_words=config["contrast"]["null_words"],
        attributed=config["contrast"]["attributed"],
        weights=config["contrast"]["weights"],
    shell:
        """
        encens measure-contrast --pulls {input.pulls:q} --decoys {input.decoys:q} \
            --code {input.matrix:q} \
            --null-words {params.null_words} --attributed {params.attributed} \
            --weights {params.weights} --contrast {output.contrast:q} --sets {output.sets:q} \
            --units {output.units:q} --answers {output.answers:q} \
            --checks {output.checks:q} >{log:q} 2>&1
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
        code=code_digest("measure_influence"),
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


rule expect_influence:
    """Learn from all contrasts how much influence to expect of a unit on a sample."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        rivals="results/{run}/rivals/scores.safetensors",
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
        code=code_digest("expect_influence"),
        seed=config["grade"]["seed"],
    shell:
        """
        encens expect-influence --pulls {input.pulls:q} --code {input.matrix:q} \
            --data {input.data:q} --samples {input.samples:q} --rivals {input.rivals:q} \
            --expected {output.expected:q} --calibration {output.calibration:q} \
            --scores {output.scores:q} --choices {output.choices:q} \
            --seed {params.seed} >{log:q} 2>&1
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
        perceptual=verbatim(rival_file()),
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
        code=code_digest("check_attribution"),
        blocks=all_blocks,
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
        perceptual="--perceptual" if rival_file() else "",
    shell:
        """
        encens check-attribution {params.blocks:q} --code {input.matrix:q} \
            --data {input.data:q} --heldout {input.heldout:q} --samples {input.samples:q} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            {params.perceptual} {input.perceptual:q} \
            --output {output.table:q} >{log:q} 2>&1
        """
