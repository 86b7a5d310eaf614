"""An answer that is made over, from a provider of another wire: both translations in a row, whatever the provider does."""

from __future__ import annotations

import json

import pytest

from backstory.core.reply import Usage
from backstory.core.translation import Answered, Event, Words
from backstory.wires.reworking.reworked import Reworked
from backstory.wires.translation.chained import Chained
from backstory.wires.translation.translate import Translated, events_of
from tests.wires.reworking.test_reworked import MEANT, PATHS, QUERIES, TEXT, asking, read, said, stream
from tests.wires.translation.test_tongues_recorded import TONGUE, WIRE

PAIRS = pytest.mark.parametrize(("own", "other"), [(own, other) for own in WIRE for other in WIRE if own != other])
ANSWERED = Answered("id_1", "m", (Words(TEXT),), "stop", Usage(3, 4))
JSON, SSE = ((b"Content-Type", b"application/json"),), ((b"Content-Type", b"text/event-stream"),)


def chained(own: str, other: str, streams: bool) -> tuple[Chained, bytes]:
    path, query = PATHS[own], QUERIES.get(own, "")
    body = json.loads(asking(own))
    if own == "gemini" and not streams:
        path, query = path.replace("streamGenerateContent", "generateContent"), ""
    elif own != "gemini":
        body["stream"] = streams
    near = Reworked(TONGUE[own], WIRE[own], path, query, "reasoning", calls=True)
    one = Chained(near, Translated(TONGUE[own], TONGUE[other], WIRE[other], path, query))
    return one, one.ask(json.dumps(body).encode())


def told(other: str, sent: bytes) -> bytes:
    path = PATHS[other]
    asked = TONGUE[other].asked(sent, path, QUERIES.get(other, ""))
    teller = TONGUE[other].teller(asked)
    events: list[Event] = events_of(ANSWERED)
    return b"".join([teller.tell(event) for event in events]) + teller.end()


@PAIRS
def test_a_stream(own: str, other: str) -> None:
    one, sent = chained(own, other, streams=True)
    assert one.begin(200, SSE)[0] == "stream"
    raw = told(other, sent)
    out = b"".join([one.chunk(raw[at : at + 11]) for at in range(0, len(raw), 11)]) + one.tail()
    assert said(read(own, out)) == MEANT


@PAIRS
def test_a_whole_answer(own: str, other: str) -> None:
    one, _ = chained(own, other, streams=False)
    assert one.begin(200, JSON)[0] == "whole"
    status, out = one.whole(TONGUE[other].answer(ANSWERED, TONGUE[own].asked(asking(own), PATHS[own], QUERIES.get(own, ""))))
    assert status == 200
    assert said(WIRE[own].reply(out)) == MEANT


@PAIRS
def test_a_provider_that_does_not_stream(own: str, other: str) -> None:
    one, _ = chained(own, other, streams=True)
    assert one.begin(200, JSON)[0] == "whole"
    status, out = one.whole(TONGUE[other].answer(ANSWERED, TONGUE[own].asked(asking(own), PATHS[own], QUERIES.get(own, ""))))
    assert status == 200
    assert said(read(own, out)) == MEANT


@PAIRS
def test_an_error(own: str, other: str) -> None:
    one, _ = chained(own, other, streams=True)
    assert one.begin(429, JSON)[0] == "whole"
    status, out = one.whole(b'{"error":{"type":"rate_limit_error","message":"slow <think>down</think>"}}')
    assert status == 429
    assert b"slow <think>down</think>" in out


@PAIRS
def test_a_stream_that_breaks_off_gives_what_is_held(own: str, other: str) -> None:
    one, _ = chained(own, other, streams=True)
    one.begin(200, SSE)
    raw = stream(other, ["Well ", "<run><cmd>", "never told"])
    out = one.chunk(raw[: raw.index(b"\n\n", raw.index(b"<cmd>")) + 4])
    assert b"<cmd>" not in out
    out += one.rest()
    assert said(read(own, out))[0] == "Well <run><cmd>"
    assert one.rest() == b""
