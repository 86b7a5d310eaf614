"""Whether what was written to a client has been handed to its machine.

Rule: a reset throws away what has not: it is the way to break off where nothing is left to lose, or where nothing else shows the break.
"""

from __future__ import annotations

import asyncio
import socket
import sys

try:
    import fcntl
    import termios
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_NOTHING = bytes(4)


def undelivered(transport: asyncio.Transport) -> bool:
    """Whether some bytes have not been acknowledged by the client's system; True where that cannot be told."""
    if transport.get_write_buffer_size() or fcntl is None or not sys.platform.startswith("linux"):
        return True
    sock: socket.socket = transport.get_extra_info("socket")
    try:
        return fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, _NOTHING) != _NOTHING  # SIOCOUTQ, see tcp(7)
    except OSError:
        return True
