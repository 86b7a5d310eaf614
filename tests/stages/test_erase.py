"""What is taken out of a history, in all the ways in which clients send it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.commands import sign
from backstory.core.document import Document
from backstory.core.edits import DropMessages
from backstory.core.layout import Layouts
from backstory.core.wire import Wire
from backstory.stages.erase import Cleaned, Eraser
from backstory.wires import WIRES

NAME = "8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10"
ANTHROPIC, CHAT, RESPONSES, GEMINI = (
    next(wire for wire in WIRES if wire.name.endswith(name)) for name in ("anthropic", "chat", "responses", "gemini")
)
REMINDER = "<system-reminder>\nAs you answer, use the project's rules.\n</system-reminder>\n"


def user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(content: object) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def ours(command: str, told: str = "- 3 turns") -> dict[str, Any]:
    return said(sign.signed(NAME, command, told))


def cleaned(messages: list[Any], wire: Wire = CHAT, layouts: Layouts | None = None) -> tuple[list[Any], Cleaned | None]:
    """The messages without commands, and what was found."""
    key = {"openai_responses": "input", "gemini": "contents"}.get(wire.name, "messages")
    body = json.dumps({"model": "m", key: messages}).encode()
    document = Document(body, layouts)
    prompt = wire.read(document, "/v1beta/models/m:generateContent")
    found = Eraser("!/").clean(body, prompt, wire)
    if found is None or not found.edits:
        return messages, found
    kept: list[Any] = json.loads(wire.render(document, prompt, found.edits))[key]
    return kept, found


def test_nothing_is_found_where_nothing_is() -> None:
    assert cleaned([user("Hi"), said("Hello"), user("#!/bin/sh [vc:prompt] VCSTATUS?")])[1] is None


def test_a_pair_goes_and_names_its_conversation() -> None:
    kept, found = cleaned([user("Hi"), said("Hello"), user("VCSTATUS"), ours("VCSTATUS"), user("On.")])
    assert kept == [user("Hi"), said("Hello"), user("On.")]
    assert found is not None
    assert found.conversation == NAME
    assert found.edits == [DropMessages(2, 4)]
    assert found.asked is None


LOOK_ALIKES: dict[str, list[Any]] = {
    "another command": [user("VCLIST"), ours("VCSTATUS"), user("On.")],
    "no command": [user("What is VCSTATUS?"), ours("VCSTATUS"), user("On.")],
    "no answer of ours": [user("VCSTATUS"), said("(Backstory answered. ~vc:" + NAME + ":000000000000)"), user("On.")],
    "said by the user": [user("VCSTATUS"), user(ours("VCSTATUS")["content"]), user("On.")],
    "quoted by the model": [user("VCSTATUS"), said("> " + ours("VCSTATUS")["content"]), user("On.")],
    "never answered": [user("VCSTATUS"), user("On.")],
    "another message between": [user("VCSTATUS"), user("Hm"), ours("VCSTATUS"), user("On.")],
    "first of all": [ours("VCSTATUS"), user("On.")],
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_look_alike_stays(name: str) -> None:
    kept, found = cleaned(LOOK_ALIKES[name])
    assert kept == LOOK_ALIKES[name]
    assert found is None


def test_what_was_never_answered_stays_beside_what_was() -> None:
    kept, _ = cleaned([user("VCSTATUS"), user("VCSTATUS"), ours("VCSTATUS"), user("On.")])
    assert kept == [user("VCSTATUS"), user("On.")]


def test_a_tool_call_keeps_its_result() -> None:
    call = said([{"type": "tool_use", "id": "t1", "name": "look", "input": {}}])
    result = user([{"type": "tool_result", "tool_use_id": "t1", "content": "x"}, {"type": "text", "text": "VCSTATUS"}])
    messages = [user("Hi"), call, result, ours("VCSTATUS"), user("On.")]
    kept, found = cleaned(messages, ANTHROPIC)
    assert kept == messages
    assert found is None


def test_a_picture_with_a_command_is_no_command() -> None:
    picture = user([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}, {"type": "text", "text": "VCSTATUS"}])
    assert cleaned([picture])[1] is None


def test_what_a_client_puts_beside_a_command_is_not_looked_at() -> None:
    wrapped = user([{"type": "text", "text": REMINDER}, {"type": "text", "text": "VCSTATUS", "cache_control": {"type": "ephemeral"}}])
    _, found = cleaned([user("Hi"), said("Hello"), wrapped], ANTHROPIC)
    assert found is not None
    assert found.asked is not None
    assert (found.asked.name, found.asked.written) == ("status", "VCSTATUS")
    for around in ("[Telegram Ann id:7 2026-11-20 10:00 UTC] VCSTATUS", "VCSTATUS\n[message_id: 12]", f"{REMINDER}vcstatus"):
        assert cleaned([user(around)])[1] is not None, around


def test_a_clients_rules_go_with_the_next_message() -> None:
    """Claude Code sends them once, with the first message: without the command they would have gone with the next."""
    first = user([{"type": "text", "text": REMINDER}, {"type": "text", "text": "VCSTATUS"}])
    environment = {"role": "system", "content": "# Environment"}
    kept, _ = cleaned(
        [first, environment, ours("VCSTATUS"), user("VCLIST"), ours("VCLIST"), user([{"type": "text", "text": "Hi"}])], ANTHROPIC
    )
    assert kept == [user([{"type": "text", "text": REMINDER}, {"type": "text", "text": "Hi"}]), environment]
    in_one = user(f"<system-reminder>{'x' * 300}</system-reminder>\nVCSTATUS")
    kept, _ = cleaned([in_one, ours("VCSTATUS"), user("Hi")])
    assert kept == [user(f"<system-reminder>{'x' * 300}</system-reminder>\n\nHi")]


def test_a_name_and_a_time_around_a_command_go_with_it() -> None:
    messages = [user("[Telegram Ann id:7 2026-11-20 10:00 UTC] VCSTATUS"), ours("VCSTATUS"), user("Hi")]
    assert cleaned(messages)[0] == [user("Hi")]


def test_a_setting_is_struck_and_nothing_else() -> None:
    messages = [
        user("Is 5 > 3? é !/memory(off)"),
        said("Yes."),
        user("See !/memory(off): \n !/memory(off)\n!/memory(off)"),
        said("I see."),
        user("Go"),
    ]
    kept, found = cleaned(messages)
    assert kept == [user("Is 5 > 3? é"), said("Yes."), user("See !/memory(off): \n !/memory(off)"), said("I see."), user("Go")]
    assert found is not None
    assert found.asked is None


def test_a_setting_in_the_newest_message_is_found_and_struck() -> None:
    kept, found = cleaned([user("Hi"), said("Hello"), user([{"type": "text", "text": "Go.\n!/label(x)\n"}])], ANTHROPIC)
    assert kept[-1] == user([{"type": "text", "text": "Go.\n"}])
    assert found is not None
    assert found.asked is not None
    assert found.asked.before


def test_spelling_of_json_does_not_matter() -> None:
    body = json.dumps({"model": "m", "messages": [user("Go. !/memory(off)")]}).replace("/", "\\/").encode()
    prompt = CHAT.read(Document(body), "")
    found = Eraser("!/").clean(body, prompt, CHAT)
    assert found is not None
    assert json.loads(CHAT.render(Document(body), prompt, found.edits))["messages"] == [user("Go.")]


def test_a_marker_behind_our_answer_changes_nothing() -> None:
    answer = said(ours("VCSTATUS")["content"] + f"\n<!-- vc:conversation={NAME} -->")
    assert cleaned([user("VCSTATUS"), answer, user("On.")])[0] == [user("On.")]


def test_an_answer_sent_back_by_its_id_goes_too() -> None:
    item = "msg_" + sign.reply_id(NAME, "VCSTATUS", "resp_7").removeprefix("resp_") + "_0"
    reference = {"type": "item_reference", "id": item}
    theirs = {"type": "item_reference", "id": "msg_6"}
    kept, found = cleaned([user("Hi"), theirs, user("VCSTATUS"), reference, user("On.")], RESPONSES)
    assert kept == [user("Hi"), theirs, user("On.")]
    assert found is not None
    assert found.conversation == NAME
    assert cleaned([user("Hi"), theirs, user("VCLIST"), reference, user("On.")], RESPONSES)[1] is None


def test_gemini_contents_are_read_alike() -> None:
    def content(role: str, text: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"text": text}]}

    messages = [content("user", "VCSTATUS"), content("model", ours("VCSTATUS")["content"]), content("user", "Go. !/memory(on)")]
    kept, found = cleaned(messages, GEMINI)
    assert kept == [content("user", "Go.")]
    assert found is not None
    assert found.asked is not None


def test_a_beginning_that_was_looked_at_is_not_looked_at_again() -> None:
    layouts = Layouts(7)
    history = [user("word " * 500), said("word " * 500)] * 4
    assert cleaned([*history, user("One")], CHAT, layouts)[1] is None
    kept, _ = cleaned([*history, user("One"), said("Two"), user("VCSTATUS"), ours("VCSTATUS"), user("On.")], CHAT, layouts)
    assert kept == [*history, user("One"), said("Two"), user("On.")]
    kept, found = cleaned(
        [*history, user("One"), said("Two"), user("VCSTATUS"), ours("VCSTATUS"), user("On."), said("So."), user("!")], CHAT, layouts
    )
    assert kept == [*history, user("One"), said("Two"), user("On."), said("So."), user("!")]
    assert found is not None
