"""Starting and stopping the proxy: engines, doors, signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from importlib.util import find_spec
from typing import Any

from backstory.app.engine import Engine
from backstory.app.files import open_many
from backstory.app.gateway.enduring import Enduring, needed
from backstory.app.gateway.outbound import connector, warnings
from backstory.app.heap import give_back, one_heap
from backstory.app.house import PortHouse
from backstory.app.lineup import check_commands
from backstory.app.metering.house import Metering
from backstory.app.metering.usage import Guard, named
from backstory.config import Config, Listener
from backstory.core.plan import House
from backstory.errors import ConfigError, with_extra
from backstory.providers import side_model
from backstory.relay.door import Door
from backstory.relay.limits import DoorMetrics, Limits, Timeouts

log = logging.getLogger("backstory")

# Work on other threads ends at its next breath; what takes none is not waited for longer than this.
_LINGER_S = 5.0


class Running:
    """A proxy that serves. `ports` are those it listens on, in the order of the listeners."""

    def __init__(self, engines: Sequence[Engine], doors: Sequence[Door], ports: Sequence[int], drain_s: float) -> None:
        self._engines = tuple(engines)
        self._doors = tuple(doors)
        self._drain_s = drain_s
        self.ports = tuple(ports)

    @property
    def port(self) -> int:
        """The first port."""
        return self.ports[0]

    @property
    def busy(self) -> bool:
        """Whether conversations are coming in right now."""
        return any(engine.busy for engine in self._engines)

    async def stop(self) -> None:
        """Take no new connection, let what runs finish for up to `proxy.drain_s`, store everything, close."""
        await asyncio.gather(*(door.drain(self._drain_s) for door in self._doors))
        for engine in self._engines:
            await engine.close()


async def start(config: Config) -> Running:
    """Open memory and listen. Raises OSError for a port that is taken, ConfigError for a wrong upstream. A store that cannot be opened is
    no error: the proxy then serves without memory and says so."""
    shared = await Engine.open(config)
    engines = [shared]
    doors: list[Door] = []
    ports: list[int] = []
    try:
        listeners = config.listeners or (Listener(config.proxy.host, config.proxy.port),)
        for listener in listeners:
            own = listener.config
            engine = shared
            if own is not None:
                engine = await Engine.open(own)
                engines.append(engine)
            doors.append(_door(own or config, engine, listener))
        # The first port last: who is answered there finds the others open.
        for door, listener in reversed([*zip(doors, listeners, strict=True)]):
            ports.insert(0, await _listening(door, listener))
    except BaseException:
        await Running(engines, doors, ports, 0.0).stop()
        raise
    return Running(engines, doors, ports, config.proxy.drain_s)


async def _listening(door: Door, listener: Listener) -> int:
    """The port that is open now. Raises OSError, which names the address."""
    try:
        return await door.listen(listener.host, listener.port)
    except (OSError, UnicodeError) as error:
        # UnicodeError: what cannot be a host's name (IDNA).
        reason = str(error) if isinstance(error, UnicodeError) else error.strerror or str(error)
        raise OSError(f"{listener.host} port {listener.port}: {reason}") from error


def serve(config: Config) -> int:
    """Serve until SIGINT, SIGTERM, or SIGHUP where that is not ignored (nohup). The exit code.

    Raises ConfigError for settings that cannot be served."""
    for each in (config, *(listener.config for listener in config.listeners if listener.config is not None)):
        check_commands(each)
    leaving = threading.Timer(_LINGER_S, _leave)
    leaving.daemon = True
    try:
        _run(_serve(config, leaving.start))
    except OSError as error:
        log.error("cannot listen: %s", error)
        return 1
    finally:
        leaving.cancel()
    return 0


def _leave() -> None:
    """End the process at once: all is stored and closed."""
    logging.shutdown()
    os._exit(0)


def _door(config: Config, engine: Engine, listener: Listener) -> Door:
    proxy, upstream = config.proxy, config.upstream
    limits = Limits(max_buffered_body=proxy.max_body_bytes)
    timeouts = Timeouts(
        connect_s=upstream.connect_timeout_s,
        first_byte_s=upstream.first_byte_timeout_s,
        idle_s=upstream.idle_timeout_s,
        header_s=proxy.header_timeout_s,
        body_idle_s=proxy.body_timeout_s,
        keepalive_s=proxy.keepalive_s,
        drain_s=proxy.drain_s,
    )
    metrics = DoorMetrics()
    engine.metrics.doors.append(metrics)
    inner = PortHouse(config, engine, listener.upstream, listener.label)
    house = metered(config, in_front(config, inner), inner)
    if needed(config):
        house = Enduring(house, config, listener.upstream, engine.endurance)
    if proxy.websocket and find_spec("wsproto") is None:
        raise ConfigError(f"proxy.websocket needs {with_extra('websocket')}")
    return Door(house, limits, timeouts, connector(config), metrics, engine.endurance, proxy.websocket)


def in_front(config: Config, house: PortHouse) -> House:
    """What the door asks: the house itself, or, where requests may be routed or augmented, what stands in front of it. Raises ConfigError
    for a provider's key, or a file of text, that is not there."""
    found: House = house
    if config.routes:
        from backstory.app.gateway.routing import RoutingHouse

        found = RoutingHouse(config, house)
    if config.augmentation.in_use:
        from backstory.app.gateway.augmenting import AugmentingHouse

        found = AugmentingHouse(config, found, house)
    return found


def metered(config: Config, front: House, house: PortHouse) -> House:
    """What the door asks, where requests are recorded: `front`, which stands in front of `house`, behind what records them."""
    engine = house.engine
    if engine.recorder is None:
        return front
    return Metering(front, house.regards, engine, engine.recorder, Guard(config.usage.token), named(config.usage.names))


async def _serve(config: Config, closed: Callable[[], None]) -> None:
    """`closed` is called when all is stored and closed: then only work on other threads may be left."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in _stops():
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(name, ended.set)
    one_heap()
    open_many()
    running = await start(config)
    _settle_down()
    trimming = loop.create_task(give_back(lambda: running.busy))
    for listener, port in zip(config.listeners, running.ports, strict=False):
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        log.info("listening on http://%s:%d%s", host, port, f" ({listener.label})" if listener.label else "")
    for one in {id(each): each for each in (config, *(listener.config for listener in config.listeners if listener.config))}.values():
        for text in warnings(one):
            log.warning("%s", text)
        if one.extensions:
            from backstory.app.faces import extending

            log.info("%s", extending.told(one))
        if side_model.configured(one):
            from backstory.app.side import told

            log.info("%s", told(one))
    await ended.wait()
    log.info("stopping: running answers may finish")
    trimming.cancel()
    await running.stop()
    closed()


def _stops() -> list[signal.Signals]:
    """What ends the proxy. A terminal that is closed sends SIGHUP; who wants the proxy to outlive it has it ignored."""
    hung_up = getattr(signal, "SIGHUP", None)
    outlives = hung_up is None or signal.getsignal(hung_up) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *(() if outlives else (hung_up,))]


def _settle_down() -> None:
    """What start-up made stays for good and need not be looked at again; what requests make is freed by counting, cycles are rare.

    Threads that work in the background let the event loop have its turn within a fifth of a millisecond instead of 5.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.0002)


def _run(main: Coroutine[Any, Any, None]) -> None:
    if sys.platform != "win32":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            uvloop.run(main)
            return
    asyncio.run(main)
