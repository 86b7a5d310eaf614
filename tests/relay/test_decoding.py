"""What the bytes of an answer say, whatever their coding."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import pytest

from backstory.core.message import Text
from backstory.relay import decoding as module
from backstory.relay.decoding import decoded, read_reply
from backstory.wires import WIRES
from tests.relay.test_tap import ANSWER, CHAT


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("", bytes), ("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
def test_a_coding_comes_off(coding: str, pack: Any) -> None:
    assert decoded(pack(ANSWER), coding) == ANSWER
    reply = read_reply(CHAT, "application/json", coding, pack(ANSWER))
    assert reply is not None
    assert reply.parts == (Text("The answer."),)


@pytest.mark.parametrize("at", [1, 50, len(ANSWER) - 1])
def test_an_answer_of_several_gzip_members_is_read_whole(at: int) -> None:
    packed = gzip.compress(ANSWER[:at]) + gzip.compress(b"") + gzip.compress(ANSWER[at:])
    reply = read_reply(CHAT, "application/json", "gzip", packed)
    assert reply is not None
    assert reply.parts == (Text("The answer."),)
    assert decoded(packed + bytes(8), "gzip") == ANSWER
    assert decoded(packed + b"\x1f\x8bnonsense", "gzip") == ANSWER
    assert ANSWER.startswith(decoded(packed[:-20], "gzip") or b"nothing")


def test_an_answer_of_several_zstd_frames_is_read_whole() -> None:
    pack = pytest.importorskip("zstandard").compress
    assert decoded(pack(ANSWER[:50]) + pack(ANSWER[50:]), "zstd") == ANSWER


def test_many_gzip_members_are_unpacked_to_a_limit_only() -> None:
    member = gzip.compress(bytes(1_000_000))
    plain = decoded(member * 40, "gzip")
    assert plain is not None
    assert len(plain) == module.MOST_KEPT
    assert decoded(gzip.compress(b"a") * (module._MOST_MEMBERS + 1), "gzip") == b"a" * module._MOST_MEMBERS


@pytest.mark.parametrize(("coding", "library"), [("br", "brotli"), ("zstd", "zstandard")])
def test_a_coding_of_an_extra_comes_off_and_is_bounded(coding: str, library: str) -> None:
    found = pytest.importorskip(library)
    pack = found.compress
    assert decoded(pack(ANSWER), coding) == ANSWER
    assert decoded(b"nonsense", coding) is None
    huge = decoded(pack(bytes(100_000_000)), coding)
    assert huge is not None
    assert len(huge) <= 3 * module.MOST_KEPT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "compress", "gzip, br"])
def test_what_cannot_be_unpacked_is_not_read(coding: str) -> None:
    assert decoded(b"nonsense", coding) is None
    assert read_reply(CHAT, "application/json", coding, b"nonsense") is None


def test_a_bomb_is_unpacked_to_a_limit_only() -> None:
    plain = decoded(gzip.compress(bytes(40_000_000)), "gzip")
    assert plain is not None
    assert len(plain) == module.MOST_KEPT


@pytest.mark.parametrize("body", [b"", b"null", b"[" * 100_000, b'{"error":{"message":"no"}}', b"<html>"])
def test_what_is_no_answer_is_not_read(body: bytes) -> None:
    for wire in WIRES:
        found = read_reply(wire, "application/json", "", body)
        assert found is None or not found.parts


STREAMS = sorted(Path(__file__).parent.parent.glob("cassettes/*/*.stream.sse"))


@pytest.mark.parametrize("file", STREAMS, ids=lambda file: f"{file.parent.name}-{file.name}")
@pytest.mark.parametrize("garbage", [b"data: ZZZ\n\n", b'data: {"choices":[{"del\n\n', b'data: {"a":"\xff\xfe\n\n'])
def test_a_stream_with_an_event_that_cannot_be_read_is_not_whole(file: Path, garbage: bytes) -> None:
    wire = next(wire for wire in WIRES if wire.name == file.parent.name)
    stream = file.read_bytes()
    whole = read_reply(wire, "text/event-stream", "", stream)
    assert whole is not None
    line = b"\r\n\r\n" if b"\r\n\r\n" in stream else b"\n\n"
    at = stream.index(line) + len(line)
    found = read_reply(wire, "text/event-stream", "", stream[:at] + garbage + stream[at:])
    assert found is not None
    assert found.cut
    assert found.parts == whole.parts
    ping = read_reply(wire, "text/event-stream", "", stream[:at] + b": ping\n\nevent: ping\ndata: {}\n\n" + stream[at:])
    assert ping == whole
