"""The demo shows what it promises: answers that are in the window only because memory brought them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from backstory.app.demo import WINDOW, BuiltIn, Line, run, sample
from backstory.app.provider import Received, ScriptedProvider, says, scripted
from backstory.core.reply import Reply
from backstory.core.tokens import count
from backstory.errors import DocumentError, UpstreamError


@pytest.fixture
def _loggers() -> Iterator[None]:
    """Loggers as they were before."""
    ours, theirs = logging.getLogger("backstory"), logging.getLogger("asyncio")
    before = (ours.handlers[:], ours.level, ours.propagate, theirs.level)
    yield
    ours.handlers[:], ours.propagate = before[0], before[2]
    ours.setLevel(before[1])
    theirs.setLevel(before[3])


def test_the_sample_is_a_conversation_larger_than_the_window() -> None:
    lines = sample()
    assert [line.role for line in lines] == ["user", "assistant"] * (len(lines) // 2)
    assert len({line.content for line in lines}) == len(lines)
    assert len(lines) > 150
    assert sum(count(line.content) for line in lines) > 1.5 * WINDOW


@pytest.mark.usefixtures("_loggers")
def test_the_demo_answers_what_a_cut_window_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    out = capsys.readouterr().out
    answers = [line for line in out.splitlines() if line.startswith("Answer with Backstory")]
    assert [word in line for word, line in zip(("Ruben Maas", "Tigh na Ron", "walnuts"), answers, strict=True)] == [True] * 3
    assert out.count("The same window, cut instead: Nothing that reached me answers that.") == 3


def _unwritable(_: Received) -> Reply:
    raise DocumentError("no answer to that")


def test_the_built_in_client_reads_an_answer_and_tells_a_failure() -> None:
    async def main() -> None:
        provider = ScriptedProvider(scripted([says("Hello, Zoë.")]))
        await provider.start()
        try:
            assert await BuiltIn(provider.url).ask([Line("user", "Hi")]) == "Hello, Zoë."
            provider.answer = _unwritable
            with pytest.raises(UpstreamError, match="400"):
                await BuiltIn(provider.url).ask([Line("user", "Hi")])
        finally:
            await provider.stop()

    asyncio.run(main())
