"""The marker of a streamed answer is behind its last text, in every wire, however many texts there are and however the bytes come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.stream import gather
from backstory.core.translation import Answered, Piece, Thought, Use, Words
from backstory.core.wire import Wire
from backstory.relay.marking import Marking
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import events_of
from tests.rig import PATHS, asking

MARK = "\n<!-- x -->"
SAID = st.lists(
    st.one_of(st.builds(Words, st.sampled_from(["One.", "Two\n", "é"])), st.builds(Thought, st.sampled_from(["hm", "so"]))), max_size=5
)
CALLS = st.lists(
    st.builds(Use, st.sampled_from(["call_1", "call_2"]), st.just("f"), st.just('{"a":1}')), max_size=2, unique_by=lambda it: it.id
)


def streamed(wire: Wire, pieces: list[Piece]) -> bytes:
    tongue = next(tongue for tongue in TONGUES if tongue.name == wire.name)
    path, _, query = PATHS[wire.name].replace("generateContent", "streamGenerateContent?alt=sse").partition("?")
    asked = tongue.asked(asking(wire.name, [("user", "Hi.")], **({} if wire.name == "gemini" else {"stream": True})), path, query)
    teller = tongue.teller(asked)
    finish = "tool_calls" if pieces and isinstance(pieces[-1], Use) else "stop"
    events = events_of(Answered("a1", "m", tuple(pieces), finish))  # type: ignore[arg-type]
    return b"".join([*(teller.tell(event) for event in events), teller.end()])


def told(part: Text | Thinking | ToolCall) -> str:
    return part.text if isinstance(part, Text) else ""


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@settings(max_examples=150, deadline=None)
@given(said=SAID, calls=CALLS, cuts=st.lists(st.integers(0, 10**6), max_size=12), ends=st.integers(0, 10**6) | st.none())
def test_the_marker_is_behind_the_last_text(wire: Wire, said: list[Piece], calls: list[Piece], cuts: list[int], ends: int | None) -> None:
    whole = streamed(wire, [*said, *calls])
    stream = whole if ends is None else whole[: ends % (len(whole) + 1)]
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    reader, marking = wire.reader("text/event-stream"), Marking(wire, MARK)
    out = b""
    for start, end in pairwise(edges):
        out += b"".join([marking.feed(frame) for frame in reader.feed(stream[start:end])])
    out += b"".join([marking.feed(frame) for frame in reader.close()]) + marking.rest()

    def read(raw: bytes) -> list[Text | Thinking | ToolCall]:
        again = wire.reader("text/event-stream")
        found = gather(delta for frame in [*again.feed(raw), *again.close()] for delta in wire.deltas(frame))
        return [part for part in found.parts if isinstance(part, Text | Thinking | ToolCall)]

    before, after = read(stream), read(out)
    texts = [at for at, part in enumerate(before) if isinstance(part, Text)]
    if ends is None:
        # What thinks behind its last text, and then only calls, is not marked: its thoughts do not wait.
        late = bool(texts) and any(isinstance(part, Thinking) for part in before[texts[-1] + 1 :])
        marked = [at for at in texts if MARK in told(after[at])]
        assert marked in ([texts[-1:]] if not late else [[], texts[-1:]])
    assert sum(told(part).count(MARK) for part in after) <= 1
    for old, new in zip(before, after, strict=True):
        assert new == old or (isinstance(old, Text) and new == Text(old.text + MARK))
