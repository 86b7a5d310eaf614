"""What was forgotten is in no look-up of the process: those hold words so that they are not worked on twice, for as long as it lives."""

from __future__ import annotations

import asyncio
import functools
import gc
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstory.core.tokens import count, estimate
from tests.rig import rig, soon
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import echoing, stored

SECRET = "My locker code at the gym is tangerine-4711, and I keep it in the Harrowgate hall. Harrowgate is my town."
HELD = (
    "core.tokens._counted",
    "core.tokens._Costs",
    "core.tokens._Words",
    "memory.facts.alike.key",
    "memory.facts.extraction._sieve",
    "memory.recall.inview._said",
    "memory.text.stem",
)
LONG = " ".join([SECRET, *(f"Boat {number} has {number * 7} grey sails and a crew of {number}." for number in range(60))])
WORDS = ("tangerin", "4711", "harrowgate")
_CODE = (type, types.ModuleType, types.FunctionType, types.MethodType, types.CodeType, functools.partial)


def lookups() -> Iterator[tuple[str, object]]:
    """The functions of ours that remember what they have found, and the dicts that make what is not there, by name."""
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper) and one.__wrapped__.__module__.startswith("backstory."):
            yield f"{one.__wrapped__.__module__}.{one.__wrapped__.__qualname__}", one
        elif isinstance(one, dict) and type(one).__module__.startswith("backstory."):
            yield f"{type(one).__module__}.{type(one).__qualname__}", one


def texts(root: object) -> Iterator[str]:
    """All texts that are reached from it, other than by code."""
    seen: set[int] = set()
    left = [root]
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, _CODE):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            yield one if isinstance(one, str) else one.decode("latin-1")
        else:
            left += [*one, *one.values()] if isinstance(one, dict) else gc.get_referents(one)


def holding() -> set[str]:
    """The look-ups that have a word of the secret."""
    return {name for name, one in lookups() if any(word in text.lower() for text in texts(one) for word in WORDS)}


@pytest.mark.parametrize("here", [True, False], ids=["in the chat", "elsewhere"])
def test_no_lookup_has_what_was_forgotten(tmp_path: Path, here: bool) -> None:
    async def work() -> None:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: gym")
            await talk.say(LONG)
            for number in range(14):
                await talk.say(f"Report {number}: the harbour has {number * 7} grey boats.")
            talk.forget_all_but(0)
            await talk.say("What is the code of my locker?")
            assert SECRET in texts_sent(one)[-1]
            await talk.say("And which hall is the locker in, where I go to the gym?")
            await one.engine.facts("", talk.id)
            count(SECRET + "\n")
            estimate(SECRET)
            assert {f"backstory.{name}" for name in HELD} <= holding()
            talk.forget_all_but(0)
            if here:
                await talk.told("VCFORGET locker")
            else:
                await stored(one, lambda store: store.forget("", talk.id, now=1.0))
            # Work that was under way may end after it: the next look for what was forgotten, a second later, lets go of that, too.
            await soon(lambda: not holding(), 30.0)

    asyncio.run(work())
