"""Features: Frechet distance and KID of sets of samples from held-out images.

Inputs: results/{run}/members/*, results/{run}/data/*, results/{run}/noise/frechet.safetensors.
Outputs: results/{run}/frechet/samples.{block}.npz, classifier.{safetensors,json},
scores.{parquet,csv}, pictures.npz, and results/{run}/perceptual/stlpips.safetensors.
"""


rule sample_frechet:
    """Sample many images with the full model and with keep masks of several sizes."""
    input:
        members=weights(members()),
        full=weights(["full"]),
        noise="results/{run}/noise/frechet.safetensors",
    output:
        samples="results/{run}/frechet/samples.{scatteritem}.npz",
    log:
        "results/{run}/logs/sample_frechet.{scatteritem}.log",
    benchmark:
        "results/{run}/benchmarks/sample_frechet.{scatteritem}.tsv"
    # Long, and nothing follows but its scores: else it would run last, and alone.
    priority: 1
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("sample_frechet"),
        runtime=growing(12 * 60),
    params:
        code=code_digest("sample_frechet"),
        members=member_folders,
        kept=",".join(map(str, config["frechet"]["kept"])),
        repeats=config["frechet"]["repeats"],
        seed=config["code"]["seed"],
        sampling=sampling_options(),
    shell:
        """
        encens sample-frechet {params.members:q} \
            --full results/{wildcards.run}/members/full --noise {input.noise:q} \
            --kept {params.kept} --repeats {params.repeats} --seed {params.seed} \
            {params.sampling} --block {wildcards.scatteritem} \
            --output {output.samples:q} >{log:q} 2>&1
        """


if layout.perceptual(config):

    rule fetch_perceptual:
        """Keep the weights of shift-tolerant LPIPS, from its package."""
        output:
            weights=perceptual_file()[0],
        log:
            f"results/{config['run']}/logs/fetch_perceptual.log",
        benchmark:
            f"results/{config['run']}/benchmarks/fetch_perceptual.tsv"
        conda:
            "../../envs/encens.yaml"
        resources:
            mem_mb=memory("fetch_perceptual"),
            runtime=growing(10),
        params:
            code=code_digest("fetch_perceptual"),
        shell:
            """
            encens fetch-perceptual --output {output.weights:q} >{log:q} 2>&1
            """


rule train_classifier:
    """Train the small classifier whose features stand in for Inception's."""
    input:
        training="results/{run}/data/training.npz",
        spare="results/{run}/data/spare.npz",
        heldout="results/{run}/data/heldout.npz",
    output:
        weights="results/{run}/frechet/classifier.safetensors",
        facts="results/{run}/frechet/classifier.json",
    log:
        "results/{run}/logs/train_classifier.log",
    benchmark:
        "results/{run}/benchmarks/train_classifier.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("train_classifier"),
        runtime=growing(60),
    params:
        code=code_digest("train_classifier"),
        samples=config["frechet"]["samples"],
    shell:
        """
        encens train-classifier --training {input.training:q} --spare {input.spare:q} \
            --heldout {input.heldout:q} --samples {params.samples} \
            --output {output.weights:q} --facts {output.facts:q} >{log:q} 2>&1
        """


rule score_frechet:
    """Score sets of samples, and real images, against held-out images."""
    input:
        blocks=gather.frechet("results/{{run}}/frechet/samples.{scatteritem}.npz"),
        training="results/{run}/data/training.npz",
        spare="results/{run}/data/spare.npz",
        heldout="results/{run}/data/heldout.npz",
        inception=verbatim(inception_file()),
        classifier=classifier_file(),
    output:
        scores="results/{run}/frechet/scores.parquet",
        scores_csv="results/{run}/frechet/scores.csv",
        pictures="results/{run}/frechet/pictures.npz",
    log:
        "results/{run}/logs/score_frechet.log",
    benchmark:
        "results/{run}/benchmarks/score_frechet.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        gpu=1,
        mem_mb=memory("score_frechet"),
        runtime=growing(4 * 60),
    params:
        code=code_digest("score_frechet"),
        blocks=all_blocks,
        samples=config["frechet"]["samples"],
        weight=config["code"]["weight"],
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
    shell:
        """
        encens score-frechet {params.blocks:q} --training {input.training:q} \
            --spare {input.spare:q} --heldout {input.heldout:q} \
            --samples {params.samples} --weight {params.weight} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            --output {output.scores:q} --pictures {output.pictures:q} >{log:q} 2>&1
        """
