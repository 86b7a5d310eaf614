"""Where the side model is asked, what it costs, and when nothing is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.catalogue import catalogue
from backstory.config.sections import Memory, SideModel
from backstory.config.side_models import Secret
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Target
from backstory.core.records import Used
from backstory.errors import ConfigError
from backstory.providers.side_model import FREE, Price, configured, is_local, most, of_client, off, own, price_of


def config(key: str = "", **fields: Any) -> Config:
    return Config(side_model=SideModel(**fields), side_key=Secret(key))


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"provider": "ollama"}, "http://127.0.0.1:11434/v1/chat/completions"),
        ({"provider": "openai"}, "https://api.openai.com:443/v1/chat/completions"),
        ({"provider": "anthropic"}, "https://api.anthropic.com:443/v1/messages"),
        ({"provider": "gemini"}, "https://generativelanguage.googleapis.com:443/v1beta/openai/chat/completions"),
        ({"provider": "groq"}, "https://api.groq.com:443/openai/v1/chat/completions"),
        ({"url": "http://box:8000"}, "http://box:8000/v1/chat/completions"),
        ({"url": "http://box:8000/v1"}, "http://box:8000/v1/chat/completions"),
        ({"url": "http://box:8000/a b"}, "http://box:8000/a%20b/chat/completions"),
        ({"provider": "anthropic_compatible", "url": "http://box:8000/v1"}, "http://box:8000/v1/messages"),
        ({"provider": "anthropic", "url": "http://box:8000/anthropic"}, "http://box:8000/anthropic/v1/messages"),
    ],
)
def test_a_base_url_is_taken_as_the_providers_own_library_takes_it(fields: dict[str, str], address: str) -> None:
    target = own(config(model="m", **fields)).target
    assert f"{target.scheme}://{target.host}:{target.port}{target.path}" == address


def loaded(text: str, folder: Path, **environ: str) -> Config:
    (folder / "backstory.yaml").write_text(text)
    return Config.load(environ={"HOME": str(folder), **environ}, cwd=folder)


ACCOUNT = json.dumps({"client_email": "a@b", "private_key": "x", "token_uri": "https://t/"})
PLACES = {"GOOGLE_CLOUD_PROJECT": "pro", "AZURE_OPENAI_RESOURCE": "res", "AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_provider_of_the_catalogue_has_an_endpoint(name: str, tmp_path: Path) -> None:
    row = catalogue()[name]
    (tmp_path / "account.json").write_text(ACCOUNT)
    environ = PLACES | ({row.key_env: "the-key"} if row.key_env else {})
    url = "" if any(row.urls.values()) else ", url: 'http://box:1'"
    text = f"side_model: {{provider: {name}, model: m/1{url}}}"
    one = loaded(text, tmp_path, **environ, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "account.json"))
    assert not one.side_key.trouble
    found = own(one)
    assert "{" not in found.target.path
    assert not found.target.path.endswith(("/", ":"))
    assert any(b"the-key" in value for _, value in found.auth) == bool(row.key_env)
    assert "the-key" not in repr(found)
    backend = found.backend
    assert backend is not None
    assert backend.needs_token == (row.auth == "google")


@pytest.mark.parametrize(
    ("name", "address", "header"),
    [
        ("azure", "https://res.openai.azure.com:443/openai/v1/chat/completions", b"api-key"),
        (
            "azure_deployments",
            "https://res.openai.azure.com:443/openai/deployments/m/chat/completions?api-version=2024-10-21",
            b"api-key",
        ),
        ("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com:443/openai/v1/chat/completions", b"Authorization"),
        ("bedrock_claude", "https://bedrock-runtime.eu-west-1.amazonaws.com:443/model/m/invoke", b"Authorization"),
        ("gemini", "https://generativelanguage.googleapis.com:443/v1beta/openai/chat/completions", b"Authorization"),
        ("zai", "https://api.z.ai:443/api/paas/v4/chat/completions", b"Authorization"),
        ("together", "https://api.together.xyz:443/v1/chat/completions", b"Authorization"),
        ("anthropic", "https://api.anthropic.com:443/v1/messages", b"x-api-key"),
    ],
)
def test_it_is_addressed_and_paid_as_the_gateway_does_it(name: str, address: str, header: bytes, tmp_path: Path) -> None:
    environ = PLACES | {catalogue()[name].key_env: "the-key"}
    found = own(loaded(f"side_model: {{provider: {name}, model: m}}", tmp_path, **environ))
    target = found.target
    assert f"{target.scheme}://{target.host}:{target.port}{target.path}" == address
    assert any(key == header and b"the-key" in value for key, value in found.auth)


def test_vertex_is_asked_where_it_has_openais_api(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text(ACCOUNT)
    environ = PLACES | {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json")}
    found = own(loaded("side_model: {provider: vertex, model: google/gemini-2.5-flash}", tmp_path, **environ))
    assert found.target.path == "/v1/projects/pro/locations/global/endpoints/openapi/chat/completions"
    assert found.dialect == "openai"
    found = own(loaded("side_model: {provider: vertex_claude, model: claude-haiku-4-5}", tmp_path, **environ))
    assert found.target.path.endswith("/publishers/anthropic/models/claude-haiku-4-5:rawPredict")
    assert (found.dialect, found.hosting) == ("anthropic", "vertex")


def test_a_token_that_nothing_here_can_sign_for_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstory.providers.tokens.find_spec", lambda _: None)
    (tmp_path / "account.json").write_text(ACCOUNT)
    environ = PLACES | {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json")}
    text = "side_model: {provider: vertex, model: m, tokens_per_day: 5, money_per_day: 1}"
    with pytest.raises(ConfigError, match="EXTRAS=google"):
        off(loaded(text, tmp_path, **environ))


def test_a_provider_of_ones_own_is_asked_as_it_stands_there(tmp_path: Path) -> None:
    text = (
        "providers:\n"
        "  mine: {kind: openai_compatible, url: 'http://box:9/v1', api_key_env: MINE, headers: {X-Team: blue}}\n"
        "  signed: {kind: bedrock, auth: aws, values: {region: us-east-1}}\n"
        "side_model: {provider: mine, model: m}\n"
    )
    keys = {"MINE": "k1", "OTHER": "k2", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    found = own(loaded(text, tmp_path, **keys))
    assert (found.target.host, found.target.path) == ("box", "/v1/chat/completions")
    assert {(b"X-Team", b"blue"), (b"Authorization", b"Bearer k1")} <= set(found.auth)
    other = own(loaded(text.replace("model: m", "model: m, api_key_env: OTHER"), tmp_path, **keys))
    assert (b"Authorization", b"Bearer k2") in other.auth
    signed = own(loaded(text.replace("provider: mine", "provider: signed"), tmp_path, **keys))
    assert signed.backend is not None
    lines = dict(signed.backend.signed(signed.target, b"{}", 1_700_000_000.0))
    assert b"/us-east-1/bedrock/aws4_request" in lines[b"Authorization"]
    assert not [value for _, value in signed.auth if b"Bearer" in value]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "providers: {mine: {kind: openai, wire: openai_responses, api_key_env: K}}",
            "or anthropic; mine speaks openai_responses",
        ),
        ("providers: {mine: {kind: openai, auth: client}}", "paid for with each client's own key; side_model.api_key_env"),
        (
            "providers: {mine: {kind: openai, auth: oauth_refresh, token_url: 'https://t/', refresh_token_env: K}}",
            "mine is paid for with a refresh token",
        ),
        ("providers: {mine: {url: 'http://box:1'}}", "no kind 'mine'"),
        ("providers: {other: {kind: openai, auth: client}}", "no such provider; one of ollama, "),
    ],
)
def test_where_it_cannot_be_asked_the_settings_say_why(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        loaded(f"{text}\nside_model: {{provider: mine, model: m}}\n", tmp_path, K="k")


def test_what_its_address_needs_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    text = "side_model: {provider: azure, model: gpt-4o, tokens_per_day: 5, money_per_day: 1}"
    with pytest.raises(ConfigError, match="AZURE_OPENAI_RESOURCE"):
        off(loaded(text, tmp_path, AZURE_OPENAI_API_KEY="k"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no side model is set up"),
        ({"provider": "ollama", "model": "m"}, "tokens_per_day is 0"),
        ({"provider": "ollama", "model": "m", "tokens_per_day": 5, "tasks": ()}, "tasks is empty"),
        ({"provider": "ollama", "model": "m", "tokens_per_day": 5}, ""),
        ({"provider": "openai", "model": "gpt-4o", "tokens_per_day": 5}, "money_per_day is 0, and gpt-4o is not free"),
        ({"provider": "openai", "model": "unheard-of", "tokens_per_day": 5}, "money_per_day is 0, and unheard-of is not free"),
        ({"provider": "openai", "model": "gpt-4o", "tokens_per_day": 5, "money_per_day": 1.0}, ""),
        ({"provider": "openai", "model": "gpt-4o", "money_per_day": 1.0}, "tokens_per_day is 0"),
        ({"provider": "ollama", "model": "m", "tokens_per_day": 5, "input_price": 1.0}, "money_per_day is 0, and m is not free"),
        ({"via": "client", "tokens_per_day": 5}, ""),
        ({"via": "client"}, "tokens_per_day is 0"),
        ({"via": "client", "tokens_per_day": 5, "money_per_day": 1.0}, ""),
    ],
)
def test_something_is_only_sent_where_a_budget_says_so(fields: dict[str, Any], reason: str) -> None:
    found = off(config(**fields))
    assert (reason in found) if reason else not found
    assert configured(config(**fields)) == bool(fields)


def test_what_cannot_be_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"input_price and side_model\.output_price"):
        off(config(provider="openai", model="unheard-of", tokens_per_day=5, money_per_day=1.0))
    side = SideModel("openai", "", "gpt-4o", tokens_per_day=5, money_per_day=1.0)
    with pytest.raises(ConfigError, match="no key"):
        off(Config(side_model=side, side_key=Secret(trouble="no key")))
    assert "memory is off" in off(Config(side_model=side, memory=Memory(enabled=False)))


def test_prices_are_set_local_or_listed() -> None:
    side = SideModel(input_price=2.0)
    assert price_of(side, "gpt-4o", "127.0.0.1") == Price(2.0, 0.0)
    assert price_of(SideModel(), "gpt-4o", "localhost") == FREE
    assert price_of(SideModel(), "gpt-4o", "api.openai.com") == Price(2.5, 10.0)
    assert price_of(SideModel(), "unheard-of", "api.openai.com") is None
    assert Price(0.1, 0.5).micros(3, 1) == 1, "rounded up: a budget is never exceeded by what is left off"
    assert most(SideModel(tokens_per_day=7, money_per_day=0.25)) == Used(7, 250_000)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "192.168.1.7", "10.0.0.2", "gpu.local", "169.254.1.1"])
def test_this_machine_and_the_private_network_are_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["api.openai.com", "8.8.8.8", "local", "127.0.0.1.example.com", "2606:4700::1111"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_local(host)


def client(wire: str, path: str, headers: Headers = (), query: str = "", host: str = "api.example.com") -> object:
    target = Target("https", host, 443, host.encode(), f"{path}?{query}" if query else path)
    return of_client(SideModel(via="client", input_price=1.0, money_per_day=1.0), wire, Head("POST", path, query, headers), target, "m")


KEY = ((b"Authorization", b"Bearer k"),)


@pytest.mark.parametrize(
    ("wire", "path", "headers", "query", "expected"),
    [
        ("openai_chat", "/v1/chat/completions", KEY, "", "/v1/chat/completions"),
        ("openai_chat", "/deployments/d/chat/completions", KEY, "api-version=1", "/deployments/d/chat/completions?api-version=1"),
        ("openai_responses", "/v1/responses", KEY, "", "/v1/chat/completions"),
        ("anthropic", "/v1/messages", ((b"x-api-key", b"k"),), "beta=true", "/v1/messages?beta=true"),
        ("gemini", "/v1beta/models/m:generateContent", (), "key=k", "/v1beta/openai/chat/completions"),
        ("openai_chat", "/v1/chat/completions", (), "", ""),
        ("anthropic", "/v1/messages/count_tokens", ((b"x-api-key", b"k"),), "", ""),
        ("openai_responses", "/v1/responses/r_1/cancel", KEY, "", ""),
        ("gemini", "/v1beta/models", KEY, "", ""),
        ("anthropic", "/v1/messages", ((b"authorization", b"Bearer sk-ant-oat01-x"),), "", ""),
        ("openai_responses", "/backend-api/codex/responses", (*KEY, (b"chatgpt-account-id", b"a")), "", ""),
    ],
)
def test_a_clients_request_names_the_place_of_ours(wire: str, path: str, headers: Headers, query: str, expected: str) -> None:
    found = client(wire, path, headers, query)
    assert (found.target.path if found is not None else "") == expected  # type: ignore[attr-defined]


def test_a_client_of_a_model_without_a_price_is_left_alone() -> None:
    target = Target("https", "api.example.com", 443, b"h", "/v1/chat/completions")
    head = Head("POST", target.path, "", KEY)
    side = SideModel(via="client", money_per_day=1.0)
    assert of_client(side, "openai_chat", head, target, "unheard-of") is None
    assert of_client(side, "openai_chat", head, target, "") is None
    assert of_client(SideModel(via="client"), "openai_chat", head, target, "gpt-4o") is None, "nothing may be spent"
    found = of_client(replace(side, model="gpt-4o-mini"), "openai_chat", head, target, "gpt-4o")
    assert found is not None
    assert found.model == "gpt-4o-mini"


def test_a_client_of_a_local_model_needs_neither_key_nor_money() -> None:
    target = Target("http", "127.0.0.1", 11434, b"h", "/v1/chat/completions")
    found = of_client(SideModel(via="client"), "openai_chat", Head("POST", target.path, "", ()), target, "llama3.2")
    assert found is not None
    assert (found.model, found.price, found.auth, found.local) == ("llama3.2", FREE, (), True)
