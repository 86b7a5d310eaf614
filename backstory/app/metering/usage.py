"""What requests cost and how long they took, as it is asked for: by `backstory usage`, and over HTTP at PLACE.

Rule: a request to PLACE is ours only where it cannot be meant for a provider: it has our token, or it comes from this machine and has no
key of anybody's. Every other is relayed as it came.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from backstory.config.sections import PrincipalRow
from backstory.core.charges import CUT_OFF, Charge, Charges, Percentiles, Shared, Slice, Sum
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer
from backstory.errors import RequestError
from backstory.providers import prices

PLACE = "/v1/usage"
TOKEN = b"x-vc-dashboard-token"
By: TypeAlias = Literal["request", "conversation", "principal", "model", "backend", "day"]
BY: tuple[By, ...] = get_args(By)

_DAY_S = 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": _DAY_S, "w": 7 * _DAY_S}
_AGO = re.compile(r"([0-9]{1,9})([smhdw])")
_SECONDS = re.compile(r"[0-9]{9,11}(\.[0-9]+)?")
_NUMBER = re.compile(r"[0-9]{1,19}")
_LIMIT, _MOST = 100, 1000
_ASKED = ("by", "since", "until", "conversation", "principal", "model", "backend", "limit", "after")
_KEYS = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"cookie")
# What stands in a request that somebody else has handed on.
_HANDED_ON = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::[0-9]*)?")
_JSON: Headers = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))

Names: TypeAlias = Mapping[str, str]
"""What principals are called, by their hashes."""
Ask: TypeAlias = Callable[[Callable[[Charges], Any]], Awaitable[Any]]


class Served(Struct, frozen=True):
    """Requests added up, as core.charges.Sum. `uncached_tokens`: of the input, what the cache had no part in; `cached`: share of the input
    that was read from it. `cost`: dollars, None where no price is known. `prices_as_of`: date of the prices, or first and last."""

    requests: int
    errors: int
    partial: int
    reported: int
    measured: int
    unpriced: int
    legs: int
    legs_measured: int
    input_tokens: int
    uncached_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    cached: float
    measured_input_tokens: int
    measured_output_tokens: int
    cost: float | None
    prices_as_of: str
    timed: int
    total_ms: Percentiles
    first_byte_ms: Percentiles


class Group(Struct, frozen=True):
    """What is shared, and the sum of it."""

    name: str
    served: Served


class Request(Struct, frozen=True):
    """One charge, as core.charges.Charge. `request`: its number."""

    request: str
    place: int
    at: float
    principal: str
    conversation: str
    wire: str
    backend: str
    model: str
    status: int
    ended: str
    partial: bool
    calls: int
    source: str
    input_tokens: int
    uncached_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    measured_input_tokens: int
    measured_output_tokens: int
    cost: float | None
    prices_as_of: str
    first_byte_ms: float
    total_ms: float


class Report(Struct, frozen=True):
    """One page. `next`: what to give as `after` for the one that follows, None where there is none."""

    by: By
    since: float
    until: float
    prices_as_of: str
    rows: Sequence[Group | Request]
    next: str | None


class Asked(Struct, frozen=True):
    """What was asked for. `after`: where the page begins, "" for the first; `limit` 0: all."""

    by: By = "model"
    of: Slice = Slice()
    after: str = ""
    limit: int = 0


class Guard:
    """Who may ask. `token`: "" for none, then only this machine is answered."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def is_ours(self, head: Head) -> bool:
        """Whether this request to PLACE is one for us."""
        if head.method not in {"GET", "HEAD"}:
            return False
        named = head.named
        if TOKEN in named:
            return True
        if any(name in named for name in (*_KEYS, *_HANDED_ON)) or "key=" in head.query:
            return False
        host = _HOST.fullmatch(head.header(b"host"))
        name = (host.group(1) or host.group(2)).lower() if host is not None else ""
        # A page of the web may have its own name lead here (DNS rebinding): under such a name nothing is told.
        return _loopback(head.client) and (name in {"", "localhost"} or _address(name) is not None)

    def admits(self, head: Head) -> bool:
        """Whether it is answered: one with a token, only with the right one."""
        given = head.named.get(TOKEN)
        return given is None or (bool(self._token) and hmac.compare_digest(given, self._token))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _loopback(client: str) -> bool:
    found = _address(client)
    return found is not None and found.is_loopback


async def answer(head: Head, ask: Ask, now: float, names: Names) -> Answer:
    """The page that this request asks for. Raises RequestError for what cannot be asked, StoreError."""
    asked = asked_for(dict(parse_qsl(head.query, keep_blank_values=True)), now, names)
    found: Report = await ask(lambda charges: report(charges, asked, names))
    return Answer(200, _JSON, msgspec.json.encode(found))


def named(rows: Sequence[PrincipalRow]) -> Names:
    """What principals are called."""
    return {row.principal: row.name for row in rows}


def asked_for(given: Mapping[str, str], now: float, names: Names) -> Asked:
    """What a query asks for; a principal by its hash or its name. Raises RequestError."""
    unknown = next((name for name in given if name not in _ASKED), None)
    if unknown is not None:
        raise RequestError(f"{unknown!r} cannot be asked for; known: {', '.join(_ASKED)}")
    by = given.get("by", "model")
    if by not in BY:
        raise RequestError(f"by={by!r}: it is one of {', '.join(BY)}")
    limit = given.get("limit", str(_LIMIT))
    if not _NUMBER.fullmatch(limit) or not 1 <= int(limit) <= _MOST:
        raise RequestError(f"limit={limit!r}: it is a number from 1 to {_MOST}")
    after = given.get("after", "")
    if after and not (_NUMBER.fullmatch(after) if by == "request" else after.startswith("~")):
        raise RequestError(f"after={after!r}: it is the `next` of the page before")
    only = {name: given.get(name, "") for name in ("conversation", "model", "backend")}
    whose = given.get("principal")
    whose = next((principal for principal, name in names.items() if name == whose), whose)
    of = Slice(moment(given.get("since", ""), now), moment(given.get("until", ""), now), **only, principal=whose)
    return Asked(by, of, after, int(limit))


def moment(text: str, now: float) -> float:
    """Unix seconds of `7d`, `12h` (before `now`), a date or a time of ISO 8601 (UTC where it names no zone), or of themselves; 0.0 for "".
    Raises RequestError."""
    if not text:
        return 0.0
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(0.0, now - int(ago.group(1)) * _UNITS[ago.group(2)])
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        found = datetime.fromisoformat(text)
        return max(0.0, (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise RequestError(f"{text!r} is no time: say 7d, 12h, 2026-11-01, 2026-11-01T08:00:00Z, or Unix seconds") from None


def report(charges: Charges, asked: Asked, names: Names) -> Report:
    """One page of it. Blocks. Raises StoreError."""
    rows: list[Group | Request]
    found: str | None = None
    if asked.by == "request":
        single = charges.rows(asked.of, int(asked.after or 0), asked.limit)
        rows = [_request(one, names.get(one.principal, one.principal)) for one in single]
        if asked.limit and len({one.id for one in single}) == asked.limit:
            found = str(single[-1].id)
    else:
        by: Shared = asked.by
        sums = charges.sums(by, asked.of, _raw(by, asked.after[1:]) if asked.after else None, asked.limit)
        rows = [Group(names.get(one.name, one.name) if by == "principal" else _shown(by, one.name), _served(one)) for one in sums]
        if asked.limit and len(sums) == asked.limit:
            found = "~" + _shown(by, sums[-1].name)
    return Report(asked.by, asked.of.since, asked.of.until, prices.AS_OF, rows, found)


def as_table(rows: Sequence[Group | Request]) -> Iterator[str]:
    """A line for each, for a terminal."""
    if isinstance(rows[0], Request):
        yield f"{'request':<20} {'time (UTC)':<19} {'backend':<16} {'model':<24} {'status':>6} {_TOKENS} {'first ms':>9} {'total ms':>9}\n"
    else:
        times = f"{'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'first p50':>9} {'p95':>8}"
        yield f"{'':<28} {'requests':>8} {'errors':>6} {_TOKENS} {times}\n"
    for row in rows:
        yield _line(row) if isinstance(row, Request) else _total(row)


_TOKENS = f"{'uncached':>10} {'read':>10} {'written':>9} {'out':>9} {'cost $':>10}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _line(row: Request) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.at))
    also = {"measured": "  estimated", "none": ""}.get(row.source, "") + ("  partial" if row.partial else "")
    also += f"  not the client's: {row.ended}" if row.place else ""
    return (
        f"{row.request:<20} {at} {_plain(row.backend):<16.16} {_plain(row.model):<24.24} {row.status:>6} {_tokens(row)}"
        f" {row.first_byte_ms:>9.0f} {row.total_ms:>9.0f}{also}\n"
    )


def _total(row: Group) -> str:
    one = row.served
    legs = f"not the clients' ({one.legs_measured} estimated)" if one.legs_measured else "not the clients'"
    notes = [(one.measured, "estimated"), (one.partial, "partial"), (one.legs, legs)]
    notes.append((one.unpriced if one.cost is not None else 0, "without a known price"))
    also = ", ".join(f"{number} {what}" for number, what in notes if number)
    total, first = one.total_ms, one.first_byte_ms
    times = f"{total.p50:>8.0f} {total.p95:>8.0f} {total.p99:>8.0f} {first.p50:>9.0f} {first.p95:>8.0f}"
    return (
        f"{_plain(row.name) or '(none)':<28.28} {one.requests:>8} {one.errors:>6} {_tokens(one)} {times}"
        + (f"  ({also})" if also else "")
        + "\n"
    )


def _tokens(one: Served | Request) -> str:
    counts = f"{one.uncached_tokens:>10} {one.cache_read_tokens:>10} {one.cache_write_tokens:>9} {one.output_tokens:>9}"
    return f"{counts} {_dollars(one.cost):>10}"


def _dollars(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:.4f}"


def _plain(text: str) -> str:
    return _CONTROL.sub("", text)


def _shown(by: Shared, name: str) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(int(name) * _DAY_S)) if by == "day" else name


def _raw(by: Shared, shown: str) -> str:
    return str(int(moment(shown, 0.0)) // _DAY_S) if by == "day" else shown


def _served(one: Sum) -> Served:
    return Served(
        one.requests,
        one.errors,
        one.partial,
        one.reported,
        one.measured,
        one.unpriced,
        one.legs,
        one.legs_measured,
        one.input_tokens,
        one.input_tokens - one.cache_read - one.cache_write,
        one.cache_read,
        one.cache_write,
        one.output_tokens,
        round(one.cache_read / one.input_tokens, 4) if one.input_tokens else 0.0,
        one.measured_in,
        one.measured_out,
        round(one.cost, 6) if one.unpriced < one.requests + one.legs or one.cost else None,
        one.prices[0] if one.prices[0] == one.prices[1] else " to ".join(one.prices),
        one.timed,
        one.total_ms,
        one.first_ms,
    )


def _request(one: Charge, principal: str) -> Request:
    return Request(
        str(one.id),
        one.place,
        one.at,
        principal,
        one.conversation,
        one.wire,
        one.backend,
        one.model,
        one.status,
        one.ended,
        one.ended == "interrupted" and 0 < one.status < 400 if not one.place else one.ended in CUT_OFF,
        one.calls,
        one.source,
        one.input_tokens,
        one.input_tokens - one.cache_read - one.cache_write,
        one.cache_read,
        one.cache_write,
        one.output_tokens,
        one.measured_in,
        one.measured_out,
        round(one.cost, 8) if one.priced else None,
        one.prices,
        one.first_ms,
        one.total_ms,
    )
