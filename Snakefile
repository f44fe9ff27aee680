"""Encoded ensembles of diffusion models, from data to figures.

snakemake --cores all                                    the default run, config.yaml
snakemake --cores all --configfile presets/X.yaml        another run
snakemake --profile slurm                                on a cluster
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/names.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/options.smk"


config = checked(config)
check_clock(config["run"])


onstart:
    stop_second_writers()
    stop_without_compiler()


onsuccess:
    warn()


onerror:
    warn()
    say_what_failed(log)


wildcard_constraints:
    run=re.escape(config["run"]),  # so that other modules may hold other runs
    member=r"\d+|full",
    network=networks(),
    control=r"\d+",
    seen=r"\d+",
    model=r"\d+",


scattergather:
    landscape=config["landscape"]["blocks"],
    frechet=config["frechet"]["blocks"],


include: "workflow/rules/data.smk"
include: "workflow/rules/codes.smk"
include: "workflow/rules/members_given.smk"


if prompted():

    include: "workflow/rules/members_text.smk"


if taken():

    include: "workflow/rules/members_taken.smk"

elif prompted():

    include: "workflow/rules/members_text_training.smk"

else:

    include: "workflow/rules/members.smk"


if config["training"]["members_per_job"] > 1:

    include: "workflow/rules/members_together.smk"


include: "workflow/rules/ensemble.smk"
include: "workflow/rules/influence.smk"
include: "workflow/rules/influence_queries.smk"


if config["landscape"]["mode"] == "screened":

    include: "workflow/rules/ensemble_screened.smk"


include: "workflow/rules/features.smk"
include: "workflow/rules/grading_truth.smk"
include: "workflow/rules/grading.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/grading_studies.smk"
include: "workflow/rules/runs.smk"


rule all:
    """Every file of the run, so that a deleted one is made again."""
    default_target: workflow.modifier.is_main_snakefile()  # as a module, the other's rule stays
    input:
        expand("results/{run}/{file}", run=config["run"], file=whole_run()),
    localrule: True


rule splits:
    """The splits of all members, to export them before members are trained elsewhere."""
    input:
        expand(
            "results/{run}/splits/{member}.json",
            run=config["run"],
            member=[*members(), "full"],
        ),
    localrule: True
