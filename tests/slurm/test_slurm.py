"""A run on a real Slurm of one node: retries, time limits, and a Snakemake that is killed.

`make test-slurm` starts that Slurm. Each check of Snakemake on its jobs takes 12 seconds at least, so
tests mostly wait; they run side by side. What a slow machine needs longer for is waited for.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from encoded_ensembles.runs.peaks import memory_mb
from encoded_ensembles.runs.size import size_of
from filelock import FileLock
from workspace import REPOSITORY, ColdWorkspace, executed

pytestmark = pytest.mark.slurm
HERE = Path(__file__).parent
PATIENCE = 3600  # seconds; the machine may be busy with other things
MEMBER = "01"
WEIGHTS = f"results/toy/members/{MEMBER}/diffusion_pytorch_model.safetensors"
FIGURES = ["code", "samples", "loss"]  # not all: drawing takes longer than anything else here
TARGETS = ["results/toy/run.json", *[f"results/toy/figures/{name}.pdf" for name in FIGURES]]
CONFIGURED = ["--configfile", "toy.yaml", "small.yaml"]


class Cluster(ColdWorkspace):
    """A workspace whose jobs go to Slurm by the profile, and can be troubled."""

    @classmethod
    def make(cls, folder):
        folder.mkdir(parents=True)
        cls(folder)
        shutil.copytree(REPOSITORY / "slurm", folder / "slurm")
        shutil.copy(HERE / "small.yaml", folder)
        (folder / "bin").mkdir()
        shutil.copy(HERE / "encens", folder / "bin")
        (folder / "trouble").mkdir()
        return cls.at(folder)

    def _set(self, folder):
        super()._set(folder)
        self.environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{self.environment['PATH']}"

    def start(self, *arguments):
        """Start what a user types, but that the first look at jobs is after 1 second, not 40."""
        command = ["snakemake", *arguments, "--profile", "slurm", *CONFIGURED]
        self.log = self.folder / "snakemake.log"
        with self.log.open("w") as log:
            return subprocess.Popen(
                [*command, "--slurm-init-seconds-before-status-checks", "1"],
                cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=heed_interrupts,
            )  # fmt: skip

    def finish(self, *arguments):
        """Run to the end and return how many jobs of each rule ran."""
        assert self.start(*arguments).wait(PATIENCE) == 0, self.log.read_text()
        return executed(self.log.read_text())

    def trouble(self, name):
        return self.folder / "trouble" / name

    def queue(self, *columns, ended=False):
        """Return what squeue says of this workspace's jobs in the order of submission.

        With `ended`, of all that the last Snakemake submitted, which names them by its run ID.
        """
        asked = ["squeue", "--noheader", "--sort=i"]
        if ended:
            name = re.search("SLURM run ID: (.+)", self.log.read_text()).group(1)
            asked += ["--states=all", f"--name={name}"]
        asked += ["--Format=" + ",".join(f"{each}:|" for each in ("WorkDir", *columns))]
        listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        rows = [line.split("|")[:-1] for line in listed.splitlines()]
        return [rest for folder, *rest in rows if Path(folder) == self.folder]

    def processes(self):
        """Return the commands of the processes that work in this folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").resolve() == self.folder:
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:  # ended meanwhile
                continue
        return found


def heed_interrupts():
    """Undo what a shell does to what it starts in the background, these tests perhaps."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what()}"
        time.sleep(0.5)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A cluster's workspace with all that training needs, made here and not on Slurm."""
    folder = tmp_path_factory.getbasetemp().parent / "prepared"
    with FileLock(f"{folder}.lock"):  # one worker makes it
        if not (folder / "done").exists():
            splits = f"results/toy/splits/{MEMBER}.json"
            Cluster.make(folder).run(splits, *CONFIGURED, config=None)
            (folder / "done").touch()
    return folder


@pytest.fixture
def cluster(prepared, tmp_path):
    """A workspace that has to train member 01 only, and the digest of what comes out undisturbed."""
    folder = tmp_path / "copy"
    shutil.copytree(prepared, folder)
    return Cluster.at(folder)


@pytest.fixture(scope="session")
def undisturbed(prepared):
    """The digest of the member's weights, trained here and not on Slurm."""
    folder = prepared.with_name("undisturbed")
    with FileLock(f"{folder}.lock"):
        if not (folder / WEIGHTS).exists():
            shutil.copytree(prepared, folder, dirs_exist_ok=True)
            Cluster.at(folder).run(WEIGHTS, *CONFIGURED, config=None)
    return digest(folder)


def digest(folder):
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def hold_training(cluster):
    """Start Snakemake, and return it once the training has a checkpoint and waits."""
    cluster.trouble(f"hold.{MEMBER}").touch()
    process = cluster.start(WEIGHTS)
    held = cluster.trouble(f"held.{MEMBER}")
    wait_for(lambda: held.exists() or process.poll() is not None, cluster.log.read_text)
    assert process.poll() is None, cluster.log.read_text()
    assert (cluster.results() / f"checkpoints/{MEMBER}.safetensors").exists()
    return process


def let_go(cluster):
    cluster.trouble(f"held.{MEMBER}").unlink()


def went_on(cluster):
    """Say whether the training that finished went on from the checkpoint of step 6."""
    log = (cluster.results() / f"logs/train_member/members/{MEMBER}.log").read_text()
    return "resuming from step 6 of 12" in log


def never_two(cluster):
    return not cluster.trouble(f"two.{MEMBER}").exists()


def test_the_toy_end_to_end_with_a_job_that_fails_once(tmp_path):
    cluster = Cluster.make(tmp_path / "toy")
    cluster.trouble("fail.encode-units").touch()
    counts = cluster.finish(*TARGETS)
    assert counts["train_member"] == 6
    assert {"split_members", "ablate_block", "measure_influence", "record_run"} <= set(counts)
    record = json.loads((cluster.results() / "run.json").read_text())
    for path, recorded in record["sha256"].items():
        found = hashlib.sha256((cluster.folder / path).read_bytes()).hexdigest()
        assert found == recorded, path
    # What was asked for: of each rule, from its comment, in the order of submission.
    asked = {}
    columns = ["Comment", "State", "TimeLimit", "MinMemory", "NumCPUs", "tres-per-job"]
    for comment, *rest in cluster.queue(*columns, ended=True):
        rule = re.match("rule_(figures|[a-z_]+?(?=_wildcards))", comment).group(1)
        asked.setdefault(rule, []).append(rest)
    assert asked["encode_units"] == [
        ["FAILED", "30:00", "1000M", "1", "N/A"],
        ["COMPLETED", "1:00:00", "2000M", "1", "N/A"],
    ]
    memory = memory_mb(
        "train_member", record["config"], *size_of(record["config"], cluster.results()), gpu=True
    )
    assert memory > 3000  # CUDA's libraries
    assert asked["train_member"] == 6 * [
        ["COMPLETED", "1-00:00:00", f"{memory}M", "1", "gres:gpu:1"]
    ]
    assert asked["split_members"] == [["COMPLETED", "30:00", "1000M", "1", "N/A"]]
    # Small jobs share a submission, in which they run one after another: three figures.
    assert asked["figures"] == [["COMPLETED", "30:00", "1000M", "1", "N/A"]]
    assert cluster.finish(*TARGETS) == {}
    assert "Nothing to be done" in cluster.log.read_text()


def test_a_training_killed_by_its_time_limit_goes_on_with_more_time(cluster, undisturbed):
    """The first attempt never ends by itself.

    Its limit is set once it has a checkpoint, so that no machine is too slow to get there.
    """
    process = hold_training(cluster)
    ((job,),) = cluster.queue("JobID")
    subprocess.run(["scontrol", "update", f"JobId={job}", "TimeLimit=1"], check=True)
    assert process.wait(PATIENCE) == 0, cluster.log.read_text()
    assert executed(cluster.log.read_text()) == {"train_member": 1}
    limits = cluster.queue("State", "TimeLimit", ended=True)
    assert limits == [["TIMEOUT", "1:00"], ["COMPLETED", "2-00:00:00"]]
    assert went_on(cluster)
    assert never_two(cluster)
    assert digest(cluster.folder) == undisturbed


def test_requeued_in_mid_training_it_goes_on(cluster, undisturbed):
    """Issue 16.8: as by an administrator, or for a job of higher priority."""
    process = hold_training(cluster)
    ((job,),) = cluster.queue("JobID")
    subprocess.run(["scontrol", "requeue", job], check=True)
    assert process.wait(PATIENCE) == 0, cluster.log.read_text()
    assert executed(cluster.log.read_text()) == {"train_member": 1}
    assert cluster.queue("JobID", "State", ended=True) == [[job, "COMPLETED"]]
    assert went_on(cluster)
    assert never_two(cluster)
    assert digest(cluster.folder) == undisturbed


def test_interrupted_it_ends_its_jobs_and_goes_on_later(cluster, undisturbed):
    process = hold_training(cluster)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) != 0
    wait_for(lambda: not cluster.queue(), cluster.queue)
    wait_for(lambda: not cluster.processes(), cluster.processes)
    let_go(cluster)
    assert cluster.finish(WEIGHTS)["train_member"] == 1
    assert went_on(cluster)
    assert never_two(cluster)
    assert digest(cluster.folder) == undisturbed


def test_where_jobs_cannot_be_cancelled_they_are_named(cluster, undisturbed):
    """Issue 16.8: scancel fails. The jobs run on; nothing is started beside them, which says which."""
    scancel = cluster.folder / "bin/scancel"
    scancel.write_text("#!/bin/sh\necho scancel: error: no controller >&2\nexit 1\n")
    scancel.chmod(0o755)
    process = hold_training(cluster)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) != 0
    ((job,),) = cluster.queue("JobID")
    said = cluster.log.read_text()
    assert "Unable to cancel jobs with scancel" in said
    assert "no controller" in said
    assert cluster.start(WEIGHTS).wait(PATIENCE) != 0
    said = cluster.log.read_text()
    assert f"Slurm still has jobs of an earlier snakemake in this folder: {job};" in said
    let_go(cluster)
    wait_for(lambda: not cluster.queue(), cluster.queue)
    assert "train_member" not in cluster.finish(WEIGHTS)
    assert never_two(cluster)
    assert digest(cluster.folder) == undisturbed


def test_files_that_appear_20_seconds_late_are_waited_for(tmp_path):
    """Issue 16.8: as on a slow shared disk; the profile waits 30 seconds."""
    cluster = Cluster.make(tmp_path / "late")
    cluster.trouble("late.draw-noise").touch()
    noise = "results/toy/noise/landscape.safetensors"
    assert cluster.finish(noise)["draw_noise"] == 1
    assert cluster.trouble("appeared.draw-noise").exists()


def test_terminated_it_waits_for_its_jobs(cluster, undisturbed):
    process = hold_training(cluster)
    process.send_signal(signal.SIGTERM)
    time.sleep(5)
    assert process.poll() is None
    assert len(cluster.queue()) == 1
    let_go(cluster)
    assert process.wait(PATIENCE) != 0
    assert not cluster.queue()
    assert "train_member" not in cluster.finish(WEIGHTS)
    assert never_two(cluster)
    assert digest(cluster.folder) == undisturbed


def test_killed_it_does_not_start_again_while_its_jobs_run(cluster, undisturbed):
    process = hold_training(cluster)
    process.kill()
    process.wait()
    assert cluster.start(WEIGHTS).wait(PATIENCE) != 0
    assert "--unlock" in cluster.log.read_text()
    assert cluster.start("--unlock").wait(PATIENCE) == 0
    # Unlocked too early: as long as jobs run, nothing is started.
    assert cluster.start(WEIGHTS).wait(PATIENCE) != 0
    ((job,),) = cluster.queue("JobID")
    said = cluster.log.read_text()
    assert f"Slurm still has jobs of an earlier snakemake in this folder: {job};" in said
    assert "Execute" not in said
    let_go(cluster)
    wait_for(lambda: not cluster.queue(), cluster.queue)
    assert digest(cluster.folder) == undisturbed
    assert "train_member" not in cluster.finish(WEIGHTS)
    assert never_two(cluster)
