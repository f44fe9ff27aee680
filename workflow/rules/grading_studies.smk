"""Studies of a run, made when they are asked for by name.

Inputs: members, code, noise, data, samples, pulls, influence, truth of the run.
Outputs: results/{run}/studies/{levels,statistics,members,retraining}.parquet and .csv,
levels.{pdf,png}. Studies of several runs are in studies/Snakefile.
"""


rule measure_levels:
    """Measure at which noise level, and in which statistic, the units nearest to a sample show."""
    input:
        weights(members()),
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        influence="results/{run}/influence/influence.parquet",
    output:
        levels="results/{run}/studies/levels.parquet",
        levels_csv="results/{run}/studies/levels.csv",
        statistics="results/{run}/studies/statistics.parquet",
        statistics_csv="results/{run}/studies/statistics.csv",
    log:
        "results/{run}/logs/measure_levels.log",
    benchmark:
        "results/{run}/benchmarks/measure_levels.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_levels"),
        runtime=growing(60),
        gpu=1,
    params:
        code=code_digest("measure_levels"),
        members=member_folders,
        null_words=min(10_000, config["contrast"]["null_words"]),
        sampling=sampling_options(),
    shell:
        """
        encens measure-levels {params.members:q} --code {input.matrix:q} \
            --noise {input.noise:q} --data {input.data:q} --samples {input.samples:q} \
            --influence {input.influence:q} \
            --null-words {params.null_words} \
            {params.sampling} --output {output.levels:q} \
            --statistics {output.statistics:q} >{log:q} 2>&1
        """


rule measure_members:
    """Measure what the units nearest to a sample show if there are fewer members."""
    input:
        pulls="results/{run}/contrast/pulls.safetensors",
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
    output:
        table="results/{run}/studies/members.parquet",
        table_csv="results/{run}/studies/members.csv",
    log:
        "results/{run}/logs/measure_members.log",
    benchmark:
        "results/{run}/benchmarks/measure_members.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_members"),
        runtime=growing(60),
    params:
        code=code_digest("measure_members"),
        null_words=min(10_000, config["contrast"]["null_words"]),
    shell:
        """
        encens measure-members --pulls {input.pulls:q} --code {input.matrix:q} \
            --data {input.data:q} --samples {input.samples:q} \
            --null-words {params.null_words} \
            --output {output.table:q} >{log:q} 2>&1
        """


rule measure_retraining:
    """Compare how far retraining without a unit, a fresh seed, and ablation move samples."""
    input:
        truth="results/{run}/grade/truth.parquet",
        influence="results/{run}/influence/influence.parquet",
    output:
        table="results/{run}/studies/retraining.parquet",
        table_csv="results/{run}/studies/retraining.csv",
    log:
        "results/{run}/logs/measure_retraining.log",
    benchmark:
        "results/{run}/benchmarks/measure_retraining.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("measure_retraining"),
        runtime=growing(30),
    params:
        code=code_digest("measure_retraining"),
    shell:
        """
        encens measure-retraining --truth {input.truth:q} --influence {input.influence:q} \
            --output {output.table:q} >{log:q} 2>&1
        """


rule plot_levels:
    """Draw at which noise level, and in which statistic, the nearest units show."""
    input:
        levels="results/{run}/studies/levels.parquet",
        statistics="results/{run}/studies/statistics.parquet",
    output:
        pdf="results/{run}/studies/levels.pdf",
        png="results/{run}/studies/levels.png",
    log:
        "results/{run}/logs/plot_levels.log",
    benchmark:
        "results/{run}/benchmarks/plot_levels.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("plot_levels"),
        runtime=growing(30),
    params:
        code=code_digest("plot_levels"),
    shell:
        """
        encens plot-levels --levels {input.levels:q} --statistics {input.statistics:q} \
            --output {output.pdf:q} >{log:q} 2>&1
        """
