"""Shared by all rules: names of files and of networks, as the configuration says."""

import atexit
import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import yaml

# Of this file, not of workflow.basedir: another workflow may use this one as a module.
REPOSITORY = Path(workflow.snakefile).parent.parent.parent
if (REPOSITORY / "workflow" / "encoded_ensembles").is_dir():  # not with `encens init`
    sys.path.insert(0, str(REPOSITORY / "workflow"))

from encoded_ensembles.config.check import check_config
from encoded_ensembles.config.closure import PACKAGE, code_digest
from encoded_ensembles.ensemble.placement import check_compiler
from encoded_ensembles.features.extractors import INCEPTION
from encoded_ensembles.features.perceptual import NETWORKS, STLPIPS, weight_file
from encoded_ensembles.members.given import KINDS
from encoded_ensembles.members.names import WEIGHTS, member_files
from encoded_ensembles.members.outside import SPLITS, check_members, member_sources
from encoded_ensembles.members.part_files import INDEX
from encoded_ensembles.members.parts import read_parts
from encoded_ensembles.members.pipeline_kinds import (
    ATTENTION,
    check_guidance,
    check_negative,
)
from encoded_ensembles.members.published import published
from encoded_ensembles.members.samplers import choose_sampler
from encoded_ensembles.runs import layout
from encoded_ensembles.runs.integrity import files_ahead
from encoded_ensembles.runs.peaks import gpu_is_here, memory_mb
from encoded_ensembles.runs.reevaluation import look_once_at_a_time
from encoded_ensembles.runs.reruns import replan_after_equal_outputs
from encoded_ensembles.runs.size import check_network, size_of
from encoded_ensembles.storage.files import InputError, sha256_file
from snakemake.logging import logger

NETWORK_FILES = member_files(adapter=False)


def truths():
    """Return what methods are graded by besides contrasts: option and file, where the run has it."""
    return layout.truths(config).items()


def whole_run():
    """Return every file of the run, in its folder, with as many blocks as the work is scattered to."""
    return layout.outputs(config, classifier=bool(classifier_file()), **scattered())


def recorded():
    """Return the files of the run that its record lists, in the folder of the run."""
    return layout.recorded(config, **scattered())


def scattered():
    """Return how many blocks the landscape and the scored samples are scattered to."""
    return {
        "landscape": len(gather.landscape("{scatteritem}")),
        "frechet": len(gather.frechet("{scatteritem}")),
    }


def all_blocks(wildcards, input):
    """Return what stands for all blocks among the inputs on a shell line, however many there are."""
    folder, _, name = str(input.blocks[0]).rpartition("/")
    pattern = re.sub(r"\d+-of-", "*-of-", name)
    return f"{folder}/{pattern}"


def truth_files():
    """Return the files that methods are graded by besides contrasts."""
    return expand("results/{{run}}/{file}", file=[file for _, file in truths()])


def page_files():
    """Return the files that the gallery's page is put together from, for its rule's inputs."""
    return [
        os.path.relpath(path) for path in sorted((PACKAGE / "figures/page").iterdir())
    ]


def members():
    """Return the names of the members, in order: 00, 01, ..."""
    return layout.members(config)


def own_files():
    """Return what the two files of a member are called that sampling reads."""
    return layout.own_files(config)


def frozen():
    """Return the keys in `model` of the networks that are given and not trained."""
    return layout.frozen(config)


def prompted():
    """Return whether members are adapters of a text-to-image pipeline."""
    return layout.prompted(config)


def taken():
    """Return the folder of members that were trained elsewhere, if they were."""
    return layout.taken(config)


def taken_files(wildcards):
    """Return the files of a member in that folder, which `check_taken` found complete."""
    whole = layout.whole(config)
    found = member_sources(Path(taken()), wildcards.member, whole=whole)
    return [str(file) for file in found]


def taken_stamps(wildcards):
    """Return what tells whether a member in that folder was replaced, if only by an older one."""
    return stamps(taken_files(wildcards))


def check_taken():
    """Stop with one sentence if the folder of members that were trained elsewhere is not complete."""
    try:
        check_members(Path(taken()), [*members(), "full"], whole=layout.whole(config))
    except InputError as error:
        sys.exit(f"Error: config key members.given: {error}")


def frozen_files(parts=tuple(KINDS)):
    """Return the files of given networks, of some parts.

    Marked ancient: rules that depend on the content take the digest too, or members, which do.
    """
    return [
        ancient(f"results/{{run}}/{part}/{name}")
        for part in frozen()
        if part in parts
        for name in NETWORK_FILES
    ]


def frozen_digests(wildcards, parts=tuple(KINDS)):
    """Return the digests of the given networks once they are known, as `split_digest`."""
    wanted = [part for part in frozen() if part in parts]
    if prompted():
        made = checkpoints.fetch_pipeline.get(run=wildcards.run).output
        return [getattr(made, f"{part}_digest") for part in wanted]
    return [
        getattr(checkpoints, f"fetch_{part}").get(run=wildcards.run).output.digest
        for part in wanted
    ]


def autoencoder_digest(wildcards):
    """Return the digest of the autoencoder once it is known, if there is one."""
    return frozen_digests(wildcards, ["autoencoder"])


def frozen_sources(part):
    """Return the files that such a network is copied from: none, if it comes from the hub.

    Checked at once: Snakemake leaves results as they are where an input of their rule is missing.
    """
    named, key = config["model"][part], f"model.{part}"
    if Path(named).is_dir():
        own = Path("results", config["run"]).resolve()
        if Path(named).resolve().is_relative_to(own):
            sys.exit(
                f"Error: config key {key} is {named}, expected a folder outside this run; give "
                "the run another name by `run`."
            )
        return [given(key, f"{named}/{name}") for name in NETWORK_FILES]
    hub = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", named)
    if not hub or Path(named).parts[0] in os.listdir():  # a folder that is not there
        given(key, f"{named}/config.json")
    return []


def pipeline_sources():
    """Return the files that a pipeline is read from: none, if it comes from the hub.

    Checked at once: Snakemake leaves results as they are where an input of their rule is missing.
    """
    named, guidance = config["model"]["base"], config["sampling"]["guidance"]
    fetched = not Path(named).is_dir()
    if fetched and not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?", named):
        given("model.base", f"{named}/{INDEX}")
    try:
        if fetched:
            if known := published(named):
                check_guidance(known.base, guidance)
            return []
        parts = read_parts(named)
        check_negative(parts.kind, config["sampling"]["negative"])
        check_guidance(parts.config(parts.kind.denoiser), guidance)
        choose_sampler(parts.scheduler, config["sampling"]["scheduler"])
        return [str(file) for file in parts.files()]
    except InputError as error:
        sys.exit(f"Error: config key model.base is {named}: {error}")


def pipeline_stamps():
    """Return what tells whether a file of the pipeline was replaced, if only by an older one."""
    return stamps(pipeline_sources())


def stamps(paths):
    """Return names, sizes and times of files, which change if one is replaced, if only by an older one."""
    files = [Path(file) for file in paths]
    return [f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]


def frozen_stamps(part):
    """Return what tells whether such a network was replaced, if only by an older one."""
    files = [Path(file) for file in frozen_sources(part)]
    return [f"{file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]


def weights(names):
    """Return the files of members that sampling reads."""
    own = expand(
        "results/{{run}}/members/{member}/{file}", member=names, file=own_files()
    )
    texts = ["results/{run}/text/prompts.npz"] if prompted() else []
    return [*own, *frozen_files(), *texts]


def member_folders(wildcards):
    """Return the folders of the members, in order."""
    return [f"results/{wildcards.run}/members/{member}" for member in members()]


def split_digest(wildcards):
    """Return the digest of a member's split, once it is known.

    Of a checkpoint: Snakemake compares the file after writing it. If its bytes are the same, the split
    did not change, and the member is not trained again. Warnings are printed then, before training.
    """
    return split_digests([wildcards.member])(wildcards)[0]


def networks():
    """Return the pattern of the folders of networks that are trained in a job each."""
    members = (
        r"members/(?:\d+|full)|" if config["training"]["members_per_job"] == 1 else ""
    )
    return (
        members
        + r"retrain/(?:same|fresh)/\d+/\d+|retrain/fresh/member/\d+|heldout/\d+\.\d+"
    )


def network_digest(wildcards):
    """Return the digest of the split that a network is trained on, once it is known, as `split_digest`."""
    run, split = wildcards.run, layout.split_of(wildcards.network)
    written = {"control": "split_controls", "heldout": "split_heldout"}
    name = written.get(split.partition(".")[0], "split_members")
    getattr(checkpoints, name).get(run=run)
    warn()
    return f"results/{run}/splits/{split}.sha256"


def network_manifest(wildcards):
    """Return the manifest of the split that a network is trained on."""
    split = layout.split_of(wildcards.network)
    return ancient(f"results/{wildcards.run}/splits/{split}.json")


def network_checkpoint(wildcards):
    """Return the file that the training of a network resumes from."""
    return f"results/{wildcards.run}/{layout.checkpoint_of(wildcards.network)}"


def network_seed(wildcards):
    """Return the seed that a network is trained with."""
    return layout.seed_of(wildcards.network, config)


def split_digests(names):
    """Return what gives the digests of the splits of several members, as `split_digest`."""

    def taken(wildcards):
        checkpoints.split_members.get(run=wildcards.run)
        warn()
        return [f"results/{wildcards.run}/splits/{name}.sha256" for name in names]

    return taken


def jobs_of_members():
    """Return the names of the members, and of the full model, that are trained in one job each."""
    names, size = [*members(), "full"], config["training"]["members_per_job"]
    return [names[first : first + size] for first in range(0, len(names), size)]


def controls():
    """Return how many units are retrained without."""
    return layout.controls(config)


def retrained(arm, controls):
    """Return the weights of the members retrained without each control, of one arm."""
    return expand(
        "results/{{run}}/retrain/{arm}/{control}/{seen}/{file}",
        arm=arm,
        control=range(controls),
        seen=range(config["code"]["weight"]),
        file=own_files(),
    )


def fresh_members():
    """Return the weights of the members of a fresh seed, if there are any."""
    return expand(
        "results/{{run}}/retrain/fresh/member/{member}/{file}",
        member=members() if config["retrain"]["fresh"] else [],
        file=own_files(),
    )


def gradients(names):
    """Return the gradients of members that rivals are scored by, if they are asked for."""
    return expand(
        "results/{{run}}/rivals/gradients.{member}.safetensors",
        member=names if config["rivals"]["gradients"] else [],
    )


def given(key, path):
    """Return a file that the configuration names, or stop with one sentence if it is not there.

    Checked at once: Snakemake leaves results as they are where an input of their rule is missing.
    """
    if not Path(path).is_file():
        sys.exit(
            f"Error: config key {key} is {path}, expected a file that exists; put it there, or "
            f"set {key} to another."
        )
    return path


def contents(files):
    """Return the digests of files that the configuration names, as a parameter of their rule.

    A file replaced by an older one then counts as changed: Snakemake compares dates.
    """
    return [sha256_file(Path(file)) for file in files]


def units_table():
    """Return the table that says which image is of which unit, as a list of none or one."""
    table = config["units"]["table"]
    return [given("units.table", table)] if table else []


def foreign_scores():
    """Return the files with scores of other methods."""
    scores = config["grade"]["scores"]
    return [given(f"grade.scores.{name}", file) for name, file in scores.items()]


def listing(path):
    """Return names, sizes and times of the files in a folder, which change when a file does."""
    if path is None:
        return []
    if not Path(path).is_dir():
        sys.exit(
            f"Error: config key dataset.path is {path}, expected a folder that exists; put the data "
            "there, or set dataset.path to another."
        )
    return sorted(
        f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}".encode(
            "utf-8", "backslashreplace"
        ).decode()
        for file in Path(path).rglob("*")
        if file.is_file()
    )


def inception_file():
    """Return the Inception file that is configured or present, as a list of none or one."""
    wanted, named = config["frechet"]["extractor"], config["frechet"]["inception"]
    path = named or f"resources/{INCEPTION}"
    if wanted == "inception" or (wanted == "auto" and (named or Path(path).is_file())):
        given("frechet.inception", path)
        if Path(path).name != INCEPTION:
            sys.exit(
                f"Error: config key frechet.inception is {path}, expected a file named {INCEPTION}, as clean-fid "
                "does; rename it, or set frechet.inception to another."
            )
        return [path]
    return []


def classifier_file():
    """Return the feature classifier's weights if features come from it, as a list."""
    if inception_file() or config["frechet"]["extractor"] == "pixels":
        return []
    return ["results/{run}/frechet/classifier.safetensors"]


def perceptual_file(used=True):
    """Return the weights of shift-tolerant LPIPS if they are used, as a list.

    Checked at once: without the package, its jobs would fail after training.
    """
    if not used:
        return []
    needed = ("stlpips_pytorch", "IPython", "torchsummary")
    missing = [name for name in needed if not find_spec(name)]
    if missing:
        sys.exit(
            f"Error: the configuration names stlpips, which needs the Python package {missing[0]}; "
            "run pip install 'encoded-ensembles[perceptual]' (in a clone '.[perceptual]'), or remove stlpips."
        )
    return [f"results/{config['run']}/{layout.PERCEPTUAL}"]


def likeness_file():
    """Return the weights that likeness is measured by, as a list; none for pixels."""
    return perceptual_file(config["contrast"]["likeness"] == STLPIPS)


def rival_file():
    """Return the weights of likeness as a rival, as a list of none or one."""
    return perceptual_file(config["rivals"]["perceptual"])


def distance_weights():
    """Return the weight file of each network among the distances, by its name.

    Checked at once: Snakemake leaves results as they are where an input of their rule is missing, and without the package
    the job would fail after training.
    """
    wanted, named = config["influence"]["distances"], config["influence"]["weights"]
    own = perceptual_file(STLPIPS in wanted)
    try:
        files = {
            each: weight_file(each, named[each]) for each in wanted if each in named
        }
    except InputError as error:
        sys.exit(f"Error: {error}")
    for each in files:
        if not find_spec(package := NETWORKS[each][0]):
            sys.exit(
                f"Error: influence.distances names {each}, which needs the Python package {package}; install it, or "
                f"remove {each} from influence.distances."
            )
    return {STLPIPS: file for file in own} | files
