"""Snakemake's scheduler looks for jobs once a second, not once a second for each job that has finished.

Snakemake (9.27) limits how many jobs start in a second. So each time it has looked for jobs that can
start, it starts a clock to look again a second later; and it looks when a job finishes. Each of these
looks has a clock of its own, which never ends: after 130 jobs of a study Snakemake took 45 % of a core,
reading the sizes of all inputs of the waiting jobs again and again. With `look_once_at_a_time` there is
one clock, which does not keep the process waiting at its end either.

This uses internals of Snakemake. Without it runs take longer, with the same results.
"""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakemake.scheduling.job_scheduler import JobScheduler


def look_once_at_a_time() -> None:
    """Let Snakemake's scheduler have one clock to look again; applied once per process."""
    from snakemake.scheduling.job_scheduler import JobScheduler

    def look_again(self: "JobScheduler", delay: float) -> None:
        if getattr(self, "is_due", False):
            return

        def look() -> None:
            self.is_due = False  # before the scheduler wakes up and asks for the next look
            self._open_jobs.release()

        clock = threading.Timer(delay, look)
        clock.daemon, self.is_due = True, True
        clock.start()

    JobScheduler._schedule_reevalutation = look_again  # Snakemake's spelling
