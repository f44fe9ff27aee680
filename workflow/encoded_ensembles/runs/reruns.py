"""What runs again: Snakemake's plan, updated when a job's outputs have not changed.

Snakemake plans at its start that every job downstream of one that runs will run too. It compares
contents (of files up to its --max-checksum-file-size) only in that plan. So a deleted split digest, made
again with the same bytes, would cause all samples to be drawn again. With `replan_after_equal_outputs`
it also compares when a job ends: if the inputs of a downstream job have not changed, it plans again,
without the reasons that came from the finished job.

This uses internals of Snakemake (9.27). Without it more jobs run than necessary, never fewer.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake.dag import DAG
    from snakemake.jobs import Job, Reason


def replan_after_equal_outputs() -> None:
    """Make Snakemake plan again after a job that changed nothing; applied once per process."""
    from snakemake.dag import DAG

    if getattr(DAG, "replans", False):
        return
    update_needrun, finish = DAG.update_needrun, DAG.finish

    async def update_anew(self: "DAG", *arguments: Any, **options: Any) -> None:
        for job in self.jobs:
            if not self.finished(job) and job not in self._running:
                reason = self.reason(job)  # reasons from other jobs are computed again below
                reason.updated_input_run.clear()
                reason.missing_output.clear()
        await update_needrun(self, *arguments, **options)
        if self.workflow.dryrun and not self._finished:  # a dry run fills _finished as it prints
            self.said = describe_plan(self)

    async def finish_and_look(self: "DAG", job: "Job", **options: Any) -> bool:
        ready = bool(await finish(self, job, **options))
        for one in job if job.is_group() else [job]:
            if await _changed_nothing(self, one):
                await self.postprocess()
                return True
        return ready

    DAG.update_needrun, DAG.finish, DAG.replans = update_anew, finish_and_look, True


async def _changed_nothing(dag: "DAG", job: "Job") -> bool:
    """Return whether the inputs of a job that waits for a finished one are unchanged."""
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
        # A job that reads nothing but ancient files of the finished one says nothing about it.
        if known and all(
            [
                len(sums) == 1 and await file.is_same_checksum(next(iter(sums)), limit)
                for file, sums in known
            ]
        ):
            return True
    return False


def has_own_reason(reason: "Reason") -> bool:
    """Return whether a job would run if no other job did."""
    updated = set(reason.updated_input_run)
    reason.updated_input_run.clear()
    has_reason = bool(reason)
    reason.updated_input_run.update(updated)
    return has_reason


def certain(dag: "DAG") -> tuple[list["Job"], list["Job"]]:
    """Split the jobs of a plan into those that certainly run, and those that may turn out unnecessary.

    The latter run only if an earlier job changes a file that they read.
    """
    needed = [job for job in dag.needrun_jobs() if job.output]  # not targets without outputs
    # Snakemake computes no reason for a job downstream of one that runs: check missing files here.
    sure = {
        job
        for job in needed
        if has_own_reason(dag.reason(job)) or not all(map(os.path.exists, job.output))
    }
    return [job for job in needed if job in sure], [job for job in needed if job not in sure]


def describe_plan(dag: "DAG") -> str | None:
    """Return a sentence on which jobs of a dry run are certain; None if all are."""
    sure, unsure = certain(dag)
    if not unsure or not sure:
        return None
    return (
        f"Certain: {_count(sure)}. Only if these change what the following read: {_count(unsure)}. "
        "A member is trained again only if the content of its split changed."
    )


def _count(jobs: Iterable["Job"]) -> str:
    """Return the number of jobs of each rule, as text."""
    names = [job.rule.name for job in jobs]
    return ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))
