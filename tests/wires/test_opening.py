"""A glance at a request finds an opening where reading finds one, and is in doubt where there is any doubt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.document import Document
from backstory.memory.identity.clients import CLIENTS
from backstory.wires import WIRES
from tests.rig import PATHS, asking

BY_NAME = {wire.name: wire for wire in WIRES}
STREAMED = PATHS | {"gemini": "/v1beta/models/m:streamGenerateContent"}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_first_message_of_a_conversation_is_an_opening(name: str, stream: bool) -> None:
    wire, path = BY_NAME[name], (STREAMED if stream else PATHS)[name]
    more: dict[str, Any] = {"stream": True} if stream and name != "gemini" else {}
    body = asking(name, [("user", "Hello?")], **more)
    found = wire.opening(body, path)
    prompt = wire.read(Document(body), path)
    assert found is not None
    assert [bytes(item) for item in found.items] == [bytes(item) for item in prompt.items]
    assert found.stream is prompt.stream is stream


def test_so_is_one_after_a_system_message() -> None:
    for role in ("system", "developer"):
        messages = [{"role": role, "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
        found = BY_NAME["openai_chat"].opening(json.dumps({"model": "m", "messages": messages}).encode(), PATHS["openai_chat"])
        assert found is not None
        assert [json.loads(bytes(item)) for item in found.items] == messages


def test_a_string_is_one_message() -> None:
    found = BY_NAME["openai_responses"].opening(b'{"input":"Hello?"}', PATHS["openai_responses"])
    assert found is not None
    assert [bytes(item) for item in found.items] == [b'"Hello?"']


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "said", [[], [("user", "a"), ("user", "b")], [("user", "a"), ("assistant", "b")], [("user", "a"), ("assistant", "b"), ("user", "c")]]
)
def test_anything_more_is_none(name: str, said: list[tuple[str, str]]) -> None:
    assert BY_NAME[name].opening(asking(name, said), PATHS[name]) is None


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("openai_responses", {"previous_response_id": "resp_1"}),
        ("openai_responses", {"conversation": "conv_1"}),
        ("openai_responses", {"conversation": {"id": "conv_1"}}),
        ("anthropic", {"thread": {"previous_message_id": "msg_1"}}),
    ],
)
def test_what_builds_on_what_the_provider_keeps_is_none(name: str, more: dict[str, Any]) -> None:
    assert BY_NAME[name].opening(asking(name, [("user", "a")], **more), PATHS[name]) is None


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"messages":3,"input":3,"contents":3}', b"{", b"[" * 9000, b"\xff\xfe", b'"\xed"']
)
def test_nothing_is_raised_for_what_cannot_be_read(name: str, body: bytes) -> None:
    assert BY_NAME[name].opening(body, PATHS[name]) is None


KEYS = sorted({place.name.split(".")[0] for client in CLIENTS for place in client.places if place.where != "header"})


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("key", KEYS)
def test_what_may_name_its_conversation_is_none(name: str, key: str) -> None:
    for value in ("8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10", {"user_id": "x", "thread_id": "y"}):
        assert BY_NAME[name].opening(asking(name, [("user", "a")], **{key: value}), PATHS[name]) is None
    escaped = asking(name, [("user", "a")], **{key: "v"}).replace(f'"{key}"'.encode(), f'"\\u{ord(key[0]):04x}{key[1:]}"'.encode())
    assert json.loads(escaped)[key] == "v"
    assert BY_NAME[name].opening(escaped, PATHS[name]) is None
    assert BY_NAME[name].opening(asking(name, [("user", "a")], **{key: None}), PATHS[name]) is not None
