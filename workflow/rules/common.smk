"""Shared by all stages: the checked configuration, and names that follow from it."""

import atexit
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import yaml

# Of this file, not of workflow.basedir: another workflow may use this one as a module.
REPOSITORY = Path(workflow.snakefile).parent.parent.parent
if (REPOSITORY / "workflow" / "encoded_ensembles").is_dir():  # not with `encens init`
    sys.path.insert(0, str(REPOSITORY / "workflow"))

from encoded_ensembles import layout
from encoded_ensembles.config import check_config
from encoded_ensembles.files import InputError, sha256_file
from encoded_ensembles.frechet import INCEPTION
from encoded_ensembles.frozen import KINDS
from encoded_ensembles.integrity import files_ahead
from encoded_ensembles.peaks import gpu_is_here, memory_mb
from encoded_ensembles.perceptual import weight_file
from encoded_ensembles.reruns import replan_after_equal_outputs
from encoded_ensembles.run_size import check_network, size_of
from encoded_ensembles.sources import PACKAGE, closure
from encoded_ensembles.unet import WEIGHTS, member_files
from snakemake.logging import logger

replan_after_equal_outputs()

if workflow.modifier.modify_path("results/run") != "results/run":
    sys.exit(
        "Error: prefix or replace_prefix moves results of this workflow, whose commands name them, too; "
        "leave it out, and tell runs apart by `run` in the configuration."
    )

NETWORK_FILES = member_files(adapter=False)


@atexit.register
def say_what_is_certain():
    """Say at the end of a dry run what of it is certain, and what depends on what jobs find."""
    if sentence := getattr(workflow.dag, "said", None):
        print(f"\n{sentence}")


def checked(config):
    """Return the configuration with defaults, or stop with one sentence."""
    schema = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
    try:
        found = check_config(config, yaml.safe_load(schema.read_text(encoding="utf-8")))
        check_network(found)
    except InputError as error:
        sys.exit(f"Error: {error}")
    return found


def check_clock(run):
    """Stop with one sentence where files of a run are dated in the future.

    Snakemake goes by dates: what is made after the clock went back would look older than what it
    outdates. Only at the start: jobs of a run may see other clocks.
    """
    ahead = files_ahead(Path("results") / run) if workflow.is_main_process else []
    if ahead:
        sys.exit(
            f"Error: {ahead[-1]} is dated in the future: the clock went back, and Snakemake could not "
            "tell what is up to date. Set the clock right, or date such files now with "
            f"`encens check-run results/{run} --redate`."
        )


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


def sources(command):
    """Return the modules that decide the result of a command, for a rule's inputs."""
    return [os.path.relpath(path) for path in closure(command)]


def page_files():
    """Return the files that the gallery's page is put together from, for its rule's inputs."""
    return [os.path.relpath(path) for path in sorted((PACKAGE / "page").iterdir())]


def growing(amount):
    """Return the minutes of a job, as many again at each attempt after a failure."""

    def needed(wildcards, attempt):
        return attempt * amount

    return needed


def memory(rule):
    """Return the memory of a rule's job in MB, as much again at each attempt after a failure.

    It follows from the configuration, and from how many images and units there are: once the data is
    there it says so, before that it is guessed.
    """

    def needed(wildcards, attempt, rulename):
        folder = Path("results", config["run"])
        files = [folder / "data/dataset.json", folder / "code/properties.json"]
        made = tuple(file.stat().st_mtime_ns for file in files if file.is_file())
        return attempt * asked_memory(rule, made, gpu=on_gpu(rulename))

    return needed


def on_gpu(rulename):
    """Say whether a rule has its jobs on a GPU, which is elsewhere or in this machine."""
    asked = workflow.get_rule(rulename).resources.get("gpu")
    wanted = getattr(
        asked, "raw", None
    )  # of a rule that asks for none, Snakemake gives an empty one
    here = workflow.local_exec and not gpu_is_here()
    return wanted is not None and str(wanted) != "0" and not here


@cache
def asked_memory(rule, made, *, gpu):
    """Return the memory in MB that a job of a rule asks for, given the times of what says its size."""
    # How many blocks there are, --set-scatter may say.
    blocks = {
        part: len(getattr(gather, part)("{scatteritem}"))
        for part in ("landscape", "frechet")
    }
    scattered = config | {
        part: config[part] | {"blocks": count} for part, count in blocks.items()
    }
    return memory_mb(rule, scattered, *expected_size(made), gpu=gpu)


@cache
def expected_size(made):
    """Return how large the run is, given the times of what says it."""
    return size_of(config, Path("results", config["run"]))


def stop_second_writers():
    """Stop with one sentence if jobs that an earlier Snakemake gave to Slurm may still write here.

    A killed Snakemake leaves them behind. To start them a second time would be to write twice. Jobs
    of a Snakemake that runs are left to its lock, which keeps others off its files.
    """
    asked = ["squeue", "--me", "--noheader", "--format=%i\t%Z\t%k"]
    try:
        listed = subprocess.run(asked, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return  # no Slurm here
    if len(list(Path(".snakemake/locks").glob("*.output.lock"))) > 1:
        return  # one is this Snakemake's own
    # Number, folder and comment, in which the plugin names the rule.
    jobs = re.findall(r"^(\S+)\t(.+)\trule_", listed.stdout, re.MULTILINE)
    here = [number for number, folder in jobs if Path(folder).resolve() == Path.cwd()]
    if here:
        sys.exit(
            "Error: Slurm still has jobs of an earlier snakemake in this folder: "
            f"{' '.join(here)}; wait until squeue --me no longer lists them, or end them with: "
            f"scancel {' '.join(here)}"
        )


def say_what_failed(logs):
    """Say at the end, where it is seen, what each failed job said last, and in which log the rest is."""
    texts = [Path(log).read_text(encoding="utf-8", errors="replace") for log in logs]
    failed = re.findall(r"^ +log: (.+?) \(check log", "\n".join(texts), re.MULTILINE)
    said = {}
    for name in filter(os.path.isfile, dict.fromkeys(failed)):
        lines = Path(name).read_text(errors="replace").strip().splitlines()
        starts = [
            number
            for number, line in enumerate(lines)
            if line.startswith("encens: error: ")
        ]
        sentence = "\n".join(lines[(starts or [-1])[-1] :])
        said.setdefault(sentence or "the job ended without a word", name)
    for sentence, name in said.items():
        print(f"\n{sentence}\n(all that this job said: {name})", file=sys.stderr)


WARNED = set()


def warn():
    """Print once what data and units of the run are warned of.

    Logs of jobs are redirected, and lie elsewhere with Slurm: this is said by the Snakemake that the
    user started, from the files in which those jobs leave their warnings.
    """
    if not workflow.is_main_process:
        return
    for file in ("data/dataset.json", "code/properties.json"):
        path = Path("results", config["run"], file)
        try:
            found = json.loads(path.read_text(encoding="utf-8")).get("warnings", [])
        except (OSError, ValueError):
            found = []  # not made yet, or damaged, which jobs that read it say
        for warning in found:
            if (path, warning) not in WARNED:
                logger.warning(f"Warning: {warning} ({path})")
            WARNED.add((path, warning))


def members():
    """Return the names of the members, in order: 00, 01, ..."""
    return layout.members(config)


def own_files():
    """Return what the two files of a member are called that sampling reads."""
    return layout.own_files(config)


def frozen():
    """Return the networks that the run is given and does not train, by their keys in model."""
    return layout.frozen(config)


def frozen_files(parts=tuple(KINDS)):
    """Return the files of networks that the run is given, of some parts.

    Old ones do: what hangs on the content takes the digest too, or members, which do.
    """
    return [
        ancient(f"results/{{run}}/{part}/{name}")
        for part in frozen()
        if part in parts
        for name in NETWORK_FILES
    ]


def frozen_digests(wildcards, parts=tuple(KINDS)):
    """Return the digests of the networks that the run is given once they are known, as `split_digest`."""
    return [
        getattr(checkpoints, f"fetch_{part}").get(run=wildcards.run).output.digest
        for part in frozen()
        if part in parts
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


def frozen_stamps(part):
    """Return what tells whether such a network was replaced, if only by an older one."""
    files = [Path(file) for file in frozen_sources(part)]
    return [f"{file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]


def weights(names):
    """Return the files of members that sampling reads."""
    own = expand(
        "results/{{run}}/members/{member}/{file}", member=names, file=own_files()
    )
    return [*own, *frozen_files()]


def member_folders(wildcards):
    """Return the folders of the members, in order."""
    return [f"results/{wildcards.run}/members/{member}" for member in members()]


def split_digest(wildcards):
    """Return the digest of a member's split, once it is known.

    A checkpoint: Snakemake looks at the file again after writing it, finds the same few bytes as
    before where the split did not change, and does not train that member again. Warnings are due
    then, before anything is trained.
    """
    digest = checkpoints.split_member.get(**wildcards).output.digest
    warn()
    return digest


def control_digest(wildcards):
    """Return the digest of what a member is retrained on, as `split_digest`."""
    own = {name: wildcards[name] for name in ("run", "control", "seen")}
    return checkpoints.split_control.get(**own).output.digest


def half_digest(wildcards):
    """Return the digest of what a held-out model is trained on, as `split_digest`."""
    own = {name: wildcards[name] for name in ("run", "model")}
    return checkpoints.split_heldout.get(**own).output.digest


def split_digests(names):
    """Return what gives the digests of the splits of several members."""

    def taken(wildcards):
        return [split_digest({"run": wildcards.run, "member": name}) for name in names]

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

    So that one that is replaced by an older one counts as changed: Snakemake goes by dates.
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
    """Return what tells whether files in a folder changed: names, sizes and times."""
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
        return [given("frechet.inception", path)]
    return []


def classifier_file():
    """Return the feature classifier's weights if features come from it, as a list."""
    if inception_file() or config["frechet"]["extractor"] == "pixels":
        return []
    return ["results/{run}/frechet/classifier.safetensors"]


def distance_weights():
    """Return the weight file of each network among the distances, by its name.

    Checked at once: Snakemake leaves results as they are where an input of their rule is missing.
    """
    wanted, named = config["influence"]["distances"], config["influence"]["weights"]
    try:
        return {
            each: weight_file(each, named[each]) for each in wanted if each in named
        }
    except InputError as error:
        sys.exit(f"Error: {error}")
