"""Where a request goes: an upstream's base URL and a client's path make one address. The client never chooses the host."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from backstory.core.plan import Target
from backstory.errors import ConfigError

Provider: TypeAlias = Literal["anthropic", "openai", "gemini"]

_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
_VERBS = r"(?:generate|stream|count|embed|batch|asyncBatch|predict|transfer)[A-Za-z]*"
# OpenAI's fine-tuned models have colons in their names, and eight letters behind the last.
_GEMINI_VERB = re.compile(rf"/v1(?:beta|alpha)?/(?:models|tunedModels)/(?!ft:)[^/]+:{_VERBS}$")

_OPENAI_ONLY = re.compile(r"(?:/v1)?/(?:chat/|completions|responses|embeddings|audio/|images/|moderations|realtime)")


class Base(Struct, frozen=True):
    """An upstream's base URL, taken apart. `prefix` begins with a slash or is empty, and never ends with one."""

    scheme: str
    host: str
    port: int
    host_header: bytes
    prefix: str

    @property
    def place(self) -> str:
        """What tells it from others: host, port and prefix, a version of the API left out."""
        head, _, last = self.prefix.rpartition("/")
        return f"{self.host}:{self.port}{head if _VERSION.fullmatch(last) else self.prefix}"


def base(url: str) -> Base:
    """Take a base URL apart. ConfigError for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as cause:
        raise ConfigError(f"upstream {url!r} is not a URL: {cause}") from cause
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"upstream {url!r} is not an http:// or https:// URL")
    if parts.username or parts.query or parts.fragment:
        raise ConfigError(f"upstream {url!r} must hold neither credentials nor query nor fragment")
    host = parts.hostname
    named = f"[{host}]" if ":" in host else host
    header = named if port is None else f"{named}:{port}"
    return Base(
        parts.scheme,
        host,
        port or (443 if parts.scheme == "https" else 80),
        header.encode("idna" if not host.isascii() else "ascii"),
        parts.path.rstrip("/"),
    )


def provider(path: str, anthropic_headers: bool, google_key: bool = False) -> Provider:
    """Whose endpoint a path is. Paths that providers share: `anthropic_headers`: the request carries `anthropic-version`; `google_key`: it
    is paid for with `x-goog-api-key` (google-genai asks for `/v1/models`, `/v1/files` and others)."""
    if path.startswith(("/v1/messages", "/anthropic/", "/api/hello", "/v1/complete")) and path != "/v1/completions":
        return "anthropic"
    if path.startswith(("/v1beta/", "/v1alpha/", "/upload/v1beta/")) or _GEMINI_VERB.search(path):
        return "gemini"
    if anthropic_headers:
        return "anthropic"
    return "gemini" if google_key and not _OPENAI_ONLY.match(path) else "openai"


def ends_in_version(prefix: str) -> bool:
    """Whether the last segment of a base's prefix is a version of its API."""
    return _VERSION.fullmatch(prefix.rpartition("/")[2]) is not None


def target(upstream: Base, path: str, query: str, versioned: str = "") -> Target:
    """The address for a client's path. A version segment that base and path both have stands once; `versioned` is the
    segment that a path without any gets ("" = none)."""
    prefix = upstream.prefix
    if path.startswith("/anthropic/") and not prefix.endswith("/anthropic"):
        path = path[len("/anthropic") :]
    first = path[1:].split("/", 1)[0]
    if _VERSION.fullmatch(first):
        head, _, last = prefix.rpartition("/")
        if last and _VERSION.fullmatch(last):
            prefix = head
    elif versioned and not prefix:
        prefix = f"/{versioned}"
    whole = f"{prefix}{path}" or "/"
    return Target(upstream.scheme, upstream.host, upstream.port, upstream.host_header, f"{whole}?{query}" if query else whole)
