"""Law 2 for what tools gave back and for what is shown: an edit of a result's text or of an image says in the bytes what it says in the
messages, whatever form the client chose, and every other byte stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from backstory.core.document import Document
from backstory.core.edits import Edit, PutMessage, ReplaceMedia, SetImage, SetText
from backstory.core.images import fingerprint
from backstory.core.message import Media, Message, Part, Text, ToolResult
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires import WIRES
from tests.laws.test_render_law import PATHS, TEXT, every_wire, read

MARK = {"type": "ephemeral", "ttl": "1h"}
SMALL = "/9j/AAAA"
JPEG = f"data:image/jpeg;base64,{SMALL}"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA10dzkAAAA"


class Block(Struct):
    """A piece of a result or of a message: text, or an image where `text` is None. `marked`: with a cache mark."""

    text: str | None
    marked: bool = False


BLOCKS = st.lists(st.builds(Block, st.one_of(TEXT, TEXT, st.none()), st.sampled_from([False, False, False, True])), min_size=1, max_size=4)


def spelled(wire: str, blocks: Sequence[Block], single: bool) -> object:
    """Blocks as content: a string where there is one unmarked text and `single` is set."""
    if single and len(blocks) == 1 and blocks[0].text is not None and not blocks[0].marked:
        return blocks[0].text
    return [spell(wire, block) for block in blocks]


def spell(wire: str, block: Block) -> dict[str, object]:
    made: dict[str, object]
    match wire:
        case "anthropic":
            source: dict[str, object] = {"type": "base64", "media_type": "image/png", "data": PNG}
            made = {"type": "text", "text": block.text} if block.text is not None else {"type": "image", "source": source}
        case "openai_chat":
            link: dict[str, object] = {"url": f"data:image/png;base64,{PNG}", "detail": "low"}
            made = {"type": "text", "text": block.text} if block.text is not None else {"type": "image_url", "image_url": link}
        case "openai_responses":
            shown: dict[str, object] = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"}
            made = {"type": "input_text", "text": block.text} if block.text is not None else shown
        case _:
            blob: dict[str, object] = {"inlineData": {"mimeType": "image/png", "data": PNG}}
            made = {"text": block.text} if block.text is not None else blob
    return made | ({"cache_control": MARK} if block.marked and wire != "gemini" else {})


def body(wire: str, result: object, shown: Sequence[Block]) -> dict[str, object]:
    """A request: a question with things shown, a call, its result, another word."""
    content = [spell(wire, block) for block in shown]
    match wire:
        case "anthropic":
            call = {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}}
            back = {"type": "tool_result", "tool_use_id": "c1", "content": result, "cache_control": MARK}
            listed: list[object] = [
                {"role": "user", "content": content},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s=="}, call]},
                {"role": "user", "content": [back, {"type": "new_kind", "x": [1.50]}, {"type": "text", "text": "so?"}]},
            ]
        case "openai_chat":
            call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
            listed = [
                {"role": "user", "content": content},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": result},
            ]
        case "openai_responses":
            listed = [
                {"role": "user", "content": content},
                {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x=="},
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'},
                {"type": "function_call_output", "call_id": "c1", "output": result},
            ]
        case _:
            back = {"name": "look", "response": {"result": result} if isinstance(result, str) else {"rows": [1.50, "é"], "more": result}}
            call = {"functionCall": {"name": "look", "args": {"a": 1}}, "thoughtSignature": "s=="}
            listed = [
                {"role": "user", "parts": content},
                {"role": "model", "parts": [call]},
                {"role": "user", "parts": [{"functionResponse": back}]},
            ]
            return {"contents": listed, "future": {"contents": [2.50]}}
    return {"model": "m", ("input" if wire == "openai_responses" else "messages"): listed, "future": {"messages": [2.50]}}


def flat(messages: Sequence[Message]) -> list[Part]:
    return [part for message in messages for part in message.parts]


def without_address(part: Part) -> Part:
    if isinstance(part, ToolResult):
        return replace(part, at=(), media=tuple(replace(one, at=()) for one in part.media))
    return replace(part, at=())


@every_wire
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_results_and_images_are_replaced_and_nothing_else_is(wire: Wire, data: st.DataObject) -> None:
    result = data.draw(BLOCKS)
    shown = data.draw(BLOCKS)
    value = spelled(wire.name, result, data.draw(st.booleans()))
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    raw = json.dumps(body(wire.name, value, shown), ensure_ascii=data.draw(st.booleans()), separators=separators).encode()
    prompt, before = read(wire, raw)
    parts = flat(before)
    results = [part for part in parts if isinstance(part, ToolResult)]
    media = [part for part in parts if isinstance(part, Media)]
    assert len(results) == 1
    wanted = [without_address(part) for part in parts]
    edits: list[Edit] = []
    if data.draw(st.booleans()):
        text = data.draw(TEXT)
        edits.append(SetText(results[0].at, text))
        wanted[parts.index(results[0])] = without_address(replace(results[0], text=text))
    for one in media:
        match data.draw(st.sampled_from(["stays", "words", "smaller"])):
            case "words":
                text = data.draw(TEXT)
                edits += [ReplaceMedia(one.at, text)] if data.draw(st.booleans()) else [SetImage(one.at, JPEG), ReplaceMedia(one.at, text)]
                wanted[parts.index(one)] = Text(text)
            case "smaller":
                edits.append(SetImage(one.at, JPEG))
                wanted[parts.index(one)] = without_address(
                    replace(one, mime="image/jpeg", size=len(SMALL), width=0, height=0, content=fingerprint(SMALL))
                )
            case _:
                pass
    marked = [block for block in result if block.marked and block.text is not None]
    if len(marked) > 1 and wire.name != "gemini" and any(isinstance(edit, SetText) for edit in edits):
        with pytest.raises(DocumentError):
            wire.render(Document(raw), prompt, edits)
        return
    made = wire.render(Document(raw), prompt, edits)
    after, messages = read(wire, made)
    assert [without_address(part) for part in flat(messages)] == wanted
    assert made.count(b"ephemeral") == raw.count(b"ephemeral"), "every mark stays"
    named = {edit.at[len(prompt.items_at)] for edit in edits if isinstance(edit, SetText | ReplaceMedia | SetImage)}
    for item, (old, new) in enumerate(zip(prompt.items, after.items, strict=True)):
        assert item in named or bytes(old) == bytes(new)
    assert made.endswith(raw[raw.rindex(b'"future"') :])


@every_wire
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_message_is_put_as_it_is_given_and_the_others_stay(wire: Wire, data: st.DataObject) -> None:
    raw = json.dumps(body(wire.name, "r", data.draw(BLOCKS)), indent=data.draw(st.sampled_from([None, 1]))).encode()
    prompt, before = read(wire, raw)
    index, value = data.draw(st.integers(0, len(prompt.items) - 1)), bytes(prompt.items[0])
    inside: list[Edit] = [SetText(part.at, "void") for part in before[index].parts if isinstance(part, Text | ToolResult)]
    after, _ = read(wire, wire.render(Document(raw), prompt, [*inside, PutMessage(index, value)]))
    wanted = [bytes(item) for item in prompt.items]
    wanted[index] = value
    assert [bytes(item) for item in after.items] == wanted
    with pytest.raises(DocumentError):
        wire.render(Document(raw), prompt, [PutMessage(len(wanted), value)])


@every_wire
def test_what_is_no_media_is_not_replaced(wire: Wire) -> None:
    raw = json.dumps(body(wire.name, "r", [Block("text")])).encode()
    prompt, messages = read(wire, raw)
    text = next(part for part in flat(messages) if isinstance(part, Text))
    for at in (text.at, text.at[:-1], (*text.at[:-1], "nothing")):
        with pytest.raises(DocumentError):
            wire.render(Document(raw), prompt, [ReplaceMedia(at, "x")])
        with pytest.raises(DocumentError):
            wire.render(Document(raw), prompt, [SetImage(at, JPEG)])


def test_a_signed_picture_stays() -> None:
    wire = next(wire for wire in WIRES if wire.name == "gemini")
    part = {"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": "s=="}
    raw = json.dumps({"contents": [{"role": "user", "parts": [part]}]}).encode()
    prompt = wire.read(Document(raw), PATHS["gemini"])
    for edit in (ReplaceMedia(("contents", 0, "parts", 0), "x"), SetImage(("contents", 0, "parts", 0), JPEG)):
        with pytest.raises(DocumentError):
            wire.render(Document(raw), prompt, [edit])
