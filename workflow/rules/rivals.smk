"""Rivals: other attribution methods on the same members, images and samples.

Those by likeness are always scored, those by gradients where rivals.gradients says so.
Inputs: results/{run}/members/*, results/{run}/code/code.npz, results/{run}/data/*,
results/{run}/samples/ensemble.safetensors.
Outputs: results/{run}/rivals/{gradients.{member}.safetensors,scores.safetensors,cost.json}.
"""


rule project_gradients:
    """Take the gradients of all images and samples in one network."""
    input:
        network=weights(["{member}"]),
        data="results/{run}/data/training.npz",
        samples="results/{run}/samples/ensemble.safetensors",
        code=sources("gradients"),
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
        levels=config["rivals"]["levels"],
        projection=config["rivals"]["projection"],
        noise=config["rivals"]["noise"],
        seed=config["rivals"]["seed"],
        autoencoder=autoencoder_options(),
    shell:
        """
        encens project-gradients results/{wildcards.run}/members/{wildcards.member} \
            --data {input.data:q} --samples {input.samples:q} --levels {params.levels} \
            --projection {params.projection} --noise {params.noise} --seed {params.seed} \
            {params.autoencoder} \
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
        code=sources("rivals"),
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
        damping=repeated("--damping", config["rivals"]["damping"]),
        degraded=repeated("--degraded", config["rivals"]["degraded"]),
        seed=config["rivals"]["seed"],
        inception="--inception" if inception_file() else "",
        classifier="--classifier" if classifier_file() else "",
        full="--full" if gradients(["full"]) else "",
    shell:
        """
        encens score-rivals {input.members:q} {params.full} {input.full:q} --code {input.matrix:q} \
            --data {input.data:q} --heldout {input.heldout:q} --samples {input.samples:q} \
            {params.damping} {params.degraded} --seed {params.seed} \
            {params.inception} {input.inception:q} {params.classifier} {input.classifier:q} \
            --output {output.scores:q} --cost {output.cost:q} >{log:q} 2>&1
        """
