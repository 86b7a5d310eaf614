"""The scripted provider: all four wires on one port, each request answered by the play that it names (plays.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from backstory.app.conformance.dialects import DIALECTS
from backstory.app.conformance.plays import PAUSE_S, chosen, mirrored
from backstory.app.conformance.values import Dialect, Play, dumped, object_of
from backstory.app.loopback import Loopback
from backstory.core.exchange import Head

_HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1><p>{}</p></body></html>"
_SSE, _JSON = "text/event-stream", "application/json"


class PlayingProvider(Loopback):
    """Each request is answered by the play that it names."""

    async def respond(self, writer: asyncio.StreamWriter, head: Head, body: bytes) -> None:
        """See Loopback."""
        dialect = next((one for one in DIALECTS.values() if one.claims(head.path)), None)
        if dialect is None or head.method != "POST":
            await _whole(writer, 404, _JSON, dumped({"error": {"message": f"the scripted provider has no {head.method} {head.path}"}}))
            return
        heard = dialect.heard(head.path, object_of(body))
        _, play = chosen(body.decode("utf-8", "replace"), heard.model, dialect.name)
        if heard.complaints:
            play = Play(status=400, message=f"refused as a provider of {dialect.name} would: {'; '.join(heard.complaints)}")
        if play.how == "mirror":
            play = mirrored(play, heard)
        if play.status >= 400 and play.how != "html":
            await _whole(writer, play.status, _JSON, dialect.refusal(play.status, play.message), play.retry_after)
        elif play.how == "html":
            await _whole(writer, play.status, "text/html; charset=utf-8", _HTML.format(play.message).encode())
        elif play.how == "empty":
            await _whole(writer, 200, _SSE if heard.stream else _JSON, b"")
        elif not heard.stream and play.how == "cut":
            await _torn(writer, dialect.answer(play, heard.model))
        elif not heard.stream or play.how == "unstreamed":
            await _whole(writer, 200, "text/plain" if play.how == "mistyped" else _JSON, dialect.answer(play, heard.model))
        else:
            await _stream(writer, play, dialect, heard.model)


async def _whole(writer: asyncio.StreamWriter, status: int, kind: str, content: bytes, retry_after: str = "") -> None:
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
    head += f"Retry-After: {retry_after}\r\n" if retry_after else ""
    writer.write(f"{head}\r\n".encode() + content)
    await writer.drain()


async def _torn(writer: asyncio.StreamWriter, content: bytes) -> None:
    """The first half of an answer, and no more. Raises ConnectionError, which ends the connection."""
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {_JSON}\r\nContent-Length: {len(content)}\r\n\r\n".encode())
    writer.write(content[: len(content) // 2])
    await writer.drain()
    raise ConnectionError


async def _stream(writer: asyncio.StreamWriter, play: Play, dialect: Dialect, model: str) -> None:
    events = dialect.events(play, model)
    half = max(2, len(events) // 2)
    kind = "text/plain" if play.how == "mistyped" else _SSE
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    await _chunks(writer, events[:half], play.cut)
    match play.how:
        case "cut":
            raise ConnectionError
        case "breaks":
            await _chunks(writer, [dialect.breaks(play.message)], play.cut)
        case "slow":
            await asyncio.sleep(PAUSE_S)
            await _chunks(writer, events[half:], play.cut)
        case _:
            await _chunks(writer, events[half:], play.cut)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _chunks(writer: asyncio.StreamWriter, events: Sequence[bytes], size: int) -> None:
    """One chunk for each event, or pieces of `size` bytes, which cut events and letters anywhere."""
    content = b"".join(events)
    pieces = [content[start : start + size] for start in range(0, len(content), size)] if size else events
    for piece in pieces:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    await asyncio.sleep(0)
