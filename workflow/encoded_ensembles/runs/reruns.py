"""What runs again: Snakemake's plan, made anew when a job's files come out as they were before.

Snakemake plans at its start: every job below one that runs is to run, too. It compares contents (of files
up to its --max-checksum-file-size) only in that plan. So a deleted digest of a split, made again byte for
byte, would have all samples drawn again. With `replan_after_equal_outputs` it also looks when a job
ends: where the files that a job below reads are what they were, the plan is made anew, without the
reasons that this job had given.

This reaches into Snakemake (9.27). Without it more runs than has to, and never less.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake.dag import DAG
    from snakemake.jobs import Job, Reason


def replan_after_equal_outputs() -> None:
    """Let Snakemake make its plan anew where a finished job changed nothing; done once a process."""
    from snakemake.dag import DAG

    if getattr(DAG, "replans", False):
        return
    update_needrun, finish = DAG.update_needrun, DAG.finish

    async def update_anew(self: "DAG", *arguments: Any, **named: Any) -> None:
        for job in self.jobs:
            if not self.finished(job) and job not in self._running:
                reason = self.reason(job)  # what follows from other jobs is found again below
                reason.updated_input_run.clear()
                reason.missing_output.clear()
        await update_needrun(self, *arguments, **named)
        if self.workflow.dryrun and not self._finished:  # which a dry run marks as it prints
            self.said = describe_plan(self)

    async def finish_and_look(self: "DAG", job: "Job", **named: Any) -> bool:
        ready = bool(await finish(self, job, **named))
        for one in job if job.is_group() else [job]:
            if await _changed_nothing(self, one):
                await self.postprocess()
                return True
        return ready

    DAG.update_needrun, DAG.finish, DAG.replans = update_anew, finish_and_look, True


async def _changed_nothing(dag: "DAG", job: "Job") -> bool:
    """Say whether a job that waits for a finished one finds in its files what it found before."""
    for waiting, files in dag.depending[job].items():
        if not dag.needrun(waiting) or dag.finished(waiting) or waiting in dag._running:
            continue
        if has_own_reason(dag.reason(waiting)):
            continue
        known = [
            (file, dag.workflow.persistence.input_checksums(waiting, file))
            for file in files
            if not file.is_ancient
        ]
        limit = dag.max_checksum_file_size
        if all(
            [
                len(sums) == 1 and await file.is_same_checksum(next(iter(sums)), limit)
                for file, sums in known
            ]
        ):
            return True
    return False


def has_own_reason(reason: "Reason") -> bool:
    """Say whether a job would run if no other did."""
    given = set(reason.updated_input_run)
    reason.updated_input_run.clear()
    own = bool(reason)
    reason.updated_input_run.update(given)
    return own


def certain(dag: "DAG") -> tuple[list["Job"], list["Job"]]:
    """Part the jobs of a plan: those that run whatever happens, and those that may turn out needless.

    The latter run only if a job that runs before them changes a file that they read.
    """
    needed = [job for job in dag.needrun_jobs() if job.output]  # not those that only ask for files
    # Snakemake looks for no reason of a job below one that runs: what is missing is seen here.
    sure = {
        job
        for job in needed
        if has_own_reason(dag.reason(job)) or not all(map(os.path.exists, job.output))
    }
    return [job for job in needed if job in sure], [job for job in needed if job not in sure]


def describe_plan(dag: "DAG") -> str | None:
    """Say what of a dry run is certain; None where all of it is."""
    sure, unsure = certain(dag)
    if not unsure or not sure:
        return None
    return (
        f"Certain: {_count(sure)}. Only if these change what the following read: {_count(unsure)}. "
        "A member is trained again only if the content of its split changed."
    )


def _count(jobs: Iterable["Job"]) -> str:
    """Return how many jobs there are of each rule."""
    names = [job.rule.name for job in jobs]
    return ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))
