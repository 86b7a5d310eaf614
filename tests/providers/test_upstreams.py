"""A client's path and an upstream's base make one address."""

from __future__ import annotations

import pytest

from backstory.errors import ConfigError
from backstory.providers.upstreams import base, provider, target


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("https://api.openai.com", "/v1/chat/completions", "/v1/chat/completions"),
        ("https://api.openai.com/v1", "/v1/chat/completions", "/v1/chat/completions"),
        ("https://api.openai.com/v1/", "/v1/chat/completions", "/v1/chat/completions"),
        ("http://localhost:11434/v1", "/chat/completions", "/v1/chat/completions"),
        ("https://openrouter.ai/api/v1", "/v1/chat/completions", "/api/v1/chat/completions"),
        ("https://openrouter.ai/api", "/v1/chat/completions", "/api/v1/chat/completions"),
        ("https://host/v1", "/v1beta/models/m:generateContent", "/v1beta/models/m:generateContent"),
        ("https://api.anthropic.com", "/anthropic/v1/messages", "/v1/messages"),
        ("https://api.deepseek.com/anthropic", "/v1/messages", "/anthropic/v1/messages"),
        ("https://api.anthropic.com", "/", "/"),
    ],
)
def test_a_version_never_stands_twice(url: str, path: str, expected: str) -> None:
    assert target(base(url), path, "").path == expected


def test_the_query_goes_along() -> None:
    assert target(base("http://h"), "/v1/messages", "beta=true").path == "/v1/messages?beta=true"


def test_a_path_without_version_gets_the_public_one() -> None:
    assert target(base("https://api.openai.com"), "/chat/completions", "", "v1").path == "/v1/chat/completions"


def test_ports_and_host_headers() -> None:
    assert target(base("https://h"), "/", "").port == 443
    assert target(base("http://h"), "/", "").port == 80
    ipv6 = target(base("http://[::1]:9"), "/", "")
    assert (ipv6.host, ipv6.port, ipv6.host_header) == ("::1", 9, b"[::1]:9")


@pytest.mark.parametrize("url", ["", "ftp://h", "http://", "h:80", "http://h:x", "http://u:p@h", "http://h?x=1", "http://h#f"])
def test_what_is_no_upstream_is_refused_with_its_text(url: str) -> None:
    with pytest.raises(ConfigError, match="upstream"):
        base(url)


@pytest.mark.parametrize(
    ("path", "anthropic_headers", "expected"),
    [
        ("/v1/messages", False, "anthropic"),
        ("/v1/messages/count_tokens", False, "anthropic"),
        ("/api/hello", False, "anthropic"),
        ("/v1/models", True, "anthropic"),
        ("/v1/models", False, "openai"),
        ("/v1/completions", False, "openai"),
        ("/v1/responses", False, "openai"),
        ("/v1/embeddings", False, "openai"),
        ("/v1beta/models", False, "gemini"),
        ("/v1/models/gemini-x:generateContent", False, "gemini"),
        ("/v1/models/gpt-x", False, "openai"),
        ("/v1/models/ft:gpt-4o-mini:org::AbCdEfGh", False, "openai"),
        ("/v1/models/groq:llama", False, "openai"),
        ("/v1/models/groq:llama", True, "anthropic"),
        ("/v1/models/m:streamGenerateContent", True, "gemini"),
        ("/v1/models/groq:m:countTokens", False, "gemini"),
    ],
)
def test_a_path_tells_its_provider(path: str, anthropic_headers: bool, expected: str) -> None:
    assert provider(path, anthropic_headers) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models", "gemini"),
        ("/v1/models/groq:llama", "gemini"),
        ("/v1/files", "gemini"),
        ("/upload/v1/files", "gemini"),
        ("/v1/chat/completions", "openai"),
        ("/v1/responses", "openai"),
        ("/v1/embeddings", "openai"),
        ("/v1/messages", "anthropic"),
    ],
)
def test_a_key_of_google_tells_the_provider_of_a_path_that_several_have(path: str, expected: str) -> None:
    assert provider(path, False, True) == expected
