"""Whatever the legs of an answer say, the client sees one answer of all they said and no call of ours, streamed or not."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.message import Part, Text, Thinking, ToolCall
from backstory.core.reply import Reply, Usage
from tests.paging import BY_NAME, NAMES, dangling
from tests.relay.test_legs import Play, request

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(
    lambda text: text.strip() and "vc_" not in text  # whose names the client must not see
)
TEXTS = st.lists(WORDS.map(Text), max_size=2)
THOUGHTS = st.lists(WORDS.map(Thinking), max_size=1)
OURS = st.lists(st.sampled_from(["vc_find_quote", "vc_recall_all"]), min_size=1, max_size=3)
MINE = st.lists(st.sampled_from(["look", "shell"]), max_size=2)
USAGES = st.builds(Usage, st.integers(100, 999), st.integers(1, 99), st.integers(0, 50))
FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def answers(draw: st.DrawFn) -> list[Reply]:
    """Legs that look something up, and one that ends the answer: with words, with calls of the client's, or with both kinds of call."""
    legs: list[Reply] = []
    for number in range(draw(st.integers(1, 3))):
        looked = [ToolCall(f"o{number}_{place}", name, '{"query":"x"}') for place, name in enumerate(draw(OURS))]
        legs.append(Reply((*draw(THOUGHTS), *draw(TEXTS), *looked), "tool_calls", draw(USAGES)))
    mine = [ToolCall(f"m{place}", name, '{"place":"here"}') for place, name in enumerate(draw(MINE))]
    both: bool = draw(st.booleans())
    last = [ToolCall("o_last", draw(OURS)[0], "{}")] if mine and both else []
    calls = draw(st.permutations([*mine, *last]))
    legs.append(Reply((*draw(THOUGHTS), *draw(TEXTS), *calls), "tool_calls" if mine else "stop", draw(USAGES)))
    return [replace(leg, id=f"r{number}", model="m") for number, leg in enumerate(legs)]


def squeezed(parts: tuple[Part, ...]) -> str:
    return "".join("".join(part.text.split()) for part in parts if isinstance(part, Text))


def called(parts: tuple[Part, ...]) -> list[tuple[str, str, str]]:
    return [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize("name", NAMES)
@FAST
@given(legs=answers())
def test_one_answer_of_all_that_was_said(name: str, legs: list[Reply]) -> None:
    wire = BY_NAME[name]
    streamed, whole = Play(wire, request(name)), Play(wire, request(name))
    for leg in legs:
        streamed.leg(wire.write(leg, True), [40, 300, 900])
        whole.whole(wire.write(leg, False))
    words = "".join(squeezed(leg.parts) for leg in legs)
    mine = [call for call in called(legs[-1].parts) if not call[1].startswith("vc_")]
    usages = [leg.usage for leg in legs if leg.usage is not None]
    for play, found in ((streamed, streamed.said()), (whole, wire.reply(whole.way.out))):
        assert play.way.ended
        assert b"vc_" not in play.way.out
        assert squeezed(found.parts) == words
        assert called(found.parts) == mine
        # Gemini ends both kinds of answer with STOP; a stream tells them apart only where a call stands beside it.
        assert found.finish in (legs[-1].finish, "stop" if name == "gemini" else "")
        assert found.usage is not None
        assert found.usage.input_tokens == sum(usage.input_tokens for usage in usages)
        assert found.usage.output_tokens == sum(usage.output_tokens for usage in usages)
        assert found.usage.cache_read_tokens == sum(usage.cache_read_tokens for usage in usages)
        assert len(play.way.bodies) == len(legs) - 1
        assert not any(dangling(wire, body) for body in play.way.bodies)
        assert [call.name for call in play.clerk.calls] == [name for leg in legs[:-1] for _, name, _ in called(leg.parts)]
        assert len(play.clerk.deferred) == len(called(legs[-1].parts)) - len(mine)
