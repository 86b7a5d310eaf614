"""heads.py: one strict reading of a head, and rendering that keeps names, order and case."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.plan import Answer
from backstory.errors import HeadError, UpstreamError
from backstory.relay.heads import (
    AS_SAID,
    CHUNKED,
    TO_END,
    Heads,
    ReplyHeads,
    _fields,
    _reply_fields,
    bodiless,
    choose_framing,
    is_broken,
    read_reply,
    read_request,
    render_answer,
    render_interim,
    render_reply,
    render_request,
    render_trailers,
    without_ours,
)

NO_DROP: frozenset[bytes] = frozenset()

SMUGGLED = {
    "length and transfer coding": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
    "transfer coding and length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    "two different lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6",
    "two equal lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5",
    "a plus sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5",
    "a minus sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5",
    "a hexadecimal length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5",
    "an underscore in a length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0",
    "an empty length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ",
    "a length without end": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999",
    "digits of another script": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5",
    "identity coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity",
    "two codings": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
    "coding twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "a quoted coding": b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "chunked"',
    "coding with a vertical tab": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked",
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked",
    "an empty coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:",
    "a space before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5",
    "a tab before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked",
    "a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2",
    "a folded line with a tab": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2",
    "a leading space": b"GET / HTTP/1.1\r\n Host: a",
    "a bare LF": b"GET / HTTP/1.1\r\nHost: a\nX: 1",
    "a bare CR": b"GET / HTTP/1.1\r\nHost: a\rX: 1",
    "a CR at the end of a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\x002",
    "NUL in a name": b"GET / HTTP/1.1\r\nHost: a\r\nX\x00: 1",
    "a control byte in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x01",
    "DEL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f",
    "an empty name": b"GET / HTTP/1.1\r\nHost: a\r\n: 1",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense",
    "a name with a quote": b'GET / HTTP/1.1\r\nHost: a\r\n"X": 1',
    "a name beyond ASCII": b"GET / HTTP/1.1\r\nHost: a\r\nTransf\xe9r: 1",
    "no Host": b"GET / HTTP/1.1\r\nX: 1",
    "no headers at all": b"GET / HTTP/1.1",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b",
    "a Host with a path": b"GET / HTTP/1.1\r\nHost: a/b",
    "a Host with a user": b"GET / HTTP/1.1\r\nHost: a@b",
    "two Hosts in one": b"GET / HTTP/1.1\r\nHost: a, b",
    "an absolute target": b"GET http://evil/ HTTP/1.1\r\nHost: a",
    "an authority target": b"CONNECT evil:443 HTTP/1.1\r\nHost: a",
    "CONNECT with a path": b"CONNECT /x HTTP/1.1\r\nHost: a",
    "an asterisk target": b"OPTIONS * HTTP/1.1\r\nHost: a",
    "a target without slash": b"GET x HTTP/1.1\r\nHost: a",
    "a fragment": b"GET /x#y HTTP/1.1\r\nHost: a",
    "a tab in the request line": b"GET\t/ HTTP/1.1\r\nHost: a",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a",
    "a trailing space": b"GET / HTTP/1.1 \r\nHost: a",
    "HTTP/0.9": b"GET /",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a",
    "HTTP/2 preface": b"PRI * HTTP/2.0",
    "HTTP/2 in words": b"GET / HTTP/2.0\r\nHost: a",
    "lower case protocol": b"GET / http/1.1\r\nHost: a",
    "HTTP/01.1": b"GET / HTTP/01.1\r\nHost: a",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: a",
    "an empty head": b"",
    "a method with a bracket": b"G[T / HTTP/1.1\r\nHost: a",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("raw", SMUGGLED.values(), ids=SMUGGLED)
def test_a_head_that_can_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(HeadError) as caught:
        read_request(raw)
    assert caught.value.status == 400
    assert "evil" not in str(caught.value)


def test_a_head_is_read_with_order_case_and_doubles_kept() -> None:
    raw = b"POST /v1/x?a=1&b HTTP/1.1\r\nX-B: 2\r\nhOsT: a:1\r\nX-A:1\r\nx-b:\t3 \r\nContent-Length: 07\r\nEmpty:"
    request = read_request(raw, "9.9.9.9")
    assert request.head.method == "POST"
    assert (request.head.path, request.head.query, request.head.client) == ("/v1/x", "a=1&b", "9.9.9.9")
    assert request.head.headers == (
        (b"X-B", b"2"),
        (b"hOsT", b"a:1"),
        (b"X-A", b"1"),
        (b"x-b", b"3"),
        (b"Content-Length", b"07"),
        (b"Empty", b""),
    )
    assert request.length == 7
    assert request.keep


@pytest.mark.parametrize(
    ("lines", "keep"),
    [
        (b" HTTP/1.1\r\nHost: a", True),
        (b" HTTP/1.1\r\nHost: a\r\nConnection: Close", False),
        (b" HTTP/1.1\r\nHost: a\r\nConnection: x, close", False),
        (b" HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close", False),
        (b" HTTP/1.1\r\nHost: a\r\nProxy-Connection: close", False),
        (b" HTTP/1.0", False),
        (b" HTTP/1.0\r\nConnection: keep-alive", True),
        (b" HTTP/1.0\r\nConnection: Keep-Alive, close", False),
    ],
)
def test_whether_a_connection_stays_is_read_from_version_and_connection(lines: bytes, keep: bool) -> None:
    assert read_request(b"GET /" + lines).keep is keep


def test_expectation_and_upgrade_are_seen() -> None:
    assert read_request(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1").expects
    assert not read_request(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1").expects
    assert read_request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket").websocket
    assert not read_request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c").websocket


def test_a_request_goes_up_without_what_is_meant_for_one_hop() -> None:
    raw = (
        b"POST /in HTTP/1.1\r\nUser-Agent: u\r\nHost: proxy\r\nConnection: keep-alive, X-Named\r\nKeep-Alive: 5\r\nX-Named: 1\r\n"
        b"Proxy-Authorization: p\r\nProxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n"
        b"x-dropped: 1\r\nAUTHORIZATION: k\r\nContent-Length: 3\r\nX-Last: 1"
    )
    rendered = render_request(read_request(raw), "/out?q", b"api.test", frozenset({b"x-dropped"}), ((b"x-added", b"2"),), 9)
    assert rendered == (
        b" /out?q HTTP/1.1\r\nUser-Agent: u\r\nHost: api.test\r\nAUTHORIZATION: k\r\nContent-Length: 9\r\nX-Last: 1\r\nx-added: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("raw", "length", "lines"),
    [
        (b"GET / HTTP/1.1\r\nHost: a", 0, b"Host: h\r\n"),
        (b"GET / HTTP/1.0", 0, b"Host: h\r\n"),
        (b"GET / HTTP/1.1\r\nHost: a", 4, b"Host: h\r\nContent-Length: 4\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0", 0, b"Host: h\r\nContent-Length: 0\r\n"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-encoding: Chunked\r\nX: 1",
            CHUNKED,
            b"Host: h\r\nTRANSFER-encoding: chunked\r\nX: 1\r\n",
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: 1", 6, b"Host: h\r\nContent-Length: 6\r\nX: 1\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length, host\r\nContent-Length: 6", 6, b"Host: h\r\nContent-Length: 6\r\n"),
    ],
)
def test_framing_and_host_are_always_our_own(raw: bytes, length: int, lines: bytes) -> None:
    assert render_request(read_request(raw), "/", b"h", NO_DROP, (), length) == b" / HTTP/1.1\r\n" + lines + b"\r\n"


_names = st.from_regex(rb"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True).filter(
    lambda name: name.lower() not in (b"host", b"connection", b"te", b"upgrade", b"expect", b"trailer", b"keep-alive")
)
_values = st.from_regex(rb"(?:[!-~\x80-\xff](?:[ -~\t\x80-\xff]{0,20}[!-~\x80-\xff])?)?", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_names, _values), max_size=8), st.integers(0, 8), st.integers(1, 10**6))
def test_any_headers_go_through_reading_and_rendering_unchanged(pairs: list[tuple[bytes, bytes]], at: int, length: int) -> None:
    pairs = [pair for pair in pairs if pair[0].lower() not in (b"content-length", b"transfer-encoding")]
    every = [(b"Host", b"h"), *pairs[:at], (b"Content-Length", b"%d" % length), *pairs[at:]]
    raw = b"POST /p HTTP/1.1" + b"".join(b"\r\n%b: %b" % pair for pair in every)
    request = read_request(raw)
    assert request.head.headers == tuple(every)
    assert render_request(request, "/p", b"h", NO_DROP, (), length) == raw.removeprefix(b"POST") + b"\r\n\r\n"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([b"0", b"1", b"12", b"007", b"99999", b"+1", b"1, 1", b"", b"1\r\nContent-Length: 2"]), max_size=6))
def test_a_head_like_the_one_before_is_read_and_rendered_as_if_it_were_new(lengths: list[bytes]) -> None:
    heads = Heads("c")
    for at, length in enumerate(lengths):
        raw = b"POST /p?q HTTP/1.1\r\nHost: a\r\nX-Content-Length: 1\r\nContent-Length: %b\r\nX: 1" % length
        try:
            alone = read_request(raw, "c")
        except HeadError:
            with pytest.raises(HeadError):
                heads.read(raw)
            continue
        found = heads.read(raw)
        assert found.head.named == alone.head.named
        assert found == alone
        for add in ((), ((b"x-at", b"%d" % at),), ()):
            told = heads.render(heads.read(raw), "/p", b"h", NO_DROP, add, alone.length)
            assert told == render_request(alone, "/p", b"h", NO_DROP, add, alone.length)


@pytest.mark.parametrize("part", [b"GET / HTTP/1.1\n", b"GET /\x00", b"G\rT", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nX: 1\n"])
def test_a_beginning_that_can_never_be_good_is_known_at_once(part: bytes) -> None:
    assert is_broken(part)


@pytest.mark.parametrize("part", [b"", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX:\t\xe9"])
def test_a_beginning_that_may_become_good_is_waited_for(part: bytes) -> None:
    assert not is_broken(part)


MALFORMED_REPLIES = {
    "garbage": b"garbage",
    "no status": b"HTTP/1.1 ",
    "a status of two digits": b"HTTP/1.1 20 OK",
    "a status of four digits": b"HTTP/1.1 2000 OK",
    "status 000": b"HTTP/1.1 000 No",
    "HTTP/2": b"HTTP/2 200 OK",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: 1\r\n 2",
    "a bare LF": b"HTTP/1.1 200 OK\r\nX: 1\nY: 2",
    "NUL": b"HTTP/1.1 200 OK\r\nX: \x00",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 1",
}


@pytest.mark.parametrize("raw", MALFORMED_REPLIES.values(), ids=MALFORMED_REPLIES)
def test_a_malformed_or_ambiguous_reply_is_refused(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        read_reply(raw)


_pieces = st.sampled_from([b"\r\n", b"\r", b"\n", b":", b" ", b"\t", b"a", b"X-Name", b"\x00", b"\x7f", b"\xff", b"(", b"v"])


@given(st.lists(_pieces, max_size=24).map(b"".join))
@settings(max_examples=500)
def test_the_lines_of_replies_and_requests_are_read_alike(lines: bytes) -> None:
    pairs = _fields(b"GET / HTTP/1.1\r\n" + lines)
    fields = _reply_fields(b"HTTP/1.1 200 OK\r\n" + lines)
    assert fields == (None if pairs is None else ([name.lower() for name, _ in pairs], pairs))


_lines_before = st.sampled_from(
    [b"X: 1", b"X: 2", b"X:1 ", b"x: 1", b"X", b"X : 1", b"Date: a", b"Date: \x00", b"Y: a:b", b" f", b"D: 1\nE: 2"]
)
_lines_framing = st.sampled_from(
    b"Content-Length: 5|Content-Length: 6|Content-Length: |content-length:7|Transfer-Encoding: chunked|Transfer-Encoding: gzip|"
    b"Connection: close|Connection: X|Keep-Alive: timeout=3|Keep-Alive: timeout=0|Trailer: T".split(b"|")
)
_starts = st.sampled_from([b"HTTP/1.1 200 OK"] * 4 + [b"HTTP/1.1 201 OK", b"HTTP/1.0 200 OK", b"HTTP/2 200 OK"])
_like_replies = st.tuples(_starts, _lines_before, _lines_framing, _lines_framing, _lines_before).map(b"\r\n".join)


@given(st.lists(st.one_of(_like_replies, _like_replies.map(lambda raw: raw.rpartition(b"\r\n")[0])), min_size=2, max_size=8))
@settings(max_examples=500, deadline=None)
def test_a_reply_like_the_one_before_is_read_as_if_it_were_new(replies: list[bytes]) -> None:
    heads = ReplyHeads()
    for raw in replies:
        try:
            alone = read_reply(raw)
        except UpstreamError:
            with pytest.raises(UpstreamError):
                heads.read(raw)
            continue
        assert heads.read(raw) == alone


def test_of_replies_with_their_length_twice_each_is_looked_at() -> None:
    heads, two = ReplyHeads(), b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: %d"
    for one in (1, 1, 2, 30):
        assert heads.read(two % (one, one)).length == one
    with pytest.raises(UpstreamError):
        heads.read(two % (30, 31))
    assert heads.read(two % (31, 31)).length == 31


def test_a_reply_is_passed_on_with_reason_order_case_and_doubles() -> None:
    raw = (
        b"HTTP/1.1 299 So  be it!\r\nSet-Cookie: a\r\nX-B:1\r\nConnection: X-Hop\r\nSET-cookie: b\r\nX-Hop: 1\r\nKeep-Alive: timeout=7\r\n"
        b"Proxy-Authenticate: p\r\nUpgrade: h2\r\nContent-Length: 3\r\nX-A: 2"
    )
    reply = read_reply(raw)
    assert (reply.status, reply.length, reply.keep, reply.keep_s) == (299, 3, True, 7.0)
    rendered = render_reply(reply, choose_framing(reply, "pass", False, False), (), b"")
    assert rendered == b"HTTP/1.1 299 So  be it!\r\nSet-Cookie: a\r\nX-B: 1\r\nSET-cookie: b\r\nContent-Length: 3\r\nX-A: 2\r\n\r\n"


def test_headers_that_come_under_our_names_go_and_nothing_else_changes() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX:1\r\nX-VC-Conversation: evil\r\ncontent-length:   3\r\nx-Vc-stats:evil\r\nY: x-vc-z \r\nX-VCR: 1"
    reply = without_ours(read_reply(raw))
    added = ((b"X-VC-Stats", b"good"),)
    rest = b"HTTP/1.1 200 OK\r\nX:1\r\ncontent-length:   3\r\nY: x-vc-z \r\nX-VCR: 1\r\nX-VC-Stats: good\r\n\r\n"
    assert render_reply(reply, 3, added, b"") == rest
    assert b"evil" not in render_reply(reply, CHUNKED, added, b"")
    assert reply.names == [pair[0].lower() for pair in reply.headers] == [b"x", b"content-length", b"y", b"x-vcr"]
    clean = read_reply(b"HTTP/1.1 200 OK\r\nY: x-vc-z\r\nContent-Length: 3")
    assert without_ours(clean) == clean
    trailers = ((b"T", b"1"), (b"X-VC-Stats", b"evil"))
    assert render_trailers(trailers, ours=True) == b"T: 1\r\n"
    assert render_trailers(trailers) == b"T: 1\r\nX-VC-Stats: evil\r\n"


def test_a_plain_reply_head_keeps_its_very_bytes() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX:1\r\ncontent-length:   3\r\nY:  2 "
    reply = read_reply(raw)
    assert render_reply(reply, 3, (), b"") == raw + b"\r\n\r\n"


@pytest.mark.parametrize("reason", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200 \xe9t\xe9", b"HTTP/1.1 404 Not  Found"])
def test_the_reason_phrase_is_kept_even_where_it_is_missing(reason: bytes) -> None:
    reply = read_reply(reason + b"\r\nConnection: close")
    assert render_reply(reply, TO_END, (), b"close") == reason + b"\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "mode", "old", "framing"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", "pass", False, 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", "pass", True, 3),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", "stream", False, CHUNKED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", "stream", True, TO_END),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "pass", False, CHUNKED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "pass", True, TO_END),
        (b"HTTP/1.0 200 OK", "pass", False, CHUNKED),
        (b"HTTP/1.0 200 OK", "pass", True, TO_END),
    ],
)
def test_framing_follows_reply_mode_and_client(raw: bytes, mode: str, old: bool, framing: int) -> None:
    chosen = choose_framing(read_reply(raw), "stream" if mode == "stream" else "pass", old, False)
    assert chosen == framing


def test_a_changed_framing_stands_where_the_old_one_stood() -> None:
    reply = read_reply(b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 3\r\nB: 2\r\nTrailer: T")
    assert render_reply(reply, CHUNKED, (), b"") == (b"HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\nB: 2\r\n\r\n")
    chunked = read_reply(b"HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\nB: 2")
    assert render_reply(chunked, 5, ((b"x", b"y"),), b"close") == (
        b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\nB: 2\r\nx: y\r\nConnection: close\r\n\r\n"
    )
    assert b"Trailer: T" in render_reply(chunked, CHUNKED, (), b"close")


def test_equal_lengths_become_one() -> None:
    reply = read_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3")
    assert render_reply(reply, 3, (), b"") == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"


def test_a_reply_without_body_keeps_what_it_says_about_one() -> None:
    reply = read_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\nConnection: close")
    assert bodiless(b"HEAD", 200)
    assert bodiless(b"GET", 304)
    assert not bodiless(b"GET", 200)
    framing = choose_framing(reply, "stream", False, empty=True)
    assert framing == AS_SAID
    assert render_reply(reply, framing, (), b"") == b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "keep", "keep_s"),
    [
        (b"Connection: close", False, 0.0),
        (b"Keep-Alive: timeout=5, max=100", True, 5.0),
        (b"Keep-Alive: max=100, timeout=5", True, 5.0),
        (b"Keep-Alive: timeout=0", False, 0.0),
        (b"Keep-Alive: nonsense", True, 0.0),
    ],
)
def test_how_long_an_upstream_stays_is_read(line: bytes, keep: bool, keep_s: float) -> None:
    reply = read_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line)
    assert (reply.keep, reply.keep_s) == (keep, keep_s)


def test_hints_and_trailers_are_passed_on_without_framing() -> None:
    hints = read_reply(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nContent-Length: 5")
    assert render_interim(hints) == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert render_trailers([(b"X-Sum", b"1"), (b"Content-Length", b"9"), (b"transfer-encoding", b"chunked")]) == b"X-Sum: 1\r\n"


def test_our_own_answer_has_its_one_true_length() -> None:
    answer = Answer(502, ((b"Content-Type", b"text/plain"), (b"Content-Length", b"99"), (b"Connection", b"x")), b"no")
    assert render_answer(answer, b"POST", b"close") == (
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    )
    assert render_answer(answer, b"HEAD", b"").endswith(b"Content-Length: 2\r\n\r\n")
    assert render_answer(Answer(204, (), b""), b"GET", b"") == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert render_answer(Answer(799, (), b""), b"GET", b"").startswith(b"HTTP/1.1 799 Unknown\r\n")
