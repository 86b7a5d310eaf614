"""Law 3, end to end: however an upstream cuts its stream, the client gets the same bytes, with a marker in them or without.

Cuts are made in the writes and in the chunks of the transfer coding. Where the upstream breaks off, the client has got what came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.wire import Wire
from backstory.memory.identity import marker
from backstory.relay.marking import Marking
from backstory.wires import WIRES
from tests.laws.test_render_law import PATHS, tapes
from tests.relay.world import Received, client
from tests.rig import Rig, asking, post, reply, rig, said, soon, with_marker
from tests.rig import settings as configured

SETTINGS = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
STREAM_PATHS = {**PATHS, "gemini": "/v1beta/models/m:streamGenerateContent?alt=sse"}
every_stream = pytest.mark.parametrize(("wire", "file"), tapes("*.stream.*"), ids=lambda value: value.name)


class Script:
    """The pieces that the upstream is to write next, a pause after each."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def __call__(self, received: Received) -> list[bytes]:
        return self.pieces


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % max(1, len(data)) for place in cuts)})
    return [data[start:end] for start, end in pairwise(edges)]


def request(wire: Wire, file: Path, number: int) -> tuple[str, bytes]:
    """A first request of a conversation that streams."""
    path = STREAM_PATHS[wire.name]
    if file.suffix == ".json":
        path = path.partition("?")[0]
    more = {} if wire.name == "gemini" else {"stream": True}
    return path, asking(wire.name, [("user", f"Tell me, number {number}.")], **more)


class Teller:
    """A fresh conversation for each stream, so that each gets a marker of its own."""

    def __init__(self, one: Rig, script: Script, wire: Wire, file: Path) -> None:
        self.one = one
        self.script = script
        self.wire = wire
        self.file = file
        self.number = 0

    async def tell(self, pieces: list[bytes], cuts: list[int]) -> tuple[bytes, str]:
        """What the client gets of a stream in these chunks, cut again in the writes; and its conversation."""
        self.number += 1
        path, body = request(self.wire, self.file, self.number)
        kind = b"text/event-stream" if self.file.suffix == ".sse" else b"application/json"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % kind
        raw = head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
        self.script.pieces = cut(raw, cuts)
        head, got = await self.one.ask(path, body)
        name = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"x-vc-conversation: "))
        return got, name.partition(b": ")[2].decode()


def wanted(wire: Wire, file: Path, text: str, stream: bytes = b"") -> bytes:
    """The stream (of the file, or what came of it) with this marker put in by the wire, in one piece."""
    reader = wire.reader("text/event-stream" if file.suffix == ".sse" else "application/json")
    marking = Marking(wire, text)
    return b"".join([marking.feed(frame) for frame in (*reader.feed(stream or file.read_bytes()), *reader.close())]) + marking.rest()


def in_a_rig(folder: Path, policy: str, wire: Wire, file: Path, law: Callable[[asyncio.Runner, Teller], None]) -> None:
    script = Script()
    with asyncio.Runner() as runner:
        context = rig(with_marker(configured(folder), policy), script)
        one = runner.run(context.__aenter__())
        law(runner, Teller(one, script, wire, file))
        failures = one.failures()
        errors = one.door.metrics.tap_errors
        runner.run(context.__aexit__(None, None, None))
        assert not failures
        assert not errors


@every_stream
def test_a_marked_stream_is_the_same_for_any_chunking(tmp_path: Path, wire: Wire, file: Path) -> None:
    stream = file.read_bytes()

    def run(runner: asyncio.Runner, teller: Teller) -> None:
        @SETTINGS
        @given(st.lists(st.integers(0, 10**6), max_size=20), st.lists(st.integers(0, 10**6), max_size=20))
        def law(chunks: list[int], writes: list[int]) -> None:
            got, conversation = runner.run(teller.tell(cut(stream, chunks), writes))
            assert got == wanted(wire, file, marker.marker(conversation))

        law()
        got, conversation = runner.run(teller.tell([stream[at : at + 1] for at in range(len(stream))], []))
        assert got == wanted(wire, file, marker.marker(conversation))

    in_a_rig(tmp_path, "always", wire, file, run)


@every_stream
def test_a_stream_without_a_marker_passes_for_any_chunking(tmp_path: Path, wire: Wire, file: Path) -> None:
    stream = file.read_bytes()

    def run(runner: asyncio.Runner, teller: Teller) -> None:
        @settings(SETTINGS, max_examples=4)
        @given(st.lists(st.integers(0, 10**6), max_size=20), st.lists(st.integers(0, 10**6), max_size=20))
        def law(chunks: list[int], writes: list[int]) -> None:
            assert runner.run(teller.tell(cut(stream, chunks), writes))[0] == stream

        law()

    in_a_rig(tmp_path, "never", wire, file, run)


def broken_off(wire: Wire, file: Path, stop: int) -> tuple[list[bytes], bytes]:
    stream = file.read_bytes()
    came = stream[: stop % len(stream)]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut(came, [7, 90, 300]) if piece)], came


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("policy", ["always", "never"])
def test_what_came_before_a_break_is_passed_on_and_the_break_shows(tmp_path: Path, wire: Wire, policy: str) -> None:
    """Also the beginning of an event that never came to its end."""
    file = next(file for one, file in tapes("text.stream.sse") if one is wire)
    whole = len(file.read_bytes())

    async def work() -> None:
        pieces: list[bytes] = []

        def answer(received: Received) -> list[bytes]:
            asyncio.get_running_loop().call_later(0.05, one.upstream.writers[-1].close)
            return pieces

        async with rig(with_marker(configured(tmp_path), policy), answer) as one:
            for number, stop in enumerate((whole // 3, whole // 2 + 1, whole - 9)):
                pieces[:], came = broken_off(wire, file, stop)
                path, body = request(wire, file, number)
                async with client(one.port) as leaver:
                    await leaver.send(post(one.upstream_port, path, body))
                    got, how = await leaver.rest()
                assert how == "eof", "as the provider did"
                assert not got.endswith(b"0\r\n\r\n"), "and no clean end of the body"
                plain, rest = b"", got.partition(b"\r\n\r\n")[2]
                while rest:
                    size, _, rest = rest.partition(b"\r\n")
                    plain, rest = plain + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
                name = got.partition(b"X-VC-Conversation: ")[2].partition(b"\r\n")[0].decode()
                assert plain == (wanted(wire, file, marker.marker(name), came) if policy == "always" else came)
            await soon(lambda: len(one.engine.visits) == 0)

    asyncio.run(work())


def test_an_answer_that_is_gathered_to_be_marked_is_remembered(tmp_path: Path) -> None:
    """A whole answer in JSON, marked: both halves are stored."""

    async def work() -> None:
        async with rig(with_marker(configured(tmp_path), "always"), lambda _: reply(said("openai_chat", "The answer is 42."))) as one:
            _, got = await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "What is the answer?")]))
            assert b"vc:conversation=" in got
            assert len(got) > len(said("openai_chat", "The answer is 42."))
            lanes = one.engine._lanes
            assert lanes is not None
            await soon(lambda: len(one.engine.visits) == 0)
            await lanes.flush()
            assert (await lanes.read(lambda store: store.counts()))["turns"] == 2

    asyncio.run(work())
