"""The truth that methods are graded by: retrained controls, held-out models and plants.

Members without a unit, members of a fresh seed, and held-out models are trained by train_member, each on
a split of its own.
Inputs: results/{run}/members/*, results/{run}/data/*, results/{run}/code/code.npz,
results/{run}/noise/landscape.safetensors, results/{run}/samples/ensemble.safetensors.
Outputs: results/{run}/retrain/{controls.*,samples.safetensors},
results/{run}/splits/{control.{control}.{0..w-1},heldout.{model}}.{json,sha256},
results/{run}/heldout/measured.safetensors, results/{run}/planted/planted.{parquet,csv}.
"""


rule choose_controls:
    """Choose the units to retrain without: at random, near to the samples, and by name."""
    input:
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
    output:
        controls="results/{run}/retrain/controls.parquet",
        controls_csv="results/{run}/retrain/controls.csv",
    log:
        "results/{run}/logs/choose_controls.log",
    benchmark:
        "results/{run}/benchmarks/choose_controls.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("choose_controls"),
        runtime=growing(30),
    params:
        code=code_digest("choose_controls"),
        units=config["retrain"]["units"],
        named=verbatim(repeated("--named", config["retrain"]["named"])),
        seed=config["retrain"]["seed"],
    shell:
        """
        encens choose-controls --code {input.matrix:q} --data {input.data:q} \
            --samples {input.samples:q} --units {params.units} {params.named:q} \
            --seed {params.seed} --ledger results/{wildcards.run}/ledger \
            --output {output.controls:q} >{log:q} 2>&1
        """


checkpoint split_controls:
    """Write what each member that saw a unit is retrained on, and the digest its training depends on."""
    input:
        captions=split_captions(),
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        controls="results/{run}/retrain/controls.parquet",
        checked="results/{run}/code/checked.json",
    output:
        expand(
            "results/{{run}}/splits/control.{control}.{seen}.json",
            control=range(max(1, controls())),
            seen=range(config["code"]["weight"]),
        ),
        expand(
            "results/{{run}}/splits/control.{control}.{seen}.sha256",
            control=range(max(1, controls())),
            seen=range(config["code"]["weight"]),
        ),
    log:
        "results/{run}/logs/split_controls.log",
    benchmark:
        "results/{run}/benchmarks/split_controls.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("split_controls"),
        runtime=growing(30),
    params:
        code=code_digest("split_controls"),
        covered=split_options(),
    shell:
        """
        encens split-controls --data {input.data:q} --code {input.matrix:q} \
            --controls {input.controls:q} {params.covered} \
            --output results/{wildcards.run}/splits >{log:q} 2>&1
        """


rule sample_controls:
    """Sample with retrained members in place of those that saw each unit."""
    input:
        members=weights(members()),
        same=retrained("same", controls()),
        fresh=retrained("fresh", config["retrain"]["fresh"]),
        fresh_members=fresh_members(),
        controls="results/{run}/retrain/controls.parquet",
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
    output:
        samples="results/{run}/retrain/samples.safetensors",
    log:
        "results/{run}/logs/sample_controls.log",
    benchmark:
        "results/{run}/benchmarks/sample_controls.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("sample_controls"),
        runtime=growing(24 * 60),
    params:
        code=code_digest("sample_controls"),
        members=member_folders,
        fresh=config["retrain"]["fresh"],
        sampling=sampling_options(),
    shell:
        """
        encens sample-controls {params.members:q} --code {input.matrix:q} \
            --noise {input.noise:q} --controls {input.controls:q} \
            --retrained results/{wildcards.run}/retrain/same \
            --fresh results/{wildcards.run}/retrain/fresh --fresh-units {params.fresh} \
            {params.sampling} --output {output.samples:q} >{log:q} 2>&1
        """


checkpoint split_heldout:
    """Write fresh random halves of the units, and the digests that training on them depends on."""
    input:
        captions=split_captions(),
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        checked="results/{run}/code/checked.json",
    output:
        expand(
            "results/{{run}}/splits/heldout.{model}.json",
            model=range(max(1, config["heldout"]["models"])),
        ),
        expand(
            "results/{{run}}/splits/heldout.{model}.sha256",
            model=range(max(1, config["heldout"]["models"])),
        ),
    log:
        "results/{run}/logs/split_heldout.log",
    benchmark:
        "results/{run}/benchmarks/split_heldout.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("split_heldout"),
        runtime=growing(30),
    params:
        code=code_digest("split_heldout"),
        models=config["heldout"]["models"],
        share=config["heldout"]["share"],
        half=config["heldout"]["seed"],
        covered=split_options(),
    shell:
        """
        encens split-heldout --data {input.data:q} --code {input.matrix:q} \
            --models {params.models} --share {params.share} --half-seed {params.half} \
            {params.covered} --output results/{wildcards.run}/splits >{log:q} 2>&1
        """


rule measure_heldout:
    """Measure loss and samples of the held-out models."""
    input:
        models=expand(
            "results/{{run}}/heldout/{model}.{repeat}/{file}",
            model=range(config["heldout"]["models"]),
            repeat=range(config["heldout"]["repeats"]),
            file=own_files(),
        ),
        samples="results/{run}/samples/ensemble.safetensors",
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
    output:
        measured="results/{run}/heldout/measured.safetensors",
    log:
        "results/{run}/logs/measure_heldout.log",
    benchmark:
        "results/{run}/benchmarks/measure_heldout.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("measure_heldout"),
        runtime=growing(24 * 60),
    params:
        code=code_digest("measure_heldout"),
        halves=config["heldout"]["models"],
        repeats=config["heldout"]["repeats"],
        share=config["heldout"]["share"],
        half=config["heldout"]["seed"],
        sampling=sampling_options(),
    shell:
        """
        encens measure-heldout results/{wildcards.run}/heldout --code {input.matrix:q} \
            --noise {input.noise:q} --samples {input.samples:q} \
            --halves {params.halves} --repeats {params.repeats} \
            --share {params.share} --half-seed {params.half} \
            {params.sampling} --output {output.measured:q} >{log:q} 2>&1
        """


rule find_planted:
    """Find which samples bear which plant, by pixels alone."""
    input:
        facts="results/{run}/data/dataset.json",
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        samples="results/{run}/samples/ensemble.safetensors",
    output:
        planted="results/{run}/planted/planted.parquet",
        planted_csv="results/{run}/planted/planted.csv",
    log:
        "results/{run}/logs/find_planted.log",
    benchmark:
        "results/{run}/benchmarks/find_planted.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("find_planted"),
        runtime=growing(30),
    params:
        code=code_digest("find_planted"),
    shell:
        """
        encens find-planted --facts {input.facts:q} --data {input.data:q} \
            --code {input.matrix:q} --samples {input.samples:q} \
            --output {output.planted:q} >{log:q} 2>&1
        """
