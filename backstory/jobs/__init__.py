"""Floor 3: background work. One job per file; the database is the queue: what lies above a job's watermark is to be done.

A job works under a lease, in small steps on a thread, and only while no request is being served or it has waited too long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from backstory.core.store import Lanes
from backstory.jobs.facts import FactJob, ReadAgainJob
from backstory.jobs.segments import SegmentJob
from backstory.jobs.sessions import SessionJob
from backstory.jobs.tags import TagJob
from backstory.jobs.worker import Job


def standard(
    lanes: Lanes,
    breathe: Callable[[], None],
    idle_s: float = 0.0,
    clock: Callable[[], float] = time.time,
    later: Callable[[float], None] = lambda _: None,
) -> tuple[Job, ...]:
    """The jobs of an engine, in the order in which they run. `breathe` is called between small pieces of their work on other threads.
    `idle_s`: after such a pause a session is summed up; 0: none is. `later`: told in how many seconds there will be work."""
    jobs: tuple[Job, ...] = (TagJob(lanes, breathe), SegmentJob(lanes, breathe), FactJob(lanes, breathe))
    return (*jobs, SessionJob(lanes, breathe, idle_s, clock, later)) if idle_s else jobs


def unhurried(lanes: Lanes, breathe: Callable[[], None]) -> tuple[Job, ...]:
    """The jobs that wait until the others have nothing to do."""
    return (ReadAgainJob(lanes, breathe),)
