"""Claims of identity as each client makes them, and what is never taken for one."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Message, Prompt, Text
from backstory.memory.identity.named import Claim, claims, principal, system_hash

_UUID = "6d7c2844-62c6-4635-866d-55b92a578ebd"
_OTHER = "01a1fa19-2667-7230-b26a-5df5b5afca0d"


def _head(*headers: tuple[str, str], path: str = "/v1/messages", query: str = "") -> Head:
    return Head("POST", path, query, tuple((name.encode(), value.encode()) for name, value in headers))


def _prompt(*items: object, system: str = "", previous: str = "") -> Prompt:
    parts = (Text(system),) if system else ()
    return Prompt("m", True, parts, tuple(msgspec.json.encode(item) for item in items), ("messages",), previous=previous)


def _keys(head: Head, body: object = None, prompt: Prompt | None = None) -> list[str]:
    return [claim.key for claim in claims(head, prompt or _prompt(), Document(msgspec.json.encode(body or {})))]


def test_claude_code_is_known_by_header_or_user_id_in_either_form() -> None:
    key = f"session:claude-code:{_UUID}"
    new = {"metadata": {"user_id": msgspec.json.encode({"device_id": "0b", "account_uuid": "", "session_id": _UUID}).decode()}}
    old = {"metadata": {"user_id": f"user_0bb9_account__session_{_UUID}"}}
    assert _keys(_head(("X-Claude-Code-Session-Id", _UUID)), new) == [key]
    assert _keys(_head(), new) == [key]
    assert _keys(_head(), old) == [key]


def test_a_subagent_of_claude_code_has_a_conversation_of_its_own() -> None:
    parent = _keys(_head(("X-Claude-Code-Session-Id", _UUID)))
    agent = _keys(_head(("X-Claude-Code-Session-Id", _UUID), ("x-claude-code-agent-id", "a1")))
    assert agent == [f"session:claude-code:{_UUID}/a1"]
    assert agent != parent


def test_codex_is_known_by_its_thread_so_that_subagents_are_apart() -> None:
    body = {"prompt_cache_key": _UUID, "client_metadata": {"session_id": _UUID, "thread_id": _OTHER}}
    assert _keys(_head(("session-id", _UUID), ("thread-id", _OTHER)), body) == [f"session:codex:{_OTHER}"]
    assert _keys(_head(), body) == [f"session:codex:{_OTHER}"]
    assert _keys(_head(("session-id", _UUID))) == [f"session:codex:{_UUID}"]


def test_opencode_and_pi_are_known_by_their_headers() -> None:
    assert _keys(_head(("x-session-affinity", "ses_e05e"), ("x-session-id", "ses_e05e"))) == ["session:session:ses_e05e"]
    assert _keys(_head(("session_id", _UUID)), {"prompt_cache_key": _UUID}) == [f"session:pi:{_UUID}"]


def test_a_cache_key_counts_only_where_it_is_unique() -> None:
    assert _keys(_head(), {"prompt_cache_key": _UUID}) == [f"session:cache-key:{_UUID}"]
    assert _keys(_head(), {"prompt_cache_key": "my-app"}) == []


def test_openclaw_is_known_by_its_line_in_system_prompt_or_first_message() -> None:
    line = "Runtime: agent=main | session=agent:main:explicit:t1 | sessionId=t1 | host=h | model=m"
    key = "session:openclaw:agent:main:explicit:t1/t1"
    assert _keys(_head(), prompt=_prompt(system="You are a personal assistant.\n" + line)) == [key]
    assert _keys(_head(), prompt=_prompt({"role": "user", "content": "Hi\n\n" + line})) == [key]
    late = [{"role": "user", "content": "x"}] * 5 + [{"role": "user", "content": "\n" + line}]
    assert _keys(_head(), prompt=_prompt(*late)) == []


def test_an_explicit_conversation_comes_first_and_server_state_last() -> None:
    head = _head(("X-VC-Conversation", _UUID), ("x-session-id", "s1"))
    found = claims(head, _prompt(previous="resp_1"), Document(b"{}"))
    assert found == (Claim(f"conversation:{_UUID}", True, _UUID), Claim("session:session:s1", True), Claim("response:resp_1", True))


def test_items_that_stand_for_stored_replies_name_their_conversation() -> None:
    items = [{"type": "item_reference", "id": f"msg_{n}"} if n % 2 else {"role": "user", "content": "x"} for n in range(9)]
    prompt = _prompt(*items)
    assert _keys(_head(path="/v1/responses"), prompt=prompt) == ["item:msg_7", "item:msg_5", "item:msg_3"]
    assert _keys(_head(path="/v1/chat/completions"), prompt=prompt) == []


@pytest.mark.parametrize("value", ["", "   ", "a b", "x" * 201, "caf\u00e9", "a\tb"])
def test_what_cannot_be_an_id_is_no_claim(value: str) -> None:
    assert _keys(_head(("x-session-id", value))) == []


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"user_id": "alice@example.com"}},
        {"metadata": {"user_id": '{"session_id": 7}'}},
        {"metadata": {"user_id": "{broken"}},
        {"metadata": {"user_id": 5}},
        {"metadata": "x"},
        {"client_metadata": ["thread_id"]},
        {"user": _UUID},
        [],
        "text",
    ],
)
def test_bodies_of_any_shape_make_no_claim_and_no_error(body: object) -> None:
    assert _keys(_head(), body) == []


def test_two_users_of_a_library_with_the_same_prompt_claim_nothing() -> None:
    head = _head(("authorization", "Bearer sk-1"), ("user-agent", "OpenAI/Python 3.52.0"))
    assert _keys(head, {"model": "m"}, _prompt({"role": "user", "content": "continue"}, system="You are helpful.")) == []


def test_a_single_user_has_one_principal_whatever_the_key() -> None:
    assert principal("single", _head(("authorization", "Bearer sk-1"))) == principal("single", _head()) == ""


def test_a_key_is_the_principal_however_it_is_sent() -> None:
    want = hashlib.sha256(b"sk-1").hexdigest()[:16]
    assert principal("api_key", _head(("Authorization", "bearer sk-1"))) == want
    assert principal("api_key", _head(("x-api-key", "sk-1"))) == want
    assert principal("api_key", _head(("x-goog-api-key", "sk-1"))) == want
    assert principal("api_key", _head(query="alt=sse&key=sk-1")) == want
    assert principal("api_key", _head(("x-api-key", "sk-2"))) != want


def test_without_a_key_nobody_is_let_into_the_single_users_memory() -> None:
    assert principal("api_key", _head(("authorization", "Basic eDp5"), query="monkey=1")) == "anonymous"


def _system(*texts: str) -> bytes:
    return system_hash(tuple(Text(text) for text in texts))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x-anthropic-billing-header: cc_version=2.1.329.475; cc_entrypoint=cli;", "x-anthropic-billing-header: cc_version=2.1.329.576;"),
        ("Current date: 2026-11-20", "Current date: 2026-11-21"),
        ("Today's date is Friday, November 20, 2026.", "Today's date is Saturday, November 21, 2026."),
        ("<env>\n  Working directory: /a\n</env>", "<env>\n  Working directory: /b\n  Is git: yes\n</env>"),
        ("Request 6d7c2844-62c6-4635-866d-55b92a578ebd", "Request 01a1fa19-2667-7230-b26a-5df5b5afca0d"),
        ("<!-- openclaw:attempt:DYNAMIC -->\n## Temporal Context\nx", "<!-- openclaw:attempt:DYNAMIC -->\nother"),
        (" - Primary working directory: /tmp/a", " - Primary working directory: /tmp/b"),
        ("Seed 0123456789abcdef0", "Seed 9f86d081884c7d659a"),
        ("be\n  brief ", "be brief"),
    ],
)
def test_what_changes_by_itself_does_not_change_the_system_hash(one: str, other: str) -> None:
    assert _system("You are an agent.", one) == _system("You are an agent.", other)


def test_the_system_hash_tells_prompts_apart_wherever_they_stand() -> None:
    assert _system("You are an agent.") != _system("You are a pirate.")
    assert _system() == b""
    assert system_hash((), (Message("system", (Text("You are an agent."),)),)) == _system("You are an agent.")
    assert system_hash((), (Message("user", (Text("You are an agent."),)),)) == b""
    assert len(_system("\ud800")) == 16


def test_a_reference_without_a_usable_id_is_passed_over() -> None:
    items = ({"type": "item_reference", "id": "msg_1"}, {"type": "item_reference", "id": 5}, {"type": "item_reference"})
    assert _keys(_head(path="/v1/responses"), prompt=_prompt(*items)) == ["item:msg_1"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("trip", "trip"),
        ("  trip ", "trip"),
        ("trip to Porto", "trip%20to%20Porto"),
        ("trip%20to%20Porto", "trip%20to%20Porto"),
        ("x" * 200, "x" * 200),
        ("x" * 201, hashlib.sha256(b"x" * 201).hexdigest()),
    ],
)
def test_whatever_a_person_calls_a_conversation_is_its_name(name: str, key: str) -> None:
    assert _keys(_head(("X-VC-Conversation", name))) == [f"conversation:{key}"]
    assert claims(_head(("X-VC-Conversation", name)), _prompt(), Document(b"{}"))[0].conversation == key


def test_names_in_other_letters_are_told_apart() -> None:
    keys = {*_keys(_head(("X-VC-Conversation", "été"))), *_keys(_head(("X-VC-Conversation", "旅行"))), *_keys(_head(("x", "y")))}
    assert len(keys) == 2
    assert all(key.isascii() and " " not in key for key in keys)
