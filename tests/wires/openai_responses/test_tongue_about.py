"""What OpenAI Responses is told of a request of another wire besides what was said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated

WIRE = {wire.name: wire for wire in WIRES}
TONGUE = {tongue.name: tongue for tongue in TONGUES}
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "gemini": "/v1beta/models/m:generateContent",
    "openai_responses": "/v1/responses",
}
HI: dict[str, dict[str, Any]] = {
    "anthropic": {"max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]},
    "openai_chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "openai_responses": {"input": "Hi"},
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
}


def sent(client: str, provider: str = "openai_responses", **more: object) -> tuple[dict[str, Any], dict[str, str]]:
    one = Translated(TONGUE[client], TONGUE[provider], WIRE[provider], PATHS[client], "")
    body = json.loads(one.ask(json.dumps({"model": "m", **HI[client], **more}).encode()))
    return body, {loss.what: loss.how for loss in one.losses}


def test_edits_of_a_context_in_anthropics_words_stay_behind() -> None:
    body, lost = sent("anthropic", context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]})
    assert ("context_management" in body, lost) == (False, {"context_management": "dropped"})


def test_the_apis_own_edits_go_up() -> None:
    wanted = [{"type": "compaction", "compact_threshold": 1000}]
    body, lost = sent("openai_chat", context_management=wanted)
    assert (body["context_management"], lost) == (wanted, {})


@pytest.mark.parametrize("name", ["user", "prompt_cache_key", "safety_identifier"])
@pytest.mark.parametrize(("length", "lost"), [(64, False), (65, True)])
def test_who_asks_is_told_in_64_letters(name: str, length: int, lost: bool) -> None:
    (body, found), (again, _), (other, _) = [sent("openai_chat", **{"user": "u", name: text * length}) for text in "aab"]
    assert len(body[name]) == 64
    assert body[name] == again[name] != other[name]
    assert found == dict.fromkeys([name] if lost else [], "changed")


def test_metadata_that_the_api_refuses_stays_behind() -> None:
    many = {f"k{at}": "v" for at in range(20)}
    body, lost = sent("anthropic", metadata={"user_id": "u", "n": 1, "k" * 65: "v", "long": "v" * 513, **many})
    assert body["metadata"] == {f"k{at}": "v" for at in range(16)}
    assert (body["user"], lost) == ("u", {"metadata": "changed"})
    few = {"a": "b"}
    assert sent("openai_chat", metadata=few)[0]["metadata"] == few


@pytest.mark.parametrize(
    ("client", "tier", "told", "lost"),
    [
        ("anthropic", "standard_only", "default", {}),
        ("anthropic", "new", None, {"service_tier": "dropped"}),
        ("openai_chat", "new", "new", {}),
        ("openai_chat", "priority", "priority", {}),
    ],
)
def test_tiers_are_those_that_openai_has(client: str, tier: str, told: str | None, lost: dict[str, str]) -> None:
    body, found = sent(client, service_tier=tier)
    assert (body.get("service_tier"), found) == (told, lost)


@pytest.mark.parametrize(("length", "changed"), [(64, False), (65, True)])
def test_a_call_and_its_result_get_the_same_short_id(length: int, changed: bool) -> None:
    names = ["toolu_" + letter * (length - 6) for letter in "ab"]
    uses = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in names]
    results = [{"type": "tool_result", "tool_use_id": name, "content": "r"} for name in reversed(names)]
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    body, lost = sent("anthropic", messages=messages)
    ids = [item["call_id"] for item in body["input"] if "call_id" in item]
    assert ids[:2] == ids[:1:-1]
    assert len({*ids}) == 2
    assert max(map(len, ids)) <= 64
    assert (ids[:2] == names, lost) == (not changed, {"tool ids": "changed"} if changed else {})
    assert sent("anthropic", messages=messages)[0] == body


@pytest.mark.parametrize("provider", ["openai_responses", "openai_chat", "gemini"])
@pytest.mark.parametrize("kind", ["image", "document"])
@pytest.mark.parametrize("within", [False, True])
def test_a_file_that_another_provider_keeps_is_refused_by_name(provider: str, kind: str, within: bool) -> None:
    seen = [{"type": kind, "source": {"type": "file", "file_id": "file_1"}}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": seen}]
    if within:
        use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": seen}
        messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    assert sent("anthropic", provider, messages=messages)[1]["file_id"] == "refused"


@pytest.mark.parametrize(
    ("client", "file"), [("gemini", "gs://b/x.png"), ("gemini", "https://generativelanguage.googleapis.com/v1beta/files/a")]
)
def test_so_are_files_of_google(client: str, file: str) -> None:
    contents = [{"parts": [{"fileData": {"fileUri": file, "mimeType": "image/png"}}]}]
    assert sent(client, contents=contents)[1]["file_id"] == "refused"


def test_a_file_of_openais_own_goes_up() -> None:
    content = [{"type": "file", "file": {"file_id": "file-1"}}]
    body, lost = sent("openai_chat", messages=[{"role": "user", "content": content}])
    assert (body["input"][0]["content"], lost) == ([{"type": "input_file", "file_id": "file-1"}], {})


@pytest.mark.parametrize("wanted", [True, False])
def test_top_logprobs_alone_do_not_go_to_chat(wanted: bool) -> None:
    include = ["message.output_text.logprobs"] if wanted else []
    body, lost = sent("openai_responses", "openai_chat", top_logprobs=3, include=include)
    assert {name: body.get(name) for name in ("logprobs", "top_logprobs")} == {
        "logprobs": True if wanted else None,
        "top_logprobs": 3 if wanted else None,
    }
    assert ("top_logprobs" in lost) is not wanted
