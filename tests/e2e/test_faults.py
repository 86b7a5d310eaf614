"""Faults of the store and of the process: whatever happens, requests are served, and what was acknowledged is remembered."""

from __future__ import annotations

import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.relay.world import Received
from tests.rig import chunked, post

from .conftest import Proxy
from .raw import PATH, RawProvider, ask, question, stored, talk, until, usual


@pytest.fixture(scope="module")
def raw() -> Iterator[RawProvider]:
    one = RawProvider()
    yield one
    one.stop()


@pytest.fixture
def proxy(tmp_path: Path, raw: RawProvider) -> Iterator[Proxy]:
    raw.script = usual
    one = Proxy(tmp_path, raw.url, RECALL__DEADLINE_MS="250")
    yield one
    if one.process is not None:
        one.stop()


def served(proxy: Proxy, text: str) -> None:
    got = ask(proxy.port, [("user", text)])
    assert got.status == 200
    assert f"You asked: {text}".encode() in got.body


class Locked:
    """Another process has the database for itself."""

    def __init__(self, database: Path, seconds: float) -> None:
        code = (
            "import sqlite3,sys,time; db=sqlite3.connect(sys.argv[1],isolation_level=None,timeout=20);"
            "db.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); time.sleep(float(sys.argv[2])); db.execute('ROLLBACK')"
        )
        command = [sys.executable, "-c", code, str(database), str(seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def wait(self) -> None:
        self._process.communicate(timeout=60)


def journal_mode_delete(database: Path) -> None:
    """An exclusive lock of a database that is not in WAL mode keeps readers out too."""
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    db.close()


@pytest.mark.parametrize("fault", ["folder", "garbage", "torn", "other"])
def test_a_store_that_cannot_be_opened_is_served_without(proxy: Proxy, fault: str) -> None:
    if fault == "folder":
        proxy.database.mkdir()
    elif fault == "garbage":
        proxy.database.write_bytes(b"this is no database " * 500)
    elif fault == "other":
        with sqlite3.connect(proxy.database) as db:
            db.execute("CREATE TABLE mine (a)")
        db.close()
    else:
        proxy.start()
        served(proxy, "before")
        proxy.stop()
        whole = proxy.database.read_bytes()
        proxy.database.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192 : len(whole) // 2])
    proxy.start()
    served(proxy, "Hello there?")
    health = proxy.get("/health")
    if fault != "torn":
        assert health["memory"] == "off"
        assert health["status"] == "degraded"
        assert health["trouble"]
    assert proxy.stop() == 0


def test_a_store_that_is_missing_is_made(proxy: Proxy, tmp_path: Path) -> None:
    proxy.folder = tmp_path / "one" / "two"
    proxy.folder.mkdir(parents=True)
    proxy.start()
    served(proxy, "Hello there?")
    assert proxy.get("/health")["memory"] == "on"
    proxy.stop()
    assert stored(proxy.database) == {"Hello there?": ["You asked: Hello there?"]}


def test_a_store_that_is_locked_at_the_start_is_used_as_soon_as_it_is_free(proxy: Proxy) -> None:
    proxy.start()
    proxy.stop()
    journal_mode_delete(proxy.database)
    lock = Locked(proxy.database, 2.0)
    proxy.start()
    lock.wait()
    until(lambda: bool(proxy.get("/health")["memory"] == "on"))
    served(proxy, "When it is free?")
    proxy.stop()
    assert stored(proxy.database) == {"When it is free?": ["You asked: When it is free?"]}


def test_a_store_that_is_locked_while_running_loses_nothing_and_stops_nobody(proxy: Proxy) -> None:
    proxy.start()
    served(proxy, "Before?")
    lock = Locked(proxy.database, 1.5)
    slowest = 0.0
    for number in range(20):
        began = time.monotonic()
        served(proxy, f"Question {number}?")
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1.0
    lock.wait()
    assert proxy.stop() == 0
    found = stored(proxy.database)
    assert len(found) == 21
    assert all(answers == [f"You asked: {text}"] for text, answers in found.items())


def test_a_store_that_is_deleted_while_running_stops_nobody(proxy: Proxy) -> None:
    proxy.start()
    said: list[tuple[str, str]] = []
    for number in range(8):
        if number == 3:
            for path in proxy.folder.glob("memory.db*"):
                path.unlink()
        said.append(("user", f"Question {number}?"))
        got = ask(proxy.port, said)
        assert got.status == 200
        said.append(("assistant", f"You asked: Question {number}?"))
    proxy.stop(signal.SIGKILL)
    proxy.start()
    served(proxy, "After?")
    assert proxy.get("/health")["memory"] == "on"
    proxy.stop()
    assert stored(proxy.database)["After?"] == ["You asked: After?"]


def test_a_store_that_is_deleted_while_running_is_begun_anew(proxy: Proxy) -> None:
    """What was answered since then, and was not stored yet, is in the new one."""
    proxy.start()
    served(proxy, "Before?")
    until(lambda: "Before?" in stored(proxy.database))
    # What was stored this moment may stand in the journal, too.
    until(lambda: not any(path.exists() and path.stat().st_size for path in proxy.folder.glob("memory.db.inbox-*")))
    for path in (proxy.database, *proxy.folder.glob("memory.db-*")):
        path.unlink()
    said: list[tuple[str, str]] = []
    for number in range(4):
        said.append(("user", f"Question {number}?"))
        assert ask(proxy.port, said).status == 200
        said.append(("assistant", f"You asked: Question {number}?"))
    until(lambda: proxy.database.exists() and proxy.get("/health")["memory"] == "on")
    served(proxy, "After?")
    assert proxy.stop() == 0
    found = stored(proxy.database)
    assert {"After?", *(text for role, text in said if role == "user")} <= set(found)
    assert "Before?" not in found


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit is set from outside, which Linux can")
def test_a_full_disk_stops_nobody_and_is_made_up_for(proxy: Proxy) -> None:
    """No file may grow beyond a limit that journal and database reach soon; then it may again."""
    proxy.start()
    limit = proxy.database.stat().st_size + 100_000
    assert proxy.process is not None
    pid, (_, most) = proxy.process.pid, resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, most))
    texts = [f"Question {number}: {random.Random(number).randbytes(8000).hex()}" for number in range(40)]
    for text in texts:
        served(proxy, text)
    assert proxy.get("/health")["trouble"]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
    until(lambda: not proxy.get("/health")["pending"])
    assert proxy.stop() == 0
    assert stored(proxy.database) == {text: [f"You asked: {text}"] for text in texts}


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit is read from outside, which Linux can")
def test_a_shells_limit_of_open_files_does_not_break_streams(proxy: Proxy) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        proxy.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert proxy.process is not None
    assert resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)[0] == (min(hard, 65_536) if hard >= 0 else 65_536)


class Traffic:
    """Clients that talk without a pause until the proxy is gone, and go on with their conversations when there is another.

    `acknowledged`: questions whose answer came to its end.
    """

    def __init__(self) -> None:
        self.acknowledged: dict[str, str] = {}
        self._chats: list[list[tuple[str, str]]] = [[], [], []]
        self._threads: list[threading.Thread] = []

    def begin(self, port: int) -> None:
        self._threads = [threading.Thread(target=self._talk, args=(port, number)) for number in range(len(self._chats))]
        for thread in self._threads:
            thread.start()

    def _talk(self, port: int, number: int) -> None:
        for _ in range(10_000):
            said = self._chats[number]
            if len(said) > 30:
                said.clear()
            if not said or said[-1][0] == "assistant":
                said.append(("user", f"Client {number} has question {len(self.acknowledged)} of {random.random()}?"))
            try:
                got = ask(port, said, stream=bool(len(said) % 4 == 1), timeout=5.0)
            except OSError:
                return
            if got.ended != "complete":
                return
            text = said[-1][1]
            answer = f"You asked: {text}"
            assert answer.encode() in got.body
            self.acknowledged[text] = answer
            said.append(("assistant", answer))

    def end(self) -> None:
        for thread in self._threads:
            thread.join(20)


def streaming(received: Received) -> bytes | list[bytes | float | None]:
    """Whole or streamed, as it was asked for."""
    if b'"stream": true' not in received.body:
        return usual(received)
    text = json.dumps(f"You asked: {question(received)}")
    events = [
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m","content":[]}}\n\n',
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%b}}\n\n'
        % text.encode(),
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]
    return [*chunked(events)]


@pytest.mark.parametrize("deadline_ms", ["250", "0.001"], ids=["in time", "late"])
def test_a_killed_proxy_has_lost_no_acknowledged_turn(proxy: Proxy, raw: RawProvider, deadline_ms: str) -> None:
    """Also where memory is always late."""
    raw.script = streaming
    proxy.settings["RECALL__DEADLINE_MS"] = deadline_ms
    dice = random.Random(7)
    traffic = Traffic()
    for _ in range(4):
        proxy.start()
        traffic.begin(proxy.port)
        time.sleep(dice.uniform(0.05, 0.5))
        proxy.stop(signal.SIGKILL)
        traffic.end()
    proxy.start()
    assert proxy.get("/health")["memory"] == "on"
    assert proxy.stop() == 0
    found = stored(proxy.database)
    assert len(traffic.acknowledged) > 30
    assert {text: found.get(text) for text, answer in traffic.acknowledged.items() if answer not in found.get(text, ())} == {}
    assert not [text for text, answers in found.items() if any(answer.rstrip("…") not in f"You asked: {text}" for answer in answers)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP], ids=["stopped", "its terminal closed"])
def test_a_stop_lets_a_running_stream_end(proxy: Proxy, raw: RawProvider, how: signal.Signals) -> None:
    def slowly(received: Received) -> bytes | list[bytes | float | None]:
        made = streaming(received)
        assert not isinstance(made, bytes)
        return [made[0], *(part for piece in made[1:] for part in (0.2, piece))]

    raw.script = slowly
    proxy.start()
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(ask(proxy.port, [("user", "A long story?")], stream=True)))
    thread.start()
    time.sleep(0.4)
    began = time.monotonic()
    assert proxy.stop(how) == 0
    assert time.monotonic() - began < 6
    thread.join(10)
    assert got[0].ended == "complete"
    assert b"message_stop" in got[0].body
    assert stored(proxy.database) == {"A long story?": ["You asked: A long story?"]}


def test_a_stop_right_after_a_client_has_left_ends_soon(proxy: Proxy, raw: RawProvider) -> None:
    """Memory late, the answer streamed, the client gone, and then the signal, at moments next to each other."""
    raw.script = streaming
    proxy.settings["RECALL__DEADLINE_MS"] = "0.001"
    proxy.start()
    said = [("user" if place % 2 == 0 else "assistant", f"Something {place}") for place in range(25)]
    for pause in (0.0, 0.002, 0.01, 0.03):
        body = json.dumps({"model": "m", "messages": [{"role": role, "content": text} for role, text in said], "stream": True}).encode()
        talk(proxy.port, post(proxy.port, PATH, body), leave_after=100 if pause else 1 << 30)
        time.sleep(pause)
        began = time.monotonic()
        assert proxy.stop() == 0
        assert time.monotonic() - began < 8
        proxy.start()
