"""How many files the process may have open at a time. Each stream that is relayed takes two: the client's connection and the provider's.

Rule: a limit that is usual for a shell (1024, on macOS 256) is raised as far as the system lets us, as servers do; connections beyond it
are closed without a word.
"""

from __future__ import annotations

import contextlib
import logging
import sys

log = logging.getLogger("backstory")

_ENOUGH = 65_536
# What macOS lets a process have (OPEN_MAX) although it names no limit.
_MODEST = 10_240
# Below this a thousand streams do not fit.
_FEW = 2_500


def open_many() -> None:
    """Raise the limit; say so where it stays low. A second call does nothing."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_ENOUGH, _MODEST):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            break
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft != resource.RLIM_INFINITY and soft < _FEW:
        log.warning("only %d files may be open at a time, so no more than some %d streams fit (ulimit -n)", soft, soft // 2)
