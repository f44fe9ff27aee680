"""Truth by retraining: ensembles that never saw a unit, and held-out models on random halves.

Inputs: results/{run}/members/*, results/{run}/data/training.npz, results/{run}/code/code.npz,
results/{run}/noise/landscape.safetensors, results/{run}/samples/ensemble.safetensors,
results/{run}/base and autoencoder, if there are.
Outputs: results/{run}/retrain/{controls.*,samples.safetensors},
results/{run}/splits/{control.{control}.{0..w-1},heldout.{model}}.{json,sha256},
results/{run}/retrain/{same,fresh}/{control}/{0..w-1}, results/{run}/retrain/fresh/member/{member},
results/{run}/heldout/{{model}.{repeat}/*,measured.safetensors}.
"""


rule choose_controls:
    """Choose the units to retrain without: at random, near to the samples, and by name."""
    input:
        matrix="results/{run}/code/code.npz",
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        code=sources("controls"),
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


checkpoint split_control:
    """Write what a member that saw a unit is retrained on, and the digest its training depends on."""
    input:
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        controls="results/{run}/retrain/controls.parquet",
        checked="results/{run}/code/checked.json",
        code=sources("split"),
    output:
        manifest="results/{run}/splits/control.{control}.{seen}.json",
        digest="results/{run}/splits/control.{control}.{seen}.sha256",
    log:
        "results/{run}/logs/split_control.{control}.{seen}.log",
    benchmark:
        "results/{run}/benchmarks/split_control.{control}.{seen}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("split_control"),
        runtime=growing(30),
    params:
        classes="--classes" if config["model"]["classes"] else "--no-classes",
    shell:
        """
        encens split-control --data {input.data:q} --code {input.matrix:q} \
            --controls {input.controls:q} --control {wildcards.control} --seen {wildcards.seen} \
            {params.classes} --manifest {output.manifest:q} --digest {output.digest:q} >{log:q} 2>&1
        """


rule retrain_member:
    """Train a member that saw a unit again without it; a killed job goes on from its checkpoint."""
    input:
        digest=control_digest,
        manifest=ancient("results/{run}/splits/control.{control}.{seen}.json"),
        data=ancient("results/{run}/data/training.npz"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
        code=sources("train"),
    output:
        config=f"results/{{run}}/retrain/{{arm}}/{{control}}/{{seen}}/{own_files()[0]}",
        weights=f"results/{{run}}/retrain/{{arm}}/{{control}}/{{seen}}/{own_files()[1]}",
        loss="results/{run}/retrain/{arm}/{control}/{seen}/loss.csv",
        facts="results/{run}/retrain/{arm}/{control}/{seen}/training.json",
    log:
        "results/{run}/logs/retrain_member.{arm}.{control}.{seen}.log",
    benchmark:
        "results/{run}/benchmarks/retrain_member.{arm}.{control}.{seen}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("retrain_member"),
        runtime=growing(24 * 60),
    params:
        folder=subpath(output.config, parent=True),
        training=training_options(),
        seed=arm_seed,
    shell:
        """
        encens train-member --data {input.data:q} --manifest {input.manifest:q} \
            {params.training} --seed {params.seed} \
            --checkpoint results/{wildcards.run}/checkpoints/{wildcards.arm}.{wildcards.control}.{wildcards.seen}.safetensors \
            --output {params.folder:q} >{log:q} 2>&1
        """


rule train_fresh:
    """Train a member on its own split with the fresh seed: what the seed alone does."""
    input:
        digest=split_digest,
        manifest=ancient("results/{run}/splits/{member}.json"),
        data=ancient("results/{run}/data/training.npz"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
        code=sources("train"),
    output:
        config=f"results/{{run}}/retrain/fresh/member/{{member}}/{own_files()[0]}",
        weights=f"results/{{run}}/retrain/fresh/member/{{member}}/{own_files()[1]}",
        loss="results/{run}/retrain/fresh/member/{member}/loss.csv",
        facts="results/{run}/retrain/fresh/member/{member}/training.json",
    log:
        "results/{run}/logs/train_fresh.{member}.log",
    benchmark:
        "results/{run}/benchmarks/train_fresh.{member}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("train_fresh"),
        runtime=growing(24 * 60),
    params:
        folder=subpath(output.config, parent=True),
        training=training_options(),
        seed=config["retrain"]["seed"],
    shell:
        """
        encens train-member --data {input.data:q} --manifest {input.manifest:q} \
            {params.training} --seed {params.seed} \
            --checkpoint results/{wildcards.run}/checkpoints/fresh.{wildcards.member}.safetensors \
            --output {params.folder:q} >{log:q} 2>&1
        """


rule sample_controls:
    """Sample with retrained members in the places of those that saw each unit."""
    input:
        members=weights(members()),
        same=retrained("same", controls()),
        fresh=retrained("fresh", config["retrain"]["fresh"]),
        fresh_members=fresh_members(),
        controls="results/{run}/retrain/controls.parquet",
        matrix="results/{run}/code/code.npz",
        noise="results/{run}/noise/landscape.safetensors",
        code=sources("controls"),
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
    """Write a fresh random half of the units, and the digest that training on it depends on."""
    input:
        data="results/{run}/data/training.npz",
        matrix="results/{run}/code/code.npz",
        checked="results/{run}/code/checked.json",
        code=sources("split"),
    output:
        manifest="results/{run}/splits/heldout.{model}.json",
        digest="results/{run}/splits/heldout.{model}.sha256",
    log:
        "results/{run}/logs/split_heldout.{model}.log",
    benchmark:
        "results/{run}/benchmarks/split_heldout.{model}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("split_heldout"),
        runtime=growing(30),
    params:
        share=config["heldout"]["share"],
        half=config["heldout"]["seed"],
        classes="--classes" if config["model"]["classes"] else "--no-classes",
    shell:
        """
        encens split-heldout --data {input.data:q} --code {input.matrix:q} \
            --model {wildcards.model} --share {params.share} --half-seed {params.half} \
            {params.classes} --manifest {output.manifest:q} --digest {output.digest:q} >{log:q} 2>&1
        """


rule train_heldout:
    """Train a model on a fresh random half of the units."""
    input:
        digest=half_digest,
        manifest=ancient("results/{run}/splits/heldout.{model}.json"),
        data=ancient("results/{run}/data/training.npz"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
        code=sources("train"),
    output:
        config=f"results/{{run}}/heldout/{{model}}.{{repeat}}/{own_files()[0]}",
        weights=f"results/{{run}}/heldout/{{model}}.{{repeat}}/{own_files()[1]}",
        loss="results/{run}/heldout/{model}.{repeat}/loss.csv",
        facts="results/{run}/heldout/{model}.{repeat}/training.json",
    log:
        "results/{run}/logs/train_heldout.{model}.{repeat}.log",
    benchmark:
        "results/{run}/benchmarks/train_heldout.{model}.{repeat}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("train_heldout"),
        runtime=growing(24 * 60),
    params:
        folder=subpath(output.config, parent=True),
        training=training_options(),
        seed=heldout_seed,
    shell:
        """
        encens train-member --data {input.data:q} --manifest {input.manifest:q} \
            {params.training} --seed {params.seed} \
            --checkpoint results/{wildcards.run}/checkpoints/heldout.{wildcards.model}.{wildcards.repeat}.safetensors \
            --output {params.folder:q} >{log:q} 2>&1
        """


rule measure_heldout:
    """Measure what the held-out models make of the samples."""
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
        code=sources("heldout"),
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
