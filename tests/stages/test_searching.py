"""Searches in a long chat in which nearly everything is much the same: what speaks of the thing is there, first, and little else."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backstory.core.message import Text
from backstory.core.reply import Reply
from tests.paging import BY_NAME, Model, body, configured, results
from tests.rig import PATHS, rig
from tests.stages.talks import Talk, commanded
from tests.stages.test_paging import called
from tests.stages.world import echoing

WIRE = BY_NAME["anthropic"]
START = datetime(2026, 9, 1, 10, tzinfo=UTC)
SAID = {
    3: "We looked at solar panels at the Hansen house.",
    9: "The tax letter came, it must be answered by Friday.",
    15: "Which library did we pick for PDF tickets?",
    21: "Pottery class was full.",
    27: "The deploy key of staging is kept in the vault of Ruth.",
    33: "The piano tuner came by and left his card.",
}
ANSWERS = {15: "Prawn, since it needs no browser."}
FILLER = (
    "I finished the docstring of the parser yesterday and told Piotr about it; it took two hours and went as it should.",
    "Please split the function that merges tokens, it has six arguments and the linter complains at line 214.",
    "I rebased the branch and there was a conflict in the routes, I kept both and ran the tests twice.",
)


def at(day: int) -> str:
    return (START + timedelta(days=day)).strftime("%a %Y-%m-%d %H:%M UTC")


def chat(days: int = 40, last: str = "Please look it up.") -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    for day in range(days):
        turns.append(("user", f"[Telegram Ann id:{100 + day} {at(day)}] {SAID.get(day, FILLER[day % 3])}"))
        turns.append(
            (
                "assistant",
                ANSWERS.get(day, f"Good. The next one is the TODO at line {day * 7} of the worker, run the tests before you merge."),
            )
        )
    pad = "It matters for the step after this one. " * 30
    for step in range(8):
        turns += [("user", f"[Telegram Ann id:{300 + step} {at(days)}] Go through step {step}. {pad}"), ("assistant", f"Done. {pad}")]
    return [*turns, ("user", f"[Telegram Ann id:400 {at(days + 20)}] {last}")]


async def searched(folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    model = Model(WIRE)
    found: list[str] = []
    async with rig(configured(folder), model) as one:
        for call in calls:
            model.replies[:] = [called(call), Reply((Text("Good."),), "stop")]
            head, _ = await one.ask(PATHS["anthropic"], body("anthropic", chat(), False))
            assert head.startswith(b"HTTP/1.1 200")
            found += results(WIRE, model.received[-1])
        assert not one.failures()
    return found


def test_a_sitting_that_never_spoke_of_the_thing_is_not_named(tmp_path: Path) -> None:
    words = ("solar panels", "tax letter", "pottery class", "piano tuner", "vault")
    found = asyncio.run(searched(tmp_path, *[("vc_find_session", {"query": each}) for each in (*words, "unicorn")]))
    for each, text in zip(words, found, strict=False):
        assert len(re.findall(r"\[Sitting \d+", text)) == 1, each
        assert any(line in text for line in SAID.values() if each in line.casefold())
    assert found[-1] == 'Nothing was said about "unicorn".'


def test_a_span_of_time_has_what_was_said_on_the_thing_in_it(tmp_path: Path) -> None:
    span = "2026-09-01..2026-09-30"
    found = asyncio.run(
        searched(
            tmp_path,
            ("vc_remember_when", {"query": "tax letter", "time_range": span}),
            ("vc_remember_when", {"query": "unicorn", "time_range": span}),
            ("vc_remember_when", {"query": "piano tuner", "time_range": span}),
            ("vc_remember_when", {"query": "what did we talk about", "time_range": "2026-09-10..2026-09-10"}),
            ("vc_remember_when", {"query": "when did the piano tuner come", "time_range": ""}),
        )
    )
    assert SAID[9] in found[0]
    assert found[0].count("\n#") <= 3
    assert found[1] == f'Nothing was said about "unicorn", neither in "{span}" nor at another time.'
    assert found[2].splitlines()[1] == f'Nothing was said about "piano tuner" in "{span}". At other times:'
    assert SAID[33] in found[2]
    assert "[4 October 2026]" in found[2]
    assert SAID[9] in found[3]
    assert "[4 October 2026]" in found[4]
    assert "Said then" not in found[4]


def test_a_question_brings_its_answer_and_a_fact_that_was_not_read_as_one_its_turn(tmp_path: Path) -> None:
    found = asyncio.run(
        searched(
            tmp_path,
            ("vc_find_quote", {"query": "PDF tickets"}),
            ("vc_expand_topic", {"topic": "PDF tickets"}),
            ("vc_search_summaries", {"query": "PDF tickets"}),
            ("vc_query_facts", {"subject": "piano tuner"}),
            ("vc_query_facts", {"subject": "unicorn"}),
            ("vc_find_quote", {"query": "unicorn tickets"}),
        )
    )
    for text in found[:3]:
        assert ANSWERS[15] in text
        assert text.count("\n#") <= 6
    assert SAID[33] in found[3]
    assert found[4] == "No such fact was stated."
    assert "(none of these has unicorn)" in found[5]


def test_the_outline_of_all_that_is_folded_keeps_what_tells_most(tmp_path: Path) -> None:
    (text,) = asyncio.run(searched(tmp_path, ("vc_recall_all", {})))
    for said in SAID.values():
        assert said.rstrip(".?") in text
    assert "those that tell least" in text


def test_the_recall_command_has_the_best_first(tmp_path: Path) -> None:
    async def work() -> str:
        async with rig(commanded(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one)
            talk.messages += chat()[:-1]
            await talk.say("Hello.")
            return await talk.told("VCRECALL piano tuner")

    lines = [line for line in asyncio.run(work()).splitlines() if line.startswith("- #")]
    assert SAID[33] in lines[0]
    assert len(lines) <= 3
