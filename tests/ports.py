"""Ports for servers that are started by another process."""

from __future__ import annotations

import random
import socket

# Below those that systems give whoever asks for any: between the choice and the start nobody else gets it by chance.
_FIRST, _LAST = 15_000, 32_000
_dice = random.SystemRandom()


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    while True:
        port = _dice.randint(_FIRST, _LAST)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """So many of them, no two alike."""
    found: dict[int, None] = {}
    while len(found) < count:
        found[free_port()] = None
    return [*found]
