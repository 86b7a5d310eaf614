"""Law: for clients whose wire has no cache marks, an Anthropic provider reads from its cache all that the request before has written there,
and what goes up differs from what went up in nothing but the marks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import Asked, Function, Marks, Piece, Result, Said, Sight, Thought, Use, Words
from backstory.wires.anthropic.tongue import AnthropicTongue
from tests.laws.translated import SOLID, turns

TONGUE = AnthropicTongue()
LOOK = Function("look", "Looks.", b'{"type":"object"}')
LOOKS_BACK = 20
"""Blocks that the provider looks back over from a mark."""
MOST_MARKS = 4


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Said, ...]:
    """An agent's conversation: questions, and loops of up to thirty calls at once, with thoughts and images among them."""
    out: list[Said] = []
    for number in range(draw(st.integers(1, 4))):
        asked: list[Piece] = [Words(text) for text in draw(st.lists(SOLID, min_size=1, max_size=3))]
        if draw(st.booleans()):
            asked.append(Sight("image", "image/png", "iVBORw0KGgo="))
        out.append(Said("user", tuple(asked)))
        for step in range(draw(st.integers(0, 2))):
            calls = [Use(f"call_{number}_{step}_{place}", "look", "{}") for place in range(draw(st.integers(1, 30)))]
            out.append(Said("assistant", (Thought("Hm.", "seal", "anthropic"), Words(draw(SOLID)), *calls)))
            out.append(Said("user", tuple([Result(call.id, "look", (Words(draw(SOLID)),)) for call in calls])))
        out.append(Said("assistant", (Words(draw(SOLID)),)))
    return tuple(out)


def sent(asked: Asked, marks: Marks = "auto") -> Any:
    return json.loads(TONGUE.ask(replace(asked, marks=marks))[0])


def prompt(body: Any) -> list[tuple[str, bool]]:
    """The blocks of a prompt in the order in which the provider caches them, without their marks; and whether they bear one."""
    blocks = [*body.get("tools", []), *body.get("system", [])]
    blocks += [{"role": message["role"], **block} for message in body["messages"] for block in message["content"]]
    return [(json.dumps({**block, "cache_control": None}), "cache_control" in block) for block in blocks]


class Cache:
    """The provider's: what it was told to keep, by all that stands before it."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, ...]] = set()

    def read(self, blocks: Sequence[tuple[str, bool]]) -> int:
        """How many blocks of this prompt are read from it; the prompt joins it."""
        plain = [block for block, _ in blocks]
        marked = [place + 1 for place, (_, mark) in enumerate(blocks) if mark]
        reached = {end for place in marked for end in range(max(1, place - LOOKS_BACK), place + 1)}
        found = max((end for end in reached if tuple(plain[:end]) in self.kept), default=0)
        self.kept.update(tuple(plain[:place]) for place in marked)
        return found


@given(sessions(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_each_request_reads_what_the_one_before_it_wrote(said: tuple[Said, ...], has_system: bool, has_tools: bool) -> None:
    cache, before = Cache(), list[tuple[str, bool]]()
    system = (Words("Be kind."),) if has_system else ()
    for end in [place + 1 for place, one in enumerate(said) if one.speaker == "user"]:
        body = sent(Asked("claude-x", False, system, said[:end], (LOOK,) if has_tools else (), wire="openai_chat"))
        blocks = prompt(body)
        assert [block for block, _ in blocks[: len(before)]] == [block for block, _ in before], "what was sent is sent again"
        written = max((place + 1 for place, (_, mark) in enumerate(before) if mark), default=0)
        assert cache.read(blocks) >= written
        assert sum(mark for _, mark in blocks) <= MOST_MARKS
        if has_tools or end > 1:
            assert blocks[-1][1], "the end is marked"
        before = blocks


@given(turns(), st.sampled_from(["openai_chat", "openai_responses", "gemini"]))
@settings(max_examples=100, deadline=None)
def test_marks_change_nothing_that_is_said(said: tuple[Said, ...], wire: str) -> None:
    asked = Asked("claude-x", False, (Words("Be kind."),), said, (LOOK,), wire=wire)
    marked, plain = TONGUE.asked(TONGUE.ask(replace(asked, marks="always"))[0], "", ""), TONGUE.asked(TONGUE.ask(asked)[0], "", "")
    assert bare(marked) == bare(plain)
    bearing = [piece for one in marked.said for piece in one.pieces if getattr(piece, "cached", None) is not None]
    assert not any(isinstance(piece, Thought) for piece in bearing)


def bare(asked: Asked) -> tuple[object, ...]:
    said = [[replace(piece, cached=None) if hasattr(piece, "cached") else piece for piece in one.pieces] for one in asked.said]
    system = [replace(one, cached=None) for one in asked.system]
    return system, said, [replace(tool, cached=None) for tool in asked.tools if isinstance(tool, Function)]


def test_what_may_be_all_that_is_asked_gets_no_marks() -> None:
    lone = Asked("claude-x", False, (Words("Be kind."),), (Said("user", (Words("Hello"),)),), wire="openai_chat")
    assert not any(mark for _, mark in prompt(sent(lone)))
    assert sum(mark for _, mark in prompt(sent(lone, "always"))) == 2
    assert sent(lone, "never")["system"] == "Be kind."


@pytest.mark.parametrize("marks", ["auto", "always"])
def test_who_marks_is_left_alone(marks: Marks) -> None:
    own = Words("Be kind.", Raw(b'{"type":"ephemeral","ttl":"1h"}'))
    asked = Asked(
        "claude-x", False, (own,), (Said("user", (Words("Hello"),)), Said("assistant", (Words("Hi."),))), (LOOK,), wire="openai_chat"
    )
    body = sent(asked, marks)
    assert body == sent(asked, "never")
    assert body["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
