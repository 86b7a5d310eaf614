"""Heads of requests and replies: read strictly, rendered with order and case kept. Pure: bytes in, values out, and back.

Rule: there is one reading of a head, this one. What could be read in two ways is refused, never repaired (RFC 9112 sections 3, 5, 6
and 11.2): bare CR or LF, NUL and other controls, folded lines, space before the colon, more than one length, length and
transfer-encoding together, a missing or second Host, a target that is not a path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from itertools import compress
from operator import ne

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer, Mode
from backstory.errors import HeadError, HeadTooLarge, UpstreamError

CHUNKED = -1
TO_END = -2
AS_SAID = -3

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_VALUE = rb"[^\x00-\x08\x0a-\x1f\x7f]"
# A good header line: its value does not end in white space (see `_tidied`), and the next line or the end follows it.
_FIELD = re.compile(rb"\r\n(" + _TOKEN + rb"++):[ \t]*+(" + _VALUE + rb"*+)(?<![ \t])(?=\r\n|\Z)")
_NAME = re.compile(_TOKEN + rb"++")
# What a line may hold.
_FINE = bytes(byte for byte in range(256) if byte == 9 or (byte >= 32 and byte != 127))
_REQUEST_START = re.compile(rb"(" + _TOKEN + rb"{1,64}+) (/[\x21\x22\x24-\x7e\x80-\xff]*+) HTTP/1\.([01])")
_REPLY_START = re.compile(rb"HTTP/1\.([01]) (([1-9]\d\d)(?: " + _VALUE + rb"*+)?)")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb"+) ([^ ]+) HTTP/(\d)\.(\d)")
_MAX_DIGITS = 18  # of a length: fits every machine's integers
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+;=:\[\]\-]*+")
_BROKEN = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_KEEP_TIMEOUT = re.compile(rb"(?:^|[ ,;])timeout=(\d{1,6})", re.IGNORECASE)

# Meant for one hop only (RFC 9110 section 7.6.1, and the proxy-* and trailer of RFC 2616 section 13.5.1).
_HOP = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"))
_HOP_UP = _HOP | {b"proxy-authorization", b"proxy-authenticate", b"trailer", b"expect"}
_HOP_DOWN = _HOP | {b"proxy-authenticate", b"proxy-authentication-info", b"trailer"}
_MOVED_UP = _HOP_UP | {b"host", b"content-length"}
_WATCHED_DOWN = _HOP_DOWN | {b"content-length"}
_FRAMES_DOWN = _WATCHED_DOWN - {b"content-length"}
_CHANGED_DOWN = _HOP_DOWN - {b"transfer-encoding", b"trailer"}
# How the names of our own headers begin.
_OURS = b"x-vc-"
_OPTIONS = frozenset((b"connection", b"proxy-connection", b"expect", b"upgrade"))
_NONE: frozenset[bytes] = frozenset()
# Fields that must not come as trailers: they would change what the head said (RFC 9110 section 6.5.1).
_NEVER_TRAILERS = _WATCHED_DOWN | {b"host", b"content-encoding", b"content-type", b"content-range", b"set-cookie", b"authorization"}

_REASONS = {int(status): status.phrase.encode("ascii") for status in HTTPStatus}


class UriTooLong(HeadTooLarge):
    """The request line alone is larger than the limit."""

    status = 414
    code = "uri_too_long"


class Request(Struct, frozen=True):
    """A request's head with its framing. `names` are the lower-case names of `head.headers`, `length` the body's length or CHUNKED.

    `named`: header names listed in Connection. `old`: HTTP/1.0.
    """

    head: Head
    method: bytes
    names: list[bytes]
    length: int
    keep: bool
    old: bool
    named: frozenset[bytes]
    expects: bool
    websocket: bool


class ReplyHead(Struct, frozen=True):
    """A reply's head with its framing. `raw` is all of it, `line` status and reason as sent; `length` the body's length, CHUNKED or TO_END.

    `keep`: whether the connection lives on after the body; `keep_s`: for how long, 0 where it was not said. `plain`: HTTP/1.1, no name
    twice, nothing for one hop.
    """

    status: int
    raw: bytes
    line: bytes
    headers: Headers
    names: list[bytes]
    length: int
    keep: bool
    keep_s: float
    named: frozenset[bytes]
    plain: bool


def _fields(raw: bytes) -> list[tuple[bytes, bytes]] | None:
    """Name and value of all header lines; None where one is malformed, that is where there are more line ends than good lines."""
    pairs: list[tuple[bytes, bytes]] = _FIELD.findall(raw)
    if len(pairs) == raw.count(b"\r\n"):
        return pairs
    first, *lines = raw.split(b"\r\n")
    tidied = b"\r\n".join([first, *[line.rstrip(b" \t") for line in lines]])  # allowed there, means nothing (RFC 9112 section 5.1)
    pairs = _FIELD.findall(tidied)
    return pairs if len(pairs) == len(lines) else None


@lru_cache(maxsize=1024)
def _lower(name: bytes) -> bytes:
    """In lower case; b"" for what is no name. There are few different ones."""
    return b"" if _NAME.fullmatch(name) is None else name.lower()


def _reply_fields(raw: bytes) -> tuple[list[bytes], list[tuple[bytes, bytes]]] | None:
    """Lower-case names, and what `_fields` gives, at half its cost."""
    names, pairs = [], []
    lines = raw.split(b"\r\n")
    if raw.translate(None, _FINE) == b"\r\n" * (len(lines) - 1):
        del lines[0]
        for line in lines:
            name, colon, value = line.partition(b":")
            low = _lower(name)
            if not colon or not low:
                return None
            names.append(low)
            pairs.append((name, value.strip(b" \t")))
        return names, pairs
    return None


def _values(names: list[bytes], pairs: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [pair[1] for at, pair in enumerate(pairs) if names[at] == name]


def _tokens(values: Sequence[bytes]) -> frozenset[bytes]:
    return frozenset(token.strip(b" \t").lower() for value in values for token in value.split(b",")) - {b""}


def read_request(raw: bytes, client: str = "") -> Request:
    """Reads a request's head: all bytes before the empty line. Raises HeadError where it is malformed or ambiguous."""
    end = raw.find(b"\r\n")
    start = _REQUEST_START.fullmatch(raw, 0, end if end >= 0 else len(raw))
    pairs = _fields(raw)
    if start is None or pairs is None:
        raise HeadError(_fault(raw))
    method, target, minor = start.groups()
    found = {pair[0].lower(): pair for pair in pairs}
    names = list(found)
    if len(names) < len(pairs):
        names = [pair[0].lower() for pair in pairs]
        _check_doubles(names)
    old = minor == b"0"
    host = found.get(b"host")
    if host is None:
        if not old:
            raise HeadError("no Host header")
    elif _HOST.fullmatch(host[1]) is None:
        raise HeadError("a malformed Host header")
    if method == b"CONNECT":
        raise HeadError("CONNECT is not served here")
    length = _request_length(found, old)
    keep, named, expects, websocket = not old, _NONE, False, False
    if not _OPTIONS.isdisjoint(names):
        named = _tokens(_values(names, pairs, b"connection"))
        options = named | _tokens(_values(names, pairs, b"proxy-connection"))
        keep = b"close" not in options and (not old or b"keep-alive" in options)
        expects = not old and b"100-continue" in _tokens(_values(names, pairs, b"expect"))
        websocket = b"websocket" in _tokens(_values(names, pairs, b"upgrade"))
    path, _, query = target.decode("latin-1").partition("?")
    head = Head(method.decode("ascii"), path, query, tuple(pairs), client)
    return Request(head, method, names, length, keep, old, named, expects, websocket)


def _check_doubles(names: list[bytes]) -> None:
    for name in (b"host", b"content-length", b"transfer-encoding"):
        if names.count(name) > 1:
            raise HeadError(f"more than one {name.decode()} header")


def _request_length(found: dict[bytes, tuple[bytes, bytes]], old: bool) -> int:
    length = found.get(b"content-length")
    coding = found.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise HeadError("Content-Length together with Transfer-Encoding")
        if old or coding[1].lower() != b"chunked":
            raise HeadError("a Transfer-Encoding other than exactly chunked")
        return CHUNKED
    if length is None:
        return 0
    if not length[1].isdigit() or len(length[1]) > _MAX_DIGITS:
        raise HeadError("a Content-Length that is not a number")
    return int(length[1])


def _fault(raw: bytes) -> str:
    """What is wrong with a head that did not match. No part of it is quoted: it may hold a key."""
    line, _, _ = raw.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        return "a malformed request line"
    if match.group(3) != b"1":
        return "an HTTP version other than 1.0 and 1.1"
    if not match.group(2).startswith(b"/"):
        return "a target that is not a path"
    return "a malformed request line or header line"


def addressed(raw: bytes) -> Head | None:
    """Method and path alone of a head that is refused, where its first line can be read: they tell in which form its client is answered."""
    end = raw.find(b"\r\n")
    start = _REQUEST_START.fullmatch(raw, 0, end) if end > 0 else None
    if start is None:
        return None
    path, _, query = start[2].decode("latin-1").partition("?")
    return Head(start[1].decode("ascii"), path, query, ())


def is_broken(part: bytes | bytearray, start: int = 0) -> bool:
    """Whether a head that has not ended yet can never become a good one (bare CR or LF, control bytes from `start` on)."""
    return _BROKEN.search(part, start) is not None


def too_large(part: bytes | bytearray, limit: int) -> HeadTooLarge:
    """The fault of a head that is larger than this: of its first line, where that alone is."""
    if 0 <= part.find(b"\r\n") <= limit:
        return HeadTooLarge("the request's head is too large")
    return UriTooLong("the request line is too long")


def read_reply(raw: bytes) -> ReplyHead:
    """Reads a reply's head: all bytes before the empty line. Raises UpstreamError where it is malformed or ambiguous."""
    end = raw.find(b"\r\n")
    start = _read_status(raw[:end] if end >= 0 else raw)
    fields = _reply_fields(raw)
    if start is None or fields is None:
        raise UpstreamError("the upstream's reply has a malformed head")
    status, line, old = start
    names, pairs = fields
    length = _reply_length(names, pairs, old)
    if _CHANGED_DOWN.isdisjoint(names):
        plain = not old and names.count(b"content-length") < 2
        return ReplyHead(status, raw, line, tuple(pairs), names, length, not old, 0.0, _NONE, plain)
    named = _tokens(_values(names, pairs, b"connection"))
    keep = b"close" not in named and (not old or b"keep-alive" in named)
    keep_s = 0.0
    if b"keep-alive" in names and (timeout := _KEEP_TIMEOUT.search(_values(names, pairs, b"keep-alive")[0])):
        keep_s = float(timeout.group(1))
        keep = keep and keep_s > 0
    return ReplyHead(status, raw, line, tuple(pairs), names, length, keep, keep_s, named, plain=False)


@lru_cache(maxsize=256)
def _read_status(line: bytes) -> tuple[int, bytes, bool] | None:
    """Status, status with reason as sent, and whether it is HTTP/1.0. There are few different ones."""
    match = _REPLY_START.fullmatch(line)
    return None if match is None else (int(match[3]), match[2], match[1] == b"0")


def _reply_length(names: list[bytes], pairs: list[tuple[bytes, bytes]], old: bool) -> int:
    if b"transfer-encoding" in names:
        codings = _values(names, pairs, b"transfer-encoding")
        if b"content-length" in names:
            raise UpstreamError("the upstream's reply has both a length and a transfer coding")
        if old or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise UpstreamError("the upstream's reply has a transfer coding other than chunked")
        return CHUNKED
    if b"content-length" not in names:
        return TO_END
    length = pairs[names.index(b"content-length")][1]
    if names.count(b"content-length") > 1 and len(set(_values(names, pairs, b"content-length"))) > 1:
        raise UpstreamError("the upstream's reply has two different lengths")
    if not length.isdigit() or len(length) > _MAX_DIGITS:
        raise UpstreamError("the upstream's reply has a length that is not a number")
    return int(length)


def bodiless(method: bytes, status: int) -> bool:
    """Whether a reply has no body whatever its head says (RFC 9112 section 6.3)."""
    return method == b"HEAD" or status in (204, 304) or status < 200


def render_request(request: Request, path: str, host: bytes, drop: frozenset[bytes], add: Headers, length: int) -> bytes:
    """The head to send upstream, from the target on: ` /path HTTP/1.1`, header lines and the empty line.

    `length` is the body's length as it will be sent, CHUNKED for a chunked one. The host stands where the client's stood, the length
    where the client's length or transfer-encoding stood; a request that said neither and has no body gets none.
    """
    return b"".join(_request_lines(request, path, host, drop, add, length)[0])


def _request_lines(request: Request, path: str, host: bytes, drop: frozenset[bytes], add: Headers, length: int) -> tuple[list[bytes], int]:
    """The lines of the head, and which of them frames the body (0: none does)."""
    lines = [b" %b HTTP/1.1\r\n" % path.encode("latin-1")]
    moved = _MOVED_UP if not drop and not request.named else _MOVED_UP | drop | request.named
    if b"host" not in request.names:
        lines.append(b"Host: %b\r\n" % host)
    framed = 0
    for name, pair in zip(request.names, request.head.headers, strict=True):
        if name not in moved:
            lines.append(b"%b: %b\r\n" % pair)
        elif name == b"host":
            lines.append(b"%b: %b\r\n" % (pair[0], host))
        elif name in (b"content-length", b"transfer-encoding"):
            framed = len(lines)
            lines.append(_frame_line(pair[0] if (name == b"content-length") == (length >= 0) else b"", length))
    if not framed and length:
        framed = len(lines)
        lines.append(_frame_line(b"", length))
    lines.extend([b"%b: %b\r\n" % pair for pair in add])
    lines.append(b"\r\n")
    return lines, framed


def _frame_line(name: bytes, length: int) -> bytes:
    if length == CHUNKED:
        return b"%b: chunked\r\n" % (name or b"Transfer-Encoding")
    return b"%b: %d\r\n" % (name or b"Content-Length", length)


def choose_framing(reply: ReplyHead, mode: Mode, old: bool, empty: bool) -> int:
    """How to frame what comes of `reply`: a length, CHUNKED, TO_END (ends by close) or AS_SAID: no body, the head's own words about one
    stay. `old`: the client speaks HTTP/1.0. `empty`: a reply without a body (see `bodiless`)."""
    if empty:
        return AS_SAID
    if mode == "pass" and reply.length >= 0:
        return reply.length
    return TO_END if old else CHUNKED


def render_reply(reply: ReplyHead, framing: int, add: Headers, connection: bytes) -> bytes:
    """The head to send to the client. `framing` as of `choose_framing`; `connection` is the Connection header's value, b"" for none.

    A head in which nothing is to change is sent as it came, what is added at its end.
    """
    if reply.plain and (framing == reply.length or framing == AS_SAID):  # noqa: PLR1714 (hot)
        more = b"".join([b"\r\n%b: %b" % pair for pair in add])
        return b"%b%b\r\nConnection: %b\r\n\r\n" % (reply.raw, more, connection) if connection else b"%b%b\r\n\r\n" % (reply.raw, more)
    lines = [b"HTTP/1.1 %b\r\n" % reply.line]
    watched = _WATCHED_DOWN | reply.named if reply.named else _WATCHED_DOWN
    framed = framing in (TO_END, AS_SAID)
    for name, pair in zip(reply.names, reply.headers, strict=True):
        if name not in watched:
            lines.append(b"%b: %b\r\n" % pair)
        elif name in (b"content-length", b"transfer-encoding"):
            if framing == AS_SAID:
                lines.append(b"%b: %b\r\n" % pair)
            elif not framed:
                framed = True
                lines.append(_frame_line(pair[0] if (name == b"content-length") == (framing >= 0) else b"", framing))
        elif name == b"trailer" and framing == CHUNKED == reply.length:
            lines.append(b"%b: %b\r\n" % pair)
    if not framed:
        lines.append(_frame_line(b"", framing))
    lines.extend([b"%b: %b\r\n" % pair for pair in add])
    if connection:
        lines.append(b"Connection: %b\r\n" % connection)
    lines.append(b"\r\n")
    return b"".join(lines)


def without_ours(reply: ReplyHead) -> ReplyHead:
    """The head of an answer that gets headers of ours, without those that came under our names: only one can be true. Everything else
    stays as it came."""
    if reply.raw.lower().find(_OURS) < 0:
        return reply
    kept = [at for at, name in enumerate(reply.names) if not name.startswith(_OURS)]
    raw = b"\r\n".join(line for line in reply.raw.split(b"\r\n") if not line[: len(_OURS)].lower().startswith(_OURS))
    return replace(reply, raw=raw, headers=tuple(reply.headers[at] for at in kept), names=[reply.names[at] for at in kept])


def render_interim(reply: ReplyHead) -> bytes:
    """An informational reply (103 Early Hints) as it is passed on."""
    watched = _WATCHED_DOWN | reply.named
    lines = [b"%b: %b\r\n" % pair for name, pair in zip(reply.names, reply.headers, strict=True) if name not in watched]
    return b"HTTP/1.1 %b\r\n%b\r\n" % (reply.line, b"".join(lines))


def render_trailers(trailers: Sequence[tuple[bytes, bytes]], ours: bool = False) -> bytes:
    """Trailer lines as they are passed on; those that would change what the head said are left out, and where the answer has headers of
    `ours`, those under our names."""
    names = [pair[0].lower() for pair in trailers]
    kept = [
        pair for pair, name in zip(trailers, names, strict=True) if name not in _NEVER_TRAILERS and not (ours and name.startswith(_OURS))
    ]
    return b"".join([b"%b: %b\r\n" % pair for pair in kept])


def render_answer(answer: Answer, method: bytes, connection: bytes) -> bytes:
    """A whole reply of our own, with the length of its body; to HEAD the head alone."""
    reason = _REASONS.get(answer.status, b"Unknown")
    lines = [b"HTTP/1.1 %d %b\r\n" % (answer.status, reason)]
    lines.extend([b"%b: %b\r\n" % pair for pair in answer.headers if pair[0].lower() not in _WATCHED_DOWN])
    empty = bodiless(method, answer.status)
    if not empty or method == b"HEAD":
        lines.append(b"Content-Length: %d\r\n" % len(answer.body))
    if connection:
        lines.append(b"Connection: %b\r\n" % connection)
    lines.append(b"\r\n")
    if not empty:
        lines.append(answer.body)
    return b"".join(lines)


class Heads:
    """Reads and renders the request heads of one connection. A client says nearly the same each time: a head that differs from the one
    before in the digits of its length alone is read and rendered as that one was, at a tenth of the cost."""

    __slots__ = ("_after", "_at", "_before", "_client", "_last", "_rendered", "_rendered_for", "_rendered_names")

    def __init__(self, client: str) -> None:
        self._client = client
        self._last: Request | None = None
        self._before = self._after = b""
        self._at = 0
        self._rendered = (b"", b"")
        self._rendered_for: tuple[str, bytes, frozenset[bytes], Headers] | None = None
        self._rendered_names: list[bytes] = []

    def read(self, raw: bytes) -> Request:
        """As read_request."""
        last = self._last
        if last is not None and raw.startswith(self._before) and raw.endswith(self._after):
            digits = raw[len(self._before) : len(raw) - len(self._after)]
            if digits.isdigit() and len(digits) <= _MAX_DIGITS:
                return self._again(last, digits)
        request = read_request(raw, self._client)
        self._remember(raw, request)
        return request

    def _again(self, last: Request, digits: bytes) -> Request:
        head, at = last.head, self._at
        headers = head.headers
        if headers[at][1] == digits:
            return last
        headers = (*headers[:at], (headers[at][0], digits), *headers[at + 1 :])
        head = Head(head.method, head.path, head.query, headers, head.client, {**head.named, b"content-length": digits}, head.kept)
        return Request(head, last.method, last.names, int(digits), last.keep, last.old, last.named, last.expects, last.websocket)

    def _remember(self, raw: bytes, request: Request) -> None:
        self._last = None
        if request.length > 0:
            self._at = request.names.index(b"content-length")
            name, digits = request.head.headers[self._at]
            line = b"\r\n%b: %b\r\n" % (name, digits)
            start = (raw + b"\r\n").find(line)
            if start >= 0:
                end = start + len(line) - 2
                self._before, self._after = raw[: end - len(digits)], raw[end:]
                self._last = request

    def render(self, request: Request, path: str, host: bytes, drop: frozenset[bytes], add: Headers, length: int) -> bytes:
        """As render_request."""
        if request.length <= 0 or length <= 0:
            return render_request(request, path, host, drop, add, length)
        about = (path, host, drop, add)
        if request.names is not self._rendered_names or about != self._rendered_for:
            lines, framed = _request_lines(request, path, host, drop, add, length)
            name, _, _ = lines[framed].partition(b":")
            self._rendered = (b"%b%b: " % (b"".join(lines[:framed]), name), b"\r\n" + b"".join(lines[framed + 1 :]))
            self._rendered_names, self._rendered_for = request.names, about
        return b"%b%d%b" % (self._rendered[0], length, self._rendered[1])


class ReplyHeads:
    """Reads the reply heads of one connection. A provider says nearly the same each time: only lines that differ from those of the head
    before are read."""

    __slots__ = ("_last", "_lines")

    def __init__(self) -> None:
        self._last: ReplyHead | None = None
        self._lines: list[bytes] = []

    def read(self, raw: bytes) -> ReplyHead:
        """As read_reply."""
        lines, last = raw.split(b"\r\n"), self._last
        self._last = None
        reply = self._again(last, raw, lines) if last is not None and len(lines) == len(self._lines) else None
        self._last, self._lines = reply or read_reply(raw), lines
        return self._last

    def _again(self, last: ReplyHead, raw: bytes, lines: list[bytes]) -> ReplyHead | None:
        """None where more has changed than values and the length."""
        headers, names, framed = [*last.headers], last.names, False
        for at in compress(range(-1, len(headers)), map(ne, lines, self._lines)):
            name, colon, value = lines[at + 1].partition(b":")
            if at < 0 or not colon or name != headers[at][0] or names[at] in _FRAMES_DOWN or lines[at + 1].translate(None, _FINE):
                return None
            headers[at] = (name, value.strip(b" \t"))
            framed = framed or names[at] == b"content-length"
        length = _reply_length(names, headers, old=False) if framed else last.length
        return ReplyHead(last.status, raw, last.line, tuple(headers), names, length, last.keep, last.keep_s, last.named, last.plain)
