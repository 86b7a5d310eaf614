"""The door: listening ports, the sweep that ends what has waited too long, and closing in good order.

Rule: no timer per request; one coarse sweep looks at every connection.
"""

from __future__ import annotations

import asyncio
import logging
import socket

from backstory.core.exchange import Ended
from backstory.core.plan import House
from backstory.relay.asker import Served
from backstory.relay.connect import Connector
from backstory.relay.delivery import Listener
from backstory.relay.down import DownConnection
from backstory.relay.endurance import Endurance
from backstory.relay.limits import Clock, DoorMetrics, Limits, Timeouts
from backstory.relay.together import Together
from backstory.relay.upstream import Pool

_log = logging.getLogger("backstory.relay")
_BACKLOG = 4096


class Door:
    """Relays HTTP/1.1 between clients and the providers that a house names. Lives in one event loop; made inside it.

    `house` serves the ports that name no other. `endurance`: what is done where a provider does not answer.
    `draining`: no new connections or requests are taken. `sockets`: clients of Responses may use a WebSocket.
    """

    def __init__(
        self,
        house: House,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        connector: Connector | None = None,
        metrics: DoorMetrics | None = None,
        endurance: Endurance | None = None,
        sockets: bool = False,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._house = house
        self.limits = limits or Limits()
        self.timeouts = timeouts or Timeouts()
        self.metrics = metrics or DoorMetrics()
        self.endurance = endurance or Endurance()
        self.clock = Clock(self.loop.time())
        self.pool = Pool(connector or Connector(), self.limits, self.timeouts, self.metrics, self.clock)
        self.draining = False
        self.sockets = sockets
        self._told: list[tuple[Listener, Ended, int, int, int]] = []
        self.together = Together(self)
        self._servers: list[asyncio.Server] = []
        self._connections: set[Served] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._step_s = self.timeouts.sweep_s()
        self._timer = self.loop.call_later(self._step_s, self._sweep)

    async def listen(self, host: str, port: int, house: House | None = None) -> int:
        """Opens a port (0: any free one) and returns its number; `::` is all of IPv4, too. Raises OSError where it is taken."""
        serving = house or self._house
        if host == "::" and socket.has_dualstack_ipv6():
            both = socket.create_server((host, port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
            server = await self.loop.create_server(lambda: DownConnection(self, serving), sock=both, backlog=_BACKLOG)
        else:
            server = await self.loop.create_server(lambda: DownConnection(self, serving), host, port, backlog=_BACKLOG)
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def arrived(self, down: DownConnection) -> None:
        """A client has connected."""
        self._connections.add(down)
        self._empty.clear()
        self.metrics.connections += 1
        self.metrics.open_connections += 1
        if self.draining:
            down.transport.close()

    def became(self, down: DownConnection, other: Served) -> None:
        """A client's connection goes on as another one."""
        self._connections.discard(down)
        self._connections.add(other)

    def left(self, down: Served) -> None:
        """A client's connection is gone."""
        self._connections.discard(down)
        self.metrics.open_connections -= 1
        if not self._connections:
            self._empty.set()

    def tell_later(self, listener: Listener, ended: Ended, status: int, bytes_in: int, bytes_out: int) -> None:
        """Tells a tap that its exchange is over as soon as what was written has left: a tap may take its time."""
        if not self._told:
            self.loop.call_soon(self._tell)
        self._told.append((listener, ended, status, bytes_in, bytes_out))

    def tell_now(self) -> None:
        """Tells what `tell_later` put off: the client's next request must not be read before."""
        self._tell()

    def _tell(self) -> None:
        told, self._told = self._told, []
        for listener, ended, status, bytes_in, bytes_out in told:
            listener.over(ended, status, bytes_in, bytes_out)

    def _sweep(self) -> None:
        """One look at everything. A fault in one connection must not end the sweep for all."""
        self._timer = self.loop.call_later(self._step_s, self._sweep)
        self.clock.step(self.loop.time(), self._step_s)
        for down in list(self._connections):
            try:
                down.check()
            except Exception:  # noqa: BLE001 (the HTTP door)
                _log.exception("the sweep failed on a connection")
                down.transport.abort()
        self.pool.sweep()

    async def drain(self, seconds: float | None = None) -> None:
        """Stops accepting, lets running exchanges end (streams too), then closes everything. After `seconds` (default: drain_s) what
        still runs is broken off. A second call waits as the first does."""
        self.draining = True
        for server in self._servers:
            server.close()
        for down in list(self._connections):
            if down.is_idle:
                down.leave()
        try:
            async with asyncio.timeout(self.timeouts.drain_s if seconds is None else seconds):
                await self._empty.wait()
        except TimeoutError:
            for down in list(self._connections):
                down.transport.abort()
            await self._empty.wait()
        self.pool.close()
        self._timer.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
