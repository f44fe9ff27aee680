"""One clock of Snakemake's scheduler, whatever the number of finished jobs."""

import threading
import types

from encoded_ensembles.runs.reevaluation import look_once_at_a_time
from snakemake.scheduling.job_scheduler import JobScheduler


def test_the_scheduler_has_one_clock(monkeypatch):
    """It had one more for each finished job, and none of them ended."""
    monkeypatch.setattr(
        JobScheduler, "_schedule_reevalutation", JobScheduler._schedule_reevalutation
    )
    look_once_at_a_time()
    scheduler = types.SimpleNamespace(_open_jobs=threading.Semaphore(0))
    for _ in range(5):
        JobScheduler._schedule_reevalutation(scheduler, 0.01)
    assert scheduler._open_jobs.acquire(timeout=60)
    assert not scheduler._open_jobs.acquire(timeout=0.1)
    JobScheduler._schedule_reevalutation(scheduler, 0.01)  # the clock has ended: another may start
    assert scheduler._open_jobs.acquire(timeout=60)
