"""The laws of policies: what is allowed keeps its bytes, for every answer, every wire, any chunking; what a client reads of an answer that
was judged is the answer with the verdicts carried out, for the official SDKs, too."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from openai import OpenAI

from backstory.core.extending import Allow, End, Instead, Recast, Verdict
from backstory.core.legs import Call
from backstory.core.reply import Finish
from backstory.core.translation import Answered, Asked, Piece, Refusal, Use, Words
from backstory.errors import DocumentError
from backstory.wires.reworking.judged import Judged
from backstory.wires.translation.translate import events_of, gathered
from tests.laws.test_translation_sdk_law import Speaker
from tests.laws.translated import ANSWERS
from tests.wires.reworking.test_judged import ASKED, SSE
from tests.wires.reworking.test_reworked import PATHS, QUERIES
from tests.wires.translation.test_tongues_recorded import TONGUE, WIRE, text_of

WIRES = pytest.mark.parametrize("name", WIRE)
QUICK = settings(max_examples=25, deadline=None)
VERDICTS: list[Verdict] = [Allow(), Instead("That was not run."), Recast("other", '{"b":2}')]


class Watching:
    """Gives these verdicts to the calls, in their order, and keeps them by the calls' place."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        self._verdicts = iter(verdicts)

    def heard(self, text: str, thought: bool) -> Allow | End:
        return Allow()

    def called(self, call: Call) -> Verdict:
        return next(self._verdicts, Allow())

    def over(self, finish: Finish) -> str:
        return ""


def told(name: str, answered: Answered) -> bytes:
    teller = TONGUE[name].teller(asked(name))
    return b"".join([teller.tell(event) for event in events_of(answered)]) + teller.end()


def asked(name: str) -> Asked:
    return TONGUE[name].asked(TONGUE[name].ask(ASKED)[0], PATHS[name], QUERIES.get(name, ""))


def heard(name: str, stream: bytes) -> Answered:
    """What a client reads of a stream."""
    reader, listener = WIRE[name].reader("text/event-stream"), TONGUE[name].listener()
    frames = (*reader.feed(stream), *reader.close())
    found = gathered([event for frame in frames for event in listener.events(frame)] + [*listener.over()])
    assert isinstance(found, Answered)
    return found


def judged(name: str, stream: bytes, verdicts: list[Verdict], cuts: list[int]) -> bytes:
    def unread(error: DocumentError) -> None:
        raise AssertionError(error)

    place = PATHS[name], QUERIES.get(name, "")
    one = Judged(TONGUE[name], WIRE[name], place, TONGUE[name].ask(ASKED)[0], bytes, lambda: Watching(verdicts), (), (), unread)
    assert one.begin(200, SSE)[0] == "stream"
    bounds = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    return b"".join([one.chunk(stream[start:stop]) for start, stop in itertools.pairwise(bounds) if stop > start]) + one.tail()


def carried_out(answered: Answered, verdicts: list[Verdict]) -> tuple[Piece, ...]:
    """The pieces, as they should be."""
    following = iter(verdicts)

    def one(piece: Piece) -> Piece:
        if not isinstance(piece, Use):
            return piece
        match next(following, Allow()):
            case Instead(text):
                return Words(text)
            case Recast(name, arguments):
                return Use(piece.id, name, arguments)
            case _:
                return piece

    return tuple([one(piece) for piece in answered.pieces])


WHOLE = ANSWERS.filter(lambda one: not any(isinstance(piece, Refusal) for piece in one.pieces)).map(
    lambda one: replace(one, finish="tool_calls" if any(isinstance(piece, Use) for piece in one.pieces) else "stop")
)
"""What the SDKs give back as a whole answer."""
CUTS = st.lists(st.integers(1, 100_000), max_size=6)


@WIRES
@QUICK
@given(answered=ANSWERS, cuts=CUTS)
def test_what_is_allowed_keeps_its_bytes(name: str, answered: Answered, cuts: list[int]) -> None:
    stream = told(name, answered)
    assert judged(name, stream, [], cuts) == stream


@WIRES
@QUICK
@given(answered=ANSWERS, cuts=CUTS, verdicts=st.lists(st.sampled_from(VERDICTS), max_size=4))
def test_what_is_read_is_the_answer_with_the_verdicts_carried_out(
    name: str, answered: Answered, cuts: list[int], verdicts: list[Verdict]
) -> None:
    stream = told(name, answered)
    meant = heard(name, stream)
    found = heard(name, judged(name, stream, verdicts, cuts))
    pieces = carried_out(meant, verdicts)
    # What stands in place of a call stands where the call began; some wires read a call as what comes last.
    assert sorted(text_of(found.pieces)[0]) == sorted(text_of(pieces)[0])
    assert text_of(found.pieces)[1:] == text_of(pieces)[1:]
    assert found.usage == meant.usage
    assert found.id == meant.id
    if meant.finish == "tool_calls" and not any(isinstance(piece, Use) for piece in pieces):
        assert found.finish in {"stop", "refusal"}
    else:
        assert found.finish == meant.finish


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    one = Speaker()
    one.kind = b"text/event-stream"
    yield one
    one.server.shutdown()
    one.server.server_close()


@settings(QUICK, max_examples=8)
@given(answered=WHOLE, verdicts=st.lists(st.sampled_from(VERDICTS[1:]), min_size=1, max_size=4))
def test_the_sdks_read_a_judged_stream(speaker: Speaker, answered: Answered, verdicts: list[Verdict]) -> None:
    def says(name: str) -> Answered:
        stream = told(name, answered)
        speaker.stream = judged(name, stream, verdicts, [])
        return Answered("", "", carried_out(heard(name, stream), verdicts), "stop")

    meant = says("anthropic")
    with (
        Anthropic(api_key="k", base_url=speaker.url, max_retries=0) as sdk,
        sdk.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream,
    ):
        message: Any = stream.get_final_message()
    calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    assert calls == [(piece.name, json.loads(piece.arguments or "{}")) for piece in meant.pieces if isinstance(piece, Use)]
    assert "".join([block.text for block in message.content if block.type == "text"]) == text_of(meant.pieces)[0]

    with OpenAI(api_key="k", base_url=speaker.url, max_retries=0) as chat:
        meant = says("openai_chat")
        with chat.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as chunks:
            list(chunks)
            state: Any = chunks.current_completion_snapshot
        choice = state.choices[0]
        assert [call.function.name for call in choice.message.tool_calls or []] == [p.name for p in meant.pieces if isinstance(p, Use)]
        assert sorted(choice.message.content or "") == sorted(text_of(meant.pieces)[0])
        meant = says("openai_responses")
        with chat.responses.stream(model="m", input="x") as items:
            list(items)
            response: Any = items.get_final_response()
        assert [item.name for item in response.output if item.type == "function_call"] == [
            p.name for p in meant.pieces if isinstance(p, Use)
        ]
