"""How much and how long the door lets a client or a provider take, and what it counts. Plain values; nobody reads an environment here.

Rule: every wait has a time limit and every buffer a size limit, and all of them stand in this file.
"""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Sizes in bytes, counts where the name says so.

    `max_head_bytes`: the head of a request or a reply. `max_buffered_body`: a body gathered for the house or for a tap; a larger one
    is passed on unread. `max_pipelined_bytes`: what a client may send ahead of its turn. `min_body_rate`: bytes per second a request
    body must make on average once `Timeouts.body_idle_s` have gone by. `write_high`, `write_low`: where writing to a peer
    pauses and goes on. `max_idle_upstream`: idle connections kept, in number, to all origins together.
    """

    max_head_bytes: int = 65536
    max_buffered_body: int = 67_108_864
    max_pipelined_bytes: int = 65536
    min_body_rate: int = 256
    write_high: int = 262_144
    write_low: int = 65536
    max_idle_upstream: int = 1024


class Timeouts(Struct, frozen=True):
    """Seconds. They are watched by one coarse sweep, so each may run over by a quarter of a second; none ends early.

    `connect_s`: DNS, TCP and TLS together. `first_byte_s`: from the request's last byte to the reply's first. `idle_s`: between two
    pieces of a reply. `header_s`: a head from its first byte to its last, of a request or a reply. `body_idle_s`: between two
    pieces of a request body. `keepalive_s`: an idle client connection. `upstream_idle_s`: an idle upstream connection that did not
    say how long it stays. `drain_s`: running exchanges at shut-down. `probe_s`: how long after a half-close the client is asked
    whether it is still there. `half_close_s`: a client that says so long after its request that it will send nothing more, while it is
    answered, has left; one that only closes its half does so at once.
    `linger_s`: how long what a refused client still sends is read and dropped.
    """

    connect_s: float = 10.0
    first_byte_s: float = 600.0
    idle_s: float = 300.0
    header_s: float = 30.0
    body_idle_s: float = 60.0
    keepalive_s: float = 75.0
    upstream_idle_s: float = 30.0
    drain_s: float = 30.0
    probe_s: float = 1.0
    half_close_s: float = 0.1
    linger_s: float = 2.0

    def sweep_s(self) -> float:
        """How often to look: a quarter second, or more often where a limit is shorter than a second (tests)."""
        shortest = min(self.first_byte_s, self.idle_s, self.header_s, self.body_idle_s, self.keepalive_s, self.probe_s, self.linger_s)
        return max(0.01, min(0.25, shortest / 4))


class DoorMetrics(Struct):
    """Counters since the start; `open_connections` and `in_flight` go up and down.

    `aborted`: exchanges whose client left. `cut`: replies broken off after their first byte. `refused`: requests answered with an
    error of the client's making. `upstream_errors`: gateway errors. `tap_errors`: taps that raised.
    `legs`: requests made for answers that went on after a call to a tool of ours. `repeats`: tries after the first of a request.
    `races`: requests that several providers were asked at once. `beaten`: those of them that were under way when another one had won.
    """

    connections: int = 0
    open_connections: int = 0
    requests: int = 0
    in_flight: int = 0
    aborted: int = 0
    cut: int = 0
    refused: int = 0
    upstream_errors: int = 0
    upstream_opened: int = 0
    upstream_reused: int = 0
    tap_errors: int = 0
    legs: int = 0
    repeats: int = 0
    races: int = 0
    beaten: int = 0


class Clock:
    """The door's coarse clock: `now` in seconds, moved on by the sweep. Reading it costs nothing, so every event may note its time.

    A stall of the whole process (a sleeping laptop) does not count: `step` moves it at most two steps on.
    """

    __slots__ = ("_last", "now")

    def __init__(self, at: float) -> None:
        self.now = at
        self._last = at

    def step(self, at: float, step_s: float) -> None:
        """Moves on to `at`, a reading of the event loop's clock."""
        self.now += min(max(at - self._last, 0.0), 2 * step_s)
        self._last = at
