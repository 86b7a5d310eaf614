"""A low limit of open files is raised as far as it may be, and told where it may not."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("resource")

_CODE = """
import logging, resource, sys
from backstory.app.files import open_many
logging.basicConfig(stream=sys.stdout, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
open_many()
open_many()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limited(soft: int, hard: int) -> list[str]:
    """What a process of these limits says, and its limits afterwards."""
    done = subprocess.run([sys.executable, "-c", _CODE, str(soft), str(hard)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    assert limited(256, 4096) == ["(4096, 4096)"]


def test_a_limit_that_stays_low_is_told() -> None:
    told, _, limits = limited(256, 512)
    assert told == "only 512 files may be open at a time, so no more than some 256 streams fit (ulimit -n)"
    assert limits == "(512, 512)"
