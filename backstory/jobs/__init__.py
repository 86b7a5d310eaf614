"""Floor 3: background work. One job per file; the database is the queue: what lies above a job's watermark is to be done.

A job works under a lease, in small steps on a thread, and only while no request is being served or it has waited too long.
"""

from __future__ import annotations

from backstory.core.store import Lanes
from backstory.jobs.segments import SegmentJob
from backstory.jobs.tags import TagJob
from backstory.jobs.worker import Job


def standard(lanes: Lanes) -> tuple[Job, ...]:
    """The jobs of an engine, in the order in which they run."""
    return (TagJob(lanes), SegmentJob(lanes))
