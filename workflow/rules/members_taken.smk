"""Members that were trained elsewhere, in place of training.

Inputs: the folder in members.given, results/{run}/splits/*.{json,sha256}, and the noise, which members have to fit.
Outputs: results/{run}/members/{member}/, the two files of a member and training.json.
"""

check_taken()


rule take_member:
    """Take a member that was trained elsewhere, if it was trained for its split in this run."""
    input:
        digest=split_digest,
        manifest=ancient("results/{run}/splits/{member}.json"),
        splits=verbatim(f"{taken()}/{SPLITS}"),
        files=taken_files,
        noise=ancient("results/{run}/noise/landscape.safetensors"),
        frozen_digests=frozen_digests,
        frozen=frozen_files(),
    output:
        config=f"results/{{run}}/members/{{member}}/{own_files()[0]}",
        weights=f"results/{{run}}/members/{{member}}/{own_files()[1]}",
        facts="results/{run}/members/{member}/training.json",
    log:
        "results/{run}/logs/take_member/{member}.log",
    benchmark:
        "results/{run}/benchmarks/take_member/{member}.tsv"
    conda:
        "../../envs/encens.yaml"
    resources:
        mem_mb=memory("take_member"),
        runtime=growing(60),
    params:
        code=code_digest("take_member"),
        given=verbatim(taken()),
        stamps=taken_stamps,
        kind=taken_options(),
        folder=subpath(output.facts, parent=True),
    shell:
        """
        encens take-member --given {params.given:q} --member {wildcards.member} --manifest {input.manifest:q} \
            --digest results/{wildcards.run}/splits/{wildcards.member}.sha256 --noise {input.noise:q} {params.kind} --output {params.folder:q} >{log:q} 2>&1
        """
