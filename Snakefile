"""Encoded ensembles of diffusion models, from data to figures.

snakemake --cores all                                    the default run, config.yaml
snakemake --cores all --configfile presets/X.yaml        another run
snakemake --profile slurm                                on a cluster
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/options.smk"


config = checked(config)
check_clock(config["run"])


onstart:
    stop_second_writers()


onsuccess:
    warn()


onerror:
    warn()
    say_what_failed(log)


wildcard_constraints:
    run=re.escape(config["run"]),  # so that other modules may hold other runs
    member=r"\d+|full",
    arm="same|fresh",
    control=r"\d+",
    seen=r"\d+",
    model=r"\d+",
    repeat=r"\d+",


scattergather:
    landscape=config["landscape"]["blocks"],
    frechet=config["frechet"]["blocks"],


include: "workflow/rules/data.smk"
include: "workflow/rules/code.smk"
include: "workflow/rules/frozen.smk"


if config["training"]["members_per_job"] > 1:

    include: "workflow/rules/train_together.smk"

else:

    include: "workflow/rules/train.smk"


include: "workflow/rules/sample.smk"
include: "workflow/rules/ablate.smk"
include: "workflow/rules/influence.smk"
include: "workflow/rules/contrast.smk"
include: "workflow/rules/planted.smk"
include: "workflow/rules/rivals.smk"
include: "workflow/rules/frechet.smk"
include: "workflow/rules/retrain.smk"


if config["landscape"]["mode"] == "screened":

    include: "workflow/rules/screen.smk"


include: "workflow/rules/grade.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/gallery.smk"
include: "workflow/rules/record.smk"


rule all:
    """Every file of the run, so that a deleted one is made again."""
    default_target: workflow.modifier.is_main_snakefile()  # as a module, the other's rule stays
    input:
        expand("results/{run}/{file}", run=config["run"], file=whole_run()),
    localrule: True
