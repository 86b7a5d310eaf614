"""Lists of models from each wire into each other one: what is told, pages, single ones, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.errors import DocumentError
from backstory.wires.model_lists import ASKED, Model, ModelList, read_models
from backstory.wires.translation.tongues import TONGUES

TONGUE = {tongue.name: tongue for tongue in TONGUES}
LISTS: dict[str, dict[str, Any]] = {
    "anthropic": {
        "data": [
            {
                "type": "model",
                "id": "claude-x",
                "display_name": "Claude X",
                "created_at": "2026-01-02T00:00:00Z",
                "max_input_tokens": 200000,
            },
            {"type": "model", "id": "claude-y", "display_name": "Claude Y", "created_at": "2025-01-02T00:00:00Z", "max_tokens": 64000},
        ],
        "has_more": False,
    },
    "openai_chat": {
        "object": "list",
        "data": [
            {"id": "a/one", "object": "model", "created": 1767312000, "owned_by": "us", "name": "One", "context_length": 1000},
            {
                "id": "two:7b",
                "object": "model",
                "created": 1735776000.5,
                "max_model_len": 4096,
                "top_provider": {"max_completion_tokens": 99},
            },
        ],
    },
    "gemini": {
        "models": [
            {
                "name": "models/gemini-x",
                "displayName": "Gemini X",
                "inputTokenLimit": 1048576,
                "outputTokenLimit": 65536,
                "description": "A model.",
                "supportedGenerationMethods": ["generateContent"],
            },
            {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
        ]
    },
}
LISTS["openai_responses"] = LISTS["openai_chat"]


def translated(client: str, provider: str, body: object, one: str = "", query: str = "", status: int = 200) -> tuple[int, Any]:
    exchange = ModelList(TONGUE[client], TONGUE[provider], one, query)
    assert exchange.begin(status, ((b"ETag", b"x"), (b"request-id", b"r1")))[1][0] == (b"request-id", b"r1")
    found, out = exchange.whole(body if isinstance(body, bytes) else json.dumps(body).encode())
    return found, json.loads(out)


def test_what_is_told_of_a_model_is_read_in_each_wire() -> None:
    read = {name: read_models(json.dumps(body).encode(), name) for name, body in LISTS.items()}
    assert read["anthropic"][0] == Model("claude-x", "Claude X", 1767312000, "anthropic", 200000)
    assert read["anthropic"][1].output == 64000
    assert read["openai_chat"] == [
        Model("a/one", "One", 1767312000, "us", 1000),
        Model("two:7b", "", 1735776000, "", 4096, 99),
    ]
    assert read["gemini"][0] == Model("gemini-x", "Gemini X", 0, "google", 1048576, 65536, "A model.", ("generateContent",))


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
def test_an_openai_client_gets_a_list_of_its_own(provider: str) -> None:
    status, body = translated("openai_chat", provider, LISTS[provider])
    assert status == 200
    assert body["object"] == "list"
    first = body["data"][0]
    assert first["object"] == "model"
    assert first["id"] == {"anthropic": "claude-x", "gemini": "gemini-x"}[provider]
    assert isinstance(first["created"], int)
    assert first["owned_by"] == {"anthropic": "anthropic", "gemini": "google"}[provider]
    assert first["context_length"] == {"anthropic": 200000, "gemini": 1048576}[provider]


@pytest.mark.parametrize("provider", ["openai_chat", "openai_responses", "gemini"])
def test_an_anthropic_client_turns_pages_both_ways(provider: str) -> None:
    ids = [one.id for one in read_models(json.dumps(LISTS[provider]).encode(), provider)]
    _, whole = translated("anthropic", provider, LISTS[provider])
    assert [one["id"] for one in whole["data"]] == ids
    assert (whole["has_more"], whole["first_id"], whole["last_id"]) == (False, ids[0], ids[-1])
    assert whole["data"][0]["type"] == "model"
    _, page = translated("anthropic", provider, LISTS[provider], query="limit=1")
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:1], True)
    _, page = translated("anthropic", provider, LISTS[provider], query=f"limit=1&after_id={ids[0]}")
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[1:], False)
    _, page = translated("anthropic", provider, LISTS[provider], query=f"limit=1&before_id={ids[1]}")
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:1], False)
    _, empty = translated("anthropic", provider, LISTS[provider], query=f"after_id={ids[1]}")
    assert (empty["data"], empty["last_id"]) == ([], None)


def test_a_gemini_client_turns_pages_and_gets_names_that_fit_into_a_path() -> None:
    _, page = translated("gemini", "openai_chat", LISTS["openai_chat"], query="pageSize=1&key=secret")
    assert [one["name"] for one in page["models"]] == ["models/a%2Fone"]
    assert page["models"][0]["inputTokenLimit"] == 1000
    assert "generateContent" in page["models"][0]["supportedGenerationMethods"]
    _, rest = translated("gemini", "openai_chat", LISTS["openai_chat"], query=f"pageSize=1&pageToken={page['nextPageToken']}")
    assert [one["name"] for one in rest["models"]] == ["models/two%3A7b"]
    assert "nextPageToken" not in rest


@pytest.mark.parametrize(("client", "query"), [("anthropic", "limit=x"), ("anthropic", "after_id=no"), ("gemini", "pageToken=no")])
def test_a_page_that_there_is_not_is_an_error_in_the_clients_shape(client: str, query: str) -> None:
    status, body = translated(client, "openai_chat", LISTS["openai_chat"], query=query)
    assert status == 400
    assert "error" in body


@pytest.mark.parametrize(
    ("provider", "place"),
    [("anthropic", "/v1/models/a%2Fb%3Ac"), ("openai_chat", "/v1/models/a%2Fb%3Ac"), ("gemini", "/v1beta/models/a%2Fb%3Ac")],
)
def test_one_model_is_asked_for_by_its_own_name(provider: str, place: str) -> None:
    client = "gemini" if provider != "gemini" else "anthropic"
    assert ModelList(TONGUE[client], TONGUE[provider], "a%2Fb%3Ac", "").place() == place


def test_one_model_is_one_model() -> None:
    _, one = translated("anthropic", "gemini", LISTS["gemini"]["models"][0], "gemini-x")
    assert (one["id"], one["display_name"], one["created_at"]) == ("gemini-x", "Gemini X", "1970-01-01T00:00:00Z")
    _, one = translated("gemini", "anthropic", LISTS["anthropic"]["data"][1], "claude-y")
    assert (one["name"], one["outputTokenLimit"]) == ("models/claude-y", 64000)


@pytest.mark.parametrize("client", ["anthropic", "openai_chat", "gemini"])
def test_an_error_is_told_in_the_clients_shape(client: str) -> None:
    provider = "gemini" if client == "anthropic" else "anthropic"
    status, body = translated(client, provider, {"error": {"message": "no such model", "code": 404}}, "x", status=404)
    assert status == 404
    assert body["error"]["message"] == "no such model"


def test_what_is_no_list_is_refused_and_what_is_no_model_left_out() -> None:
    with pytest.raises(DocumentError):
        translated("anthropic", "openai_chat", b"<html>")
    with pytest.raises(DocumentError):
        translated("anthropic", "openai_chat", {"object": "list"})
    assert translated("openai_chat", "gemini", {})[1]["data"] == []
    assert [one.id for one in read_models(b'[{"id":"m"},{"x":1},7]', "openai_chat")] == ["m"]


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("/v1/models", None),
        ("/models", None),
        ("/v1beta/models", None),
        ("/anthropic/v1/models", None),
        ("/v1/models/gpt-x", "gpt-x"),
        ("/v1/models/a/b", "a/b"),
        ("/v1beta/models/gemini-x", "gemini-x"),
    ],
)
def test_the_paths_of_all_wires_are_known(path: str, one: str | None) -> None:
    found = ASKED.fullmatch(path)
    assert found is not None
    assert found.group("one") == one


@pytest.mark.parametrize("path", ["/v1/modelsx", "/v1/files/models", "/v1/fine_tuning/models"])
def test_other_paths_are_none_of_them(path: str) -> None:
    assert ASKED.fullmatch(path) is None
