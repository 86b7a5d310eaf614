"""Where the providers of the catalogue are, and what they want in a head."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.config import Config
from backstory.config.catalogue import OPEN_KINDS, catalogue
from backstory.core.exchange import Head
from backstory.providers.backends import Backend, backends

PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}


def listed(folder: Path, text: str, **environ: str) -> dict[str, Backend]:
    """The providers of these settings."""
    (folder / "backstory.yaml").write_text(f"providers:\n  {text}\n")
    return backends(Config.load(environ={"HOME": str(folder), **environ}, cwd=folder))


@pytest.mark.parametrize(
    ("name", "wire", "expected"),
    [
        ("openai", "openai_chat", "https api.openai.com /v1/chat/completions"),
        ("openai", "openai_responses", "https api.openai.com /v1/responses"),
        ("anthropic", "anthropic", "https api.anthropic.com /v1/messages"),
        ("gemini", "gemini", "https generativelanguage.googleapis.com /v1beta/models/m:generateContent"),
        ("openrouter", "openai_chat", "https openrouter.ai /api/v1/chat/completions"),
        ("openrouter", "anthropic", "https openrouter.ai /api/v1/messages"),
        ("groq", "openai_chat", "https api.groq.com /openai/v1/chat/completions"),
        ("deepseek", "anthropic", "https api.deepseek.com /anthropic/v1/messages"),
        ("zai", "openai_chat", "https api.z.ai /api/paas/v4/chat/completions"),
        ("zai", "anthropic", "https api.z.ai /api/anthropic/v1/messages"),
        ("fireworks", "openai_chat", "https api.fireworks.ai /inference/v1/chat/completions"),
        ("qwen", "openai_chat", "https dashscope-intl.aliyuncs.com /compatible-mode/v1/chat/completions"),
        ("ollama", "openai_chat", "http 127.0.0.1 /v1/chat/completions"),
        ("llamacpp", "anthropic", "http 127.0.0.1 /v1/messages"),
        ("azure: {values: {resource: r}}", "openai_responses", "https r.openai.azure.com /openai/v1/responses"),
        (
            "azure_deployments: {values: {resource: r}}",
            "openai_chat",
            "https r.openai.azure.com /openai/deployments/m/chat/completions?api-version=2024-10-21",
        ),
        (
            "bedrock: {values: {region: eu-west-1}}",
            "openai_chat",
            "https bedrock-runtime.eu-west-1.amazonaws.com /openai/v1/chat/completions",
        ),
        (
            "bedrock_claude: {values: {region: eu-west-1}}",
            "anthropic",
            "https bedrock-runtime.eu-west-1.amazonaws.com /model/m/invoke",
        ),
        *[
            (
                f"vertex_claude: {{auth: none, values: {{project: p, location: {location}}}}}",
                "anthropic",
                f"https {host} /v1/projects/p/locations/{location}/publishers/anthropic/models/m:invoke",
            )
            for location, host in {
                "global": "aiplatform.googleapis.com",
                "eu": "aiplatform.eu.rep.googleapis.com",
                "us-east5": "us-east5-aiplatform.googleapis.com",
            }.items()
        ],
    ],
)
def test_where_a_request_goes(tmp_path: Path, name: str, wire: str, expected: str) -> None:
    row = name if ":" in name else f"{name}: {{}}"
    backend = listed(tmp_path, row)[name.partition(":")[0]]
    assert backend.wire(wire) == wire
    target = backend.target(wire, "m", f"{PATHS[wire]}:invoke" if backend.row.hosting else PATHS[wire], "")
    assert f"{target.scheme} {target.host} {target.path}" == expected


def test_every_row_of_the_catalogue_can_be_listed(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text('{"client_email": "me@x", "private_key": "k"}')
    for name, row in catalogue().items():
        values = ", ".join(f"{value}: x" for value in row.values)
        more = ", credentials_file: account.json" if row.auth == "google" else ""
        url = ', url: "http://127.0.0.1:1/v1"' if name in OPEN_KINDS else ""
        backend = listed(tmp_path, f"{name}: {{values: {{{values}}}{more}{url}}}")[name]
        assert set(backend.urls) == set(row.urls)
        assert row.docs.startswith("https://") or name in OPEN_KINDS
        assert row.title in (Path(__file__).parent.parent.parent / "docs" / "routing.md").read_text()


def test_a_url_of_ones_own_takes_the_place_of_the_catalogues(tmp_path: Path) -> None:
    found = listed(tmp_path, 'deepseek: {url: "http://127.0.0.1:1/x"}')["deepseek"]
    assert list(found.urls) == ["openai_chat"], "the other wire is at another place, of which nothing is known"
    assert found.target("openai_chat", "m", "", "").path == "/x/v1/chat/completions"
    found = listed(tmp_path, 'gw: {kind: openai, url: "http://127.0.0.1:1", wire: openai_chat}')["gw"]
    assert found.wire("openai_responses") == "openai_chat"


def test_keys_are_never_shown(tmp_path: Path) -> None:
    found = listed(tmp_path, "groq: {}", GROQ_API_KEY="top-secret", GROQ_API_KEY_2="top-secret-2")["groq"]
    assert found.keys == {0: "top-secret", 2: "top-secret-2"}
    assert "secret" not in repr(found) + repr(found.secrets)
    assert found.paid_with == "2 keys of its own"


ACCOUNT = {
    b"openai-organization",
    b"openai-project",
    b"chatgpt-account-id",
    b"anthropic-workspace-id",
    b"x-goog-user-project",
    b"x-amz-security-token",
    b"cookie",
}


def test_the_account_of_a_client_stays_behind_where_its_key_does(tmp_path: Path) -> None:
    head = Head("POST", "/v1/chat/completions", "", ((b"Authorization", b"Bearer c"), (b"OpenAI-Organization", b"o"), (b"Cookie", b"x")))
    drop, add = listed(tmp_path, "groq: {}", GROQ_API_KEY="k")["groq"].pay("openai_chat", 0, head, False)
    assert ACCOUNT | {b"authorization"} <= drop
    assert add == ((b"Authorization", b"Bearer k"),)


def test_the_account_of_a_client_goes_to_the_host_that_it_means_alone(tmp_path: Path) -> None:
    head = Head("POST", "/v1/chat/completions", "", ((b"Authorization", b"Bearer c"), (b"OpenAI-Organization", b"o"), (b"Cookie", b"x")))
    found = listed(tmp_path, "{groq: {}, work: {kind: openai, auth: client}, gw: {kind: openai, auth: client, url: 'http://127.0.0.1:1'}}")
    for name in ("openai", "work"):
        assert found[name].pay("openai_chat", 0, head, False) == (frozenset(), ())
    for name in ("groq", "gw"):
        drop, add = found[name].pay("openai_chat", 0, head, False)
        assert drop == ACCOUNT
        assert not add, "the key goes up as it is"
    assert found["openai"].pay("openai_chat", 0, head, True)[0] >= ACCOUNT, "a client of another wire means another host"


GATEWAYS = {
    b"helicone-auth": b"Bearer sk-h",
    b"helicone-user-id": b"ann",
    b"x-portkey-api-key": b"pk",
    b"x-portkey-virtual-key": b"v",
    b"cf-aig-authorization": b"Bearer cf",
    b"cf-access-client-secret": b"s",
    b"x-litellm-api-key": b"sk-l",
    b"x-litellm-tags": b"t",
    b"ocp-apim-subscription-key": b"o",
    b"x-bf-vk": b"b",
    b"apikey": b"k",
    b"x-auth-token": b"t",
    b"x-our-gateway-secret": b"s",
    b"x-goog-iap-jwt-assertion": b"j",
}
PLAIN = {
    b"content-type": b"application/json",
    b"user-agent": b"u",
    b"http-referer": b"r",
    b"anthropic-beta": b"b",
    b"idempotency-key": b"i",
}


def sending(*more: tuple[bytes, bytes]) -> Head:
    return Head("POST", "/v1/chat/completions", "", ((b"Authorization", b"Bearer c"), *GATEWAYS.items(), *PLAIN.items(), *more))


@pytest.mark.parametrize("settings", ["groq: {}", "groq: {auth: client}", "groq: {auth: none}"])
@pytest.mark.parametrize("translated", [False, True])
def test_what_is_meant_for_a_gateway_goes_to_no_provider_of_a_route(tmp_path: Path, settings: str, translated: bool) -> None:
    for environ in ({}, {"GROQ_API_KEY": "k"}):
        drop, _ = listed(tmp_path, settings, **environ)["groq"].pay("openai_chat", 0, sending(), translated)
        assert drop >= set(GATEWAYS)
        assert not drop & set(PLAIN)


def test_what_is_meant_for_a_gateway_goes_to_that_gateway(tmp_path: Path) -> None:
    found = listed(tmp_path, "gw: {kind: openai_compatible, url: 'https://oai.helicone.ai/v1', headers: {X-Bf-Vk: ours}}")
    drop, add = found["gw"].pay("openai_chat", 0, sending(), False)
    assert not drop & {b"helicone-auth", b"helicone-user-id", b"authorization"}
    assert drop >= {b"x-portkey-api-key", b"x-bf-vk"}
    assert (b"X-Bf-Vk", b"ours") in add
    # The host that the client's requests go to without any selector is the one that it means.
    assert found["openai"].pay("openai_chat", 0, sending(), False) == (frozenset(), ())


def test_of_several_keys_of_a_client_one_goes_to_another_host(tmp_path: Path) -> None:
    found = listed(tmp_path, "{groq: {auth: client}, other: {kind: anthropic, auth: client, url: 'http://127.0.0.1:1'}}")
    head = sending((b"x-api-key", b"sk-ant"), (b"x-goog-api-key", b"g"))
    assert {b"x-api-key", b"x-goog-api-key"} <= (drop := found["groq"].pay("openai_chat", 0, head, False)[0])
    assert b"authorization" not in drop
    drop, _ = found["other"].pay("anthropic", 0, head, False)
    assert {b"authorization", b"x-goog-api-key"} <= drop
    assert b"x-api-key" not in drop
    assert b"authorization" not in found["other"].pay("anthropic", 0, sending(), False)[0], "a token in place of a key"


@pytest.mark.parametrize("query", ["key=c", "alt=sse&key=c", "k%65y=c&alt=sse", "access_token=c", "key"])
def test_a_key_in_a_query_goes_up_where_it_pays(tmp_path: Path, query: str) -> None:
    found = listed(tmp_path, "{gemini: {}, other: {kind: gemini, auth: client}}", GEMINI_API_KEY="k")
    assert found["gemini"].query(query) == ("alt=sse" if "alt" in query else "")
    assert found["other"].query(query) == query
    assert found["gemini"].query("alt=%73se&monkey=1") == "alt=%73se&monkey=1"


def test_the_settings_in_the_docs_are_settings(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "routing.md").read_text()
    (tmp_path / "backstory.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0])
    (tmp_path / "gateway.key").write_text("k\n")
    found = backends(Config.load(environ={"HOME": str(tmp_path), "WORK_KEY_1": "w"}, cwd=tmp_path))
    assert {"groq", "local", "work", "gateway", "anthropic", "openai", "gemini"} == set(found)
    assert (found["gateway"].keys, found["work"].keys) == ({0: "k"}, {1: "w"})
