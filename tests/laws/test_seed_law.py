"""Law: what memory makes of a conversation is the same in every process, whatever seed Python hashes strings with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import backstory

_ROOT = Path(backstory.__file__).parent.parent
_SCRIPT = """
import hashlib
from backstory.core.tokens import count
from backstory.memory.digest import digest
from backstory.memory.retrieval import block
from tests.memory.chats import QUESTIONS, chat
from tests.memory.test_retrieval import ask

turns = chat()
for budget in range(60, 900, 40):
    print(hashlib.sha256(digest(turns, budget, count).encode()).hexdigest())
for question, _ in QUESTIONS:
    for budget in (60, 150, 600):
        print(hashlib.sha256(block(ask(question, budget)).encode()).hexdigest())
"""


def _said(seed: str) -> list[str]:
    work = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        cwd=_ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return work.stdout.split()


def test_digests_and_what_is_recalled_do_not_depend_on_the_seed() -> None:
    first = _said("0")
    assert len(set(first)) > 20
    for seed in ("1", "2", "3"):
        assert _said(seed) == first
