"""A gateway that is broken on purpose, in one way at a time, fails the cases that it has to fail."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from msgspec import Struct
from msgspec.structs import replace

from backstory.app.conformance.asking import Gateway
from backstory.app.conformance.cases import cases
from backstory.app.conformance.play import play_all


class Answer(Struct):
    """A gateway's answer, to be spoiled."""

    status: int
    headers: dict[str, str]
    body: bytes


Spoil = Callable[[Answer], None]


class Broken:
    """In front of one of the proxies: passes requests and answers on, answers whole and spoiled."""

    def __init__(self, url: str) -> None:
        outer = self
        self.spoil: Spoil = lambda answer: None
        self.spoil_request: Callable[[bytes], bytes] = lambda body: body
        place = urlsplit(url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = outer.spoil_request(self.rfile.read(int(self.headers["content-length"])))
                connection = http.client.HTTPConnection(place, timeout=20)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
                connection.request("POST", self.path, body, headers)
                response = connection.getresponse()
                cut = False
                try:
                    content = response.read()
                except http.client.IncompleteRead as error:
                    content, cut = error.partial, True
                connection.close()
                kept = {name.lower(): value for name, value in response.headers.items()}
                answer = Answer(response.status, kept, content)
                outer.spoil(answer)
                self.send_response(answer.status)
                for name in ("content-type", "retry-after", "x-vc-losses"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("content-length", str(len(answer.body) + 9 * cut * (b"HEALED" not in answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its parent's name)
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def broken(gateway: Gateway) -> Iterator[Broken]:
    one = Broken(gateway.urls["openai_chat"])
    yield one
    one.stop()


def drops(start: str) -> Spoil:
    """The last event that has this in it is gone."""

    def spoil(answer: Answer) -> None:
        events = answer.body.split(b"\n\n")
        at = max((place for place, event in enumerate(events) if start.encode() in event), default=-1)
        if at >= 0:
            del events[at]
        answer.body = b"\n\n".join(events)

    return spoil


def swaps(one: str, other: str) -> Spoil:
    """The first events that have these in them change places."""

    def spoil(answer: Answer) -> None:
        events = answer.body.split(b"\n\n")
        places = [next((at for at, event in enumerate(events) if word.encode() in event), -1) for word in (one, other)]
        if min(places) >= 0:
            events[places[0]], events[places[1]] = events[places[1]], events[places[0]]
        answer.body = b"\n\n".join(events)

    return spoil


def writes(old: str, new: str) -> Spoil:
    """These bytes become those."""

    def spoil(answer: Answer) -> None:
        answer.body = answer.body.replace(old.encode(), new.encode())

    return spoil


def forgets(name: str) -> Spoil:
    """This header is gone."""

    def spoil(answer: Answer) -> None:
        answer.headers.pop(name, None)

    return spoil


def is_status(old: int, new: int) -> Spoil:
    def spoil(answer: Answer) -> None:
        answer.status = new if answer.status == old else answer.status

    return spoil


def heals(answer: Answer) -> None:
    """A stream without an end gets one."""
    if b"message_stop" not in answer.body and b"message_start" in answer.body and b"event: error" not in answer.body:
        delta = '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}'
        answer.body += b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        answer.body += f"event: message_delta\ndata: {delta}\n\n".encode()
        answer.body += b'event: message_stop\ndata: {"type":"message_stop"}\n\n: HEALED\n\n'


def failed(broken: Broken, gateway: Gateway, client: str, only: str = "") -> set[str]:
    """The scenarios that fail there, "early" left out: the wrapper itself holds answers back until they are whole."""
    urls = dict(gateway.urls) | {"openai_chat": broken.url}
    outcomes = play_all(cases(only, (client,), ("openai_chat",)), replace(gateway, urls=urls))
    return {f"{outcome.scenario}/{'stream' if outcome.stream else 'whole'}" for outcome in outcomes if outcome.faults} - {"early/stream"}


def test_the_wrapper_by_itself_fails_nothing_but_being_early(broken: Broken, gateway: Gateway) -> None:
    broken.spoil = lambda answer: None
    assert failed(broken, gateway, "anthropic") == set()
    urls = dict(gateway.urls) | {"openai_chat": broken.url}
    outcomes = play_all(cases("early", ("anthropic",), ("openai_chat",)), replace(gateway, urls=urls))
    assert "rested 200 ms" in outcomes[0].faults[0]


@pytest.mark.parametrize(
    ("client", "spoil", "only", "caught"),
    [
        ("anthropic", drops("event: message_delta"), "text", "text/stream"),
        ("anthropic", drops("event: message_stop"), "text", "text/stream"),
        ("anthropic", drops("event: content_block_stop"), "calls", "calls/stream"),
        ("anthropic", drops("text_delta"), "unicode", "unicode/stream"),
        ("anthropic", swaps("event: content_block_start", "event: content_block_delta"), "text", "text/stream"),
        ("anthropic", writes('"cache_read_input_tokens":800', '"cache_read_input_tokens":0'), "usage", "usage/whole"),
        ("anthropic", writes('"output_tokens":90', '"output_tokens":0'), "usage", "usage/stream"),
        ("anthropic", writes('"tool_use"', '"end_turn"'), "/call/", "call/whole"),
        ("anthropic", writes("call_south2", "call_north1"), "/calls/", "calls/whole"),
        ("anthropic", writes("🦭", ""), "unicode", "unicode/whole"),
        ("anthropic", forgets("retry-after"), "error-429", "error-429/whole"),
        ("anthropic", forgets("x-vc-losses"), "asks-unknown", "asks-unknown/whole"),
        ("anthropic", is_status(404, 500), "error-404", "error-404/stream"),
        ("anthropic", is_status(502, 200), "html", "html/whole"),
        ("anthropic", heals, "/cut/", "cut/stream"),
        ("openai_chat", drops("[DONE]"), "text", "text/stream"),
        ("openai_chat", drops('"choices":[],'), "usage", "usage/stream"),
        ("openai_chat", writes('"index":1', '"index":0'), "/calls/", "calls/stream"),
        ("openai_responses", drops("event: response.output_item.done"), "text", "text/stream"),
        ("openai_responses", drops("event: response.output_text.delta"), "text", "text/stream"),
        ("openai_responses", swaps("event: response.created", "event: response.in_progress"), "text", "text/stream"),
        ("openai_responses", writes('"sequence_number":3', '"sequence_number":7'), "text", "text/stream"),
        ("gemini", drops('"finishReason"'), "text", "text/stream"),
        ("gemini", writes('"thoughtsTokenCount":30,', ""), "usage", "usage/whole"),
        ("gemini", writes(',"thought":true', ""), "/thinking/", "thinking/stream"),
    ],
)
def test_what_is_broken_is_found(broken: Broken, gateway: Gateway, client: str, spoil: Spoil, only: str, caught: str) -> None:
    spoiled = []

    def watched(answer: Answer) -> None:
        before = (answer.status, dict(answer.headers), answer.body)
        spoil(answer)
        spoiled.append(before != (answer.status, answer.headers, answer.body))

    broken.spoil = watched
    try:
        assert caught in failed(broken, gateway, client, only)
    finally:
        broken.spoil = lambda answer: None
    assert any(spoiled), "nothing was there to be spoiled"


@pytest.mark.parametrize(
    ("member", "caught"),
    [
        ("system", "asks-system/whole"),
        ("tools", "asks-tools/whole"),
        ("tool_choice", "asks-this-tool/stream"),
        ("output_config", "asks-schema/whole"),
        ("stop_sequences", "asks-stop/whole"),
        ("temperature", "asks-temperature/whole"),
    ],
)
def test_what_a_gateway_drops_of_a_request_is_found(broken: Broken, gateway: Gateway, member: str, caught: str) -> None:
    def without(body: bytes) -> bytes:
        return json.dumps({name: value for name, value in json.loads(body).items() if name != member}).encode()

    broken.spoil_request = without
    try:
        assert caught in failed(broken, gateway, "anthropic", caught.split("/", maxsplit=1)[0])
    finally:
        broken.spoil_request = lambda body: body


def test_results_that_change_places_are_found(broken: Broken, gateway: Gateway) -> None:
    def crossed(body: bytes) -> bytes:
        head, found, results = body.partition(b'"tool_result"')
        one, other = b'"tool_use_id":"call_north1"', b'"tool_use_id":"call_south2"'
        return head + found + results.replace(one, b"X").replace(other, one).replace(b"X", other)

    broken.spoil_request = crossed
    try:
        assert failed(broken, gateway, "anthropic", "asks-results") == {"asks-results/whole", "asks-results/stream"}
    finally:
        broken.spoil_request = lambda body: body


@pytest.mark.parametrize("client", ["anthropic", "gemini"])
def test_a_relay_that_translates_nothing_fails_every_case_between_two_wires(gateway: Gateway, client: str) -> None:
    """Its clients get what they would get from a provider of their own wire, and nothing of it is right: the provider speaks another."""
    urls = dict(gateway.urls) | {"openai_chat": gateway.urls[client]}
    outcomes = play_all(cases("", (client,), ("openai_chat",)), replace(gateway, urls=urls))
    assert len(outcomes) > 80
    assert [outcome.id for outcome in outcomes if not outcome.faults] == []
