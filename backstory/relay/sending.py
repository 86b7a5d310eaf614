"""A request onto a connection: how one is opened, and what is written.

Rule: what is small goes out in one write. Any fault of opening is an error of the gateway's: a client must never be left waiting for a
connection that will not come.
"""

from __future__ import annotations

import logging

from backstory.core.plan import Target
from backstory.errors import BackstoryError, UpstreamError
from backstory.relay.upstream import Pool, UpConnection

_log = logging.getLogger("backstory.relay")

_JOINED = 65536  # a body smaller than this goes out in one write with its head
_PIECE = 262_144  # a larger body goes out in pieces of this size


async def opened(pool: Pool, target: Target) -> UpConnection | BackstoryError:
    """A new connection, or why there is none."""
    try:
        return await pool.open(target)
    except BackstoryError as error:
        return error
    except Exception as error:  # noqa: BLE001 (the HTTP door)
        _log.exception("opening an upstream connection failed unexpectedly")
        return UpstreamError(f"the upstream could not be reached: {type(error).__name__}")


def placed(up: UpConnection, method: bytes, head: bytes) -> bytes:
    """The head, as the way that this connection takes wants it. `head`: from the space behind the method on."""
    return b"%b %b%b%b" % (method, up.prefix, head[1:-2], up.proxy_line + b"\r\n") if up.prefix else method + head


def send(up: UpConnection, head: bytes, body: bytes) -> bool:
    """The request. Whether it was a large one: it may be answered before it was read. A piece of a size that stays in the processor's cache
    costs half of what it costs as part of a large one."""
    up.sent = True
    if len(body) < _JOINED:
        up.transport.write(head + body)
        return False
    up.bulky = True
    up.transport.write(head)
    view = memoryview(body)
    for start in range(0, len(body), _PIECE):
        up.transport.write(view[start : start + _PIECE])
    return True
