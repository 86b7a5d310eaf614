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
import random
from backstory.core.tokens import count
from backstory.memory.folding.digest import digest
from backstory.memory.recall.retrieval import block
from tests.memory.chats import QUESTIONS, turn
from tests.memory.recall.test_retrieval import ask

# Every sentence has one word of each frequency: their gains differ by rounding alone.
dice = random.Random(3)
turns = []
for number in range(48):
    first, last = ("lan", "mor", "tes", "ri", "gol", "pan", "ver", "sud"), ("tern", "ket", "dow", "ber", "mit", "gar", "lows", "nik")
    words = [first[kind] + last[number % (kind + 1)] for kind in range(8)]
    dice.shuffle(words)
    turns.append(turn(number + 1, ("Ines: ", "Bruno: ")[number % 2] + " ".join(words).capitalize() + "."))
for budget in range(100, 700, 50):
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
