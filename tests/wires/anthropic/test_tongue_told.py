"""Blocks that only Anthropic Messages has: what a search found, documents of several blocks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.translation import Words
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
OTHERS = [name for name in TONGUE if name != "anthropic"]
FOUND: dict[str, Any] = {
    "type": "search_result",
    "source": "https://example.org/a",
    "title": 'The "answer"',
    "content": [{"type": "text", "text": "It is 42."}, {"type": "text", "text": "Or 43."}],
    "citations": {"enabled": True},
    "cache_control": {"type": "ephemeral"},
}
TOLD = '<search_result title="The \\"answer\\"" source="https://example.org/a">\nIt is 42.\nOr 43.\n</search_result>'
DOCUMENT: dict[str, Any] = {
    "type": "document",
    "title": "Notes",
    "context": "of May",
    "source": {
        "type": "content",
        "content": [{"type": "text", "text": "First."}, {"type": "image", "source": {"type": "url", "url": "u"}}],
    },
}


def request(*blocks: dict[str, Any], within: bool = False) -> bytes:
    messages: list[dict[str, Any]] = [{"role": "user", "content": [*blocks, {"type": "text", "text": "Well?"}]}]
    if within:
        use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [*blocks]}
        messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    return json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": messages}).encode()


def sent(provider: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    one = Translated(TONGUE["anthropic"], TONGUE[provider], WIRE[provider], "/v1/messages", "")
    return one.ask(body), {loss.what: loss.how for loss in one.losses}


@pytest.mark.parametrize("provider", OTHERS)
@pytest.mark.parametrize("within", [False, True])
def test_what_a_search_found_is_told_with_title_and_source(provider: str, within: bool) -> None:
    body, lost = sent(provider, request(FOUND, within=within))
    assert json.dumps(TOLD)[1:-1].encode() in body
    assert lost["search_result"] == "changed"
    assert "dropped" not in {how for what, how in lost.items() if what not in {"cache_control"}}


@pytest.mark.parametrize("provider", OTHERS)
def test_a_document_of_several_blocks_is_told_as_text_and_its_images_are_named_as_lost(provider: str) -> None:
    body, lost = sent(provider, request(DOCUMENT))
    assert b'<document title=\\"Notes\\" context=\\"of May\\">\\nFirst.\\n</document>' in body
    assert (lost["document"], lost["messages.content.document.image"]) == ("changed", "dropped")


@pytest.mark.parametrize("provider", OTHERS)
def test_a_document_whose_content_is_one_string_is_told(provider: str) -> None:
    body, lost = sent(provider, request({"type": "document", "source": {"type": "content", "content": "All of it."}}))
    assert b"<document>\\nAll of it.\\n</document>" in body
    assert lost["document"] == "changed"


@pytest.mark.parametrize("provider", OTHERS)
def test_a_document_of_plain_text_gets_through(provider: str) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Plain words."}
    one = TONGUE[provider]
    body, _ = sent(provider, request({"type": "document", "title": "t.txt", "source": source}))
    path, _, query = one.place("", TONGUE["anthropic"].asked(request(), "", "")).partition("?")
    read = one.asked(body, path, query)
    assert "Plain words." in str(read.said)


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("block", [FOUND, DOCUMENT])
def test_to_its_own_wire_such_a_block_is_written_as_it_was(block: dict[str, Any], within: bool) -> None:
    tongue = TONGUE["anthropic"]
    body, _ = tongue.ask(tongue.asked(request(block, within=within), "", ""))
    content = json.loads(body)["messages"][-1]["content"]
    assert (content[0]["content"] if within else content)[0] == block


def test_a_result_without_words_is_left_to_its_own_wire() -> None:
    empty = {**FOUND, "content": []}
    asked = TONGUE["anthropic"].asked(request(empty), "", "")
    assert not any(isinstance(piece, Words) and piece.own is not None for one in asked.said for piece in one.pieces)
    assert sent("openai_chat", request(empty))[1] == {"messages.content.search_result": "dropped"}
