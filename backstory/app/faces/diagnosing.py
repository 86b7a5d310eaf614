"""What `backstory diagnostics` asks of the running proxy, and how it is shown."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
from msgspec import Struct

from backstory.app.gateway.enduring import PLACE
from backstory.config import Config
from backstory.errors import NotFound, UpstreamError
from backstory.relay.breaker import Row
from backstory.relay.endurance import Policy

_TIMEOUT_S = 5.0
_MOST_BYTES = 4_194_304


class Found(Struct, frozen=True):
    """What the proxy told."""

    resilience: Policy
    backends: tuple[Row, ...]


class _Why(Struct):
    message: str


class _Refused(Struct):
    error: _Why


def asked(config: Config, reactivate: str = "") -> Found:
    """The backends of the proxy at the configured address; `reactivate` is set right again before. Raises NotFound for one that it does not
    know, UpstreamError where no proxy answers."""
    host, port = config.listeners[0].host, config.listeners[0].port
    connection = http.client.HTTPConnection("127.0.0.1" if host in ("0.0.0.0", "::") else host, port, timeout=_TIMEOUT_S)
    try:
        connection.request(*(("POST", f"{PLACE}/{quote(reactivate, safe='')}/reactivate") if reactivate else ("GET", PLACE)))
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise UpstreamError(f"no proxy answers at {host}:{port}") from error
    finally:
        connection.close()
    if reactivate and answer.status != 200:
        raise NotFound(f"the proxy at {host}:{port}: {_said(body)}")
    try:
        return msgspec.json.decode(body, type=Found)
    except msgspec.MsgspecError as error:
        raise UpstreamError(f"what answers at {host}:{port} is no Backstory, or an older one") from error


def _said(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refused).error.message
    except msgspec.MsgspecError:
        return "it knows no such backend, or is an older one"


def as_table(found: Found) -> Iterator[str]:
    """A line for each backend, for a terminal."""
    if not found.backends:
        yield "nothing is known of any backend yet" + (
            "\n" if found.resilience.repeats else ": requests are sent once (resilience.retries is 0), but for those to several backends\n"
        )
        return
    yield f"{'backend':<32} {'state':<10} {'tries':>7} {'answers':>8} {'errors':>7} {'limited':>8} {'empty':>6} {'broken':>7}  last error\n"
    for row in found.backends:
        state = f"open {row.open_for_s:g}s" if row.open_for_s else f"rests {row.resting_for_s:g}s" if row.resting_for_s else row.state
        error = f"{time.strftime('%H:%M:%S', time.localtime(row.last_error_at))} {row.last_error}" if row.last_error else "-"
        yield (
            f"{row.name:<32} {state:<10} {row.tries:>7} {row.answers:>8} {row.errors:>7} {row.limited:>8} {row.empty:>6} {row.broken:>7}"
            f"  {error}\n"
        )
