"""Several ports of one process, and several people behind one port: who shares a memory, and who never does."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_ports
from tests.rig import post

from .conftest import Proxy
from .raw import PATH, Answer, RawProvider, stored, talk, until, usual

NAMED = b"X-VC-Conversation: 5f0c8e0a-2f4e-4d55-9a3c-6f3a9b1c2d01"


@pytest.fixture(scope="module")
def raws() -> Iterator[tuple[RawProvider, RawProvider]]:
    both = RawProvider(), RawProvider()
    yield both
    for one in both:
        one.stop()


def is_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def chat(port: int, rounds: int, name: str, *headers: bytes) -> Answer:
    """So many exchanges of one conversation, sent whole each time; the last answer."""
    said: list[dict[str, str]] = []
    got = Answer()
    for number in range(rounds):
        said.append({"role": "user", "content": f"{name} question {number}?"})
        got = talk(port, post(port, PATH, json.dumps({"model": "m", "messages": said}).encode(), *headers))
        assert got.status == 200
        said.append({"role": "assistant", "content": f"You asked: {name} question {number}?"})
    return got


def conversation(got: Answer) -> str:
    return got.head.partition(b"X-VC-Conversation: ")[2].partition(b"\r\n")[0].decode()


def alone(port: int, text: str, *headers: bytes) -> Answer:
    """A question that comes without its history."""
    return talk(port, post(port, PATH, json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode(), *headers))


def test_ports_have_upstreams_of_their_own_and_memories_as_configured(tmp_path: Path, raws: tuple[RawProvider, RawProvider]) -> None:
    main, shared, apart = free_ports(3)
    own = tmp_path / "apart.yaml"
    own.write_text(f"storage:\n  url: sqlite:///{tmp_path}/apart.db\n")
    (tmp_path / "backstory.yaml").write_text(
        "proxy:\n  instances:\n"
        f"    - {{port: {main}, upstream: '{raws[0].url}', label: main}}\n"
        f"    - {{port: {shared}, upstream: '{raws[1].url}', label: shared}}\n"
        f"    - {{port: {apart}, upstream: '{raws[1].url}', label: apart, config: '{own}'}}\n"
    )
    proxy = Proxy(tmp_path, raws[0].url)
    proxy.port = main
    proxy.start()
    try:
        until(lambda: is_open(apart))
        for one in raws:
            one.received.clear()
        first = conversation(chat(main, 7, "Shared", NAMED))
        assert len(raws[0].received) == 7
        got = alone(shared, "Shared question 6 was the last, was it not?", NAMED)
        assert conversation(got) == first
        assert b"question 2" in raws[1].received[-1].body, "recalled on a port that shares the memory"
        got = alone(apart, "Shared question 6 was the last, was it not?", NAMED)
        assert len(raws[1].received) == 2
        assert b"question 2" not in raws[1].received[-1].body
        chat(apart, 2, "Apart")
    finally:
        assert proxy.stop() == 0
    ours, theirs = stored(proxy.database), stored(tmp_path / "apart.db")
    assert "Shared question 0?" in ours
    assert "Apart question 0?" not in ours
    assert "Apart question 0?" in theirs
    assert "Shared question 0?" not in theirs


@pytest.mark.parametrize("header", [b"x-api-key: %b", b"Authorization: Bearer %b"], ids=["x-api-key", "bearer"])
def test_two_keys_never_share_a_memory(tmp_path: Path, raws: tuple[RawProvider, RawProvider], header: bytes) -> None:
    """The same words, the same name of the conversation: another key is another person."""
    raw = raws[0]
    raw.script = usual
    proxy = Proxy(tmp_path, raw.url, IDENTITY__PRINCIPAL="api_key").start()
    try:
        one, other = header % b"sk-first-key", header % b"sk-second-key"
        mine = conversation(chat(proxy.port, 7, "Secret", one, NAMED))
        got = alone(proxy.port, "What was Secret question 2?", other, NAMED)
        assert conversation(got) != mine
        assert b"question 4" not in raw.received[-1].body
        got = alone(proxy.port, "What was Secret question 2?", one, NAMED)
        assert conversation(got) == mine
        assert b"Secret question 2" in raw.received[-1].body
        assert b"<recalled>" in raw.received[-1].body
        said = [{"role": "user" if place % 2 == 0 else "assistant", "content": text} for place, text in enumerate(HISTORY)]
        for key in (one, other):
            talk(proxy.port, post(proxy.port, PATH, json.dumps({"messages": said}).encode(), key))
            assert raw.received[-1].body == json.dumps({"messages": said}).encode()
        until(lambda: "What was Secret question 2?" in stored(proxy.database))
        for secret in (b"sk-first-key", b"sk-second-key"):
            for path in tmp_path.glob("*"):
                assert secret not in path.read_bytes(), f"a key stands in {path.name}"
    finally:
        assert proxy.stop() == 0


HISTORY = [text for number in range(4) for text in (f"Secret question {number}?", f"You asked: Secret question {number}?")][:-1]
