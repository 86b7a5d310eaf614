"""One exchange with a gateway over plain HTTP, with the times at which its pieces came."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct, field

from backstory.app.conformance.node import events_of
from backstory.app.conformance.values import Ask, Dialect, Got

KEY = "sk-conformance"
"""What stands in requests where a key belongs."""


class Gateway(Struct, frozen=True):
    """Where the requests go. `urls`, `models`, `headers`: by the wire of the provider that is to get them. `key`: the client's key."""

    urls: Mapping[str, str]
    models: Mapping[str, str]
    key: str = KEY
    timeout_s: float = 30.0
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Seen(Struct):
    """What came back. `status` 0: nothing did. `broken`: the connection ended before the answer. `span_s`: between its first piece and its
    last. `verbatim`: client and provider speak the same wire, so a gateway may pass on what is odd as it is."""

    client: str
    provider: str
    stream: bool
    status: int = 0
    kind: str = ""
    losses: str = ""
    retry_after: str = ""
    raw: bytes = b""
    broken: bool = False
    span_s: float = 0.0
    got: Got = field(default_factory=Got)

    @property
    def verbatim(self) -> bool:
        return self.client == self.provider


def exchange(gateway: Gateway, client: Dialect, provider: str, ask: Ask, stream: bool) -> Seen:
    """Send one request and read its answer. Never raises for what a gateway does."""
    request = client.request(ask, gateway.models[provider], stream)
    base = urlsplit(gateway.urls[provider])
    headers = {name: value.replace(KEY, gateway.key) for name, value in request.headers}
    headers |= gateway.headers.get(provider, {})
    seen = Seen(client.name, provider, stream)
    connection = _connection(base.scheme, base.netloc, gateway.timeout_s)
    try:
        connection.request("POST", base.path.rstrip("/") + request.path, request.body, headers)
        response = connection.getresponse()
        seen.status, seen.kind = response.status, response.headers.get_content_type()
        seen.losses = response.headers.get("x-vc-losses", "")
        seen.retry_after = response.headers.get("retry-after", "")
        _body(response, seen)
    except (OSError, http.client.HTTPException) as error:
        seen.broken = True
        seen.got.error = "" if seen.status else f"no answer: {error!r}"
    finally:
        connection.close()
    if seen.status:
        seen.got = _read(client, seen)
    return seen


def _connection(scheme: str, place: str, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(place, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(place, timeout=timeout_s)


def _body(response: http.client.HTTPResponse, seen: Seen) -> None:
    """Into `seen`, piece by piece: what came before a connection broke is kept."""
    first = 0.0
    while piece := response.read1(1 << 16):
        seen.raw += piece
        now = time.monotonic()
        first = first or now
        seen.span_s = now - first
    seen.broken = bool(response.length)


def _read(client: Dialect, seen: Seen) -> Got:
    if seen.status >= 400:
        return client.failure(seen.raw)
    if not seen.stream or not (seen.kind == "text/event-stream" or seen.raw.startswith((b"data:", b"event:"))):
        return client.whole(seen.raw)
    faults: list[str] = []
    events = events_of(seen.raw, faults)
    got = client.stream(events)
    got.faults = [*faults, *got.faults]
    return got
