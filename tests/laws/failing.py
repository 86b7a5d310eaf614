"""Parts of the house, and ways to make a method of one fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from backstory.app.commanding import Commanding
from backstory.app.metering.recorder import Recorder
from backstory.app.metrics import Metrics
from backstory.core.ids import TurnIds
from backstory.stages.arrivals import Arrivals
from backstory.stages.boundary import Boundary
from backstory.stages.command import Command
from backstory.stages.continuity import Continuity
from backstory.stages.erase import Eraser
from backstory.stages.identify import Identify
from backstory.stages.ingest import Ingest
from backstory.stages.links import Linked
from backstory.stages.recall import Recall
from backstory.stages.shelf import Shelf
from backstory.stages.shrink import Shrink
from backstory.stages.threads import Threads
from backstory.stages.visit import Visits
from backstory.stores.lanes import StoreLanes
from backstory.stores.sql import SqlStore
from backstory.wires import WIRES
from tests.rig import PATHS, Rig

WIRE = "anthropic"
PATH = PATHS[WIRE]


class Part(Struct, frozen=True):
    """A method of a part of the house. `plain`: without it nothing can be added to a request."""

    name: str
    of: Callable[[Rig], Any]
    method: str
    plain: bool = False


def _stage(name: str) -> Callable[[Rig], Any]:
    return lambda one: next(stage for stage in one.engine.pipeline.stages if stage.name == name)


def _of(*names: str) -> Callable[[Rig], Any]:
    def find(one: Rig) -> Any:
        found: Any = one
        for name in names:
            found = getattr(found, name)
        return found

    return find


def _wire(one: Rig) -> Any:
    return one.house._regards.wire(PATH)


PLACES: dict[str, Callable[[Rig], Any]] = {
    "identify": _stage("identify"),
    "command": _stage("command"),
    "ingest": _stage("ingest"),
    "shrink": _stage("shrink"),
    "recall": _stage("recall"),
    "boundary": lambda one: _stage("recall")(one)._boundary,
    "links": _stage("links"),
    "continuity": _stage("continuity"),
    "commanding": _of("engine", "commanding"),
    "eraser": _of("engine", "commanding", "_eraser"),
    "store": _of("engine", "_lanes", "_store"),
    "lanes": _of("engine", "_lanes"),
    "threads": _of("engine", "threads"),
    "arrivals": _of("engine", "arrivals"),
    "shelf": _of("engine", "_shelf"),
    "metrics": _of("engine", "metrics"),
    "wire": _wire,
    "ids": _of("engine", "turn_ids"),
    "visits": _of("engine", "visits"),
    "recorder": _of("engine", "recorder"),
}
KINDS: dict[str, type] = {
    "identify": Identify,
    "command": Command,
    "ingest": Ingest,
    "shrink": Shrink,
    "recall": Recall,
    "boundary": Boundary,
    "links": Linked,
    "continuity": Continuity,
    "commanding": Commanding,
    "eraser": Eraser,
    "store": SqlStore,
    "lanes": StoreLanes,
    "threads": Threads,
    "arrivals": Arrivals,
    "shelf": Shelf,
    "metrics": Metrics,
    "wire": type(next(wire for wire in WIRES if wire.name == WIRE)),
    "ids": TurnIds,
    "visits": Visits,
    "recorder": Recorder,
}
# What makes and ends a part, what says that something failed, and what finds the way without memory.
SPARED = {"close", "drop", "__init__", "fail_open", "claims", "error", "figures", "exposition", "collect", "drain", "recover"}


def _methods(kind: type) -> list[str]:
    own = [name for name, value in vars(kind).items() if callable(value) and name not in SPARED]
    return [name for name in own if name == "__call__" or not name.startswith("__")]


NEEDED = {"identify.request", "ingest.request", "recall.request"}
PARTS = [
    Part(f"{name}.{method}", PLACES[name], method, plain=f"{name}.{method}" in NEEDED)
    for name, kind in KINDS.items()
    for method in _methods(kind)
]
STAGES = [part for part in PARTS if part.name in NEEDED | {"shrink.request"}]


def breaks(part: Any, method: str, fails: Callable[[Any], None]) -> Callable[[], None]:
    """From now on the part is of a subclass whose method fails or stalls before it does its work. Gives the way back."""
    kind = type(part)
    real = getattr(kind, method)
    static = isinstance(vars(kind)[method], staticmethod)

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        fails(self)
        return real(*args, **kwargs) if static else real(self, *args, **kwargs)

    async def broken_later(self: Any, *args: Any, **kwargs: Any) -> Any:
        fails(self)
        return await real(self, *args, **kwargs)

    body = broken_later if asyncio.iscoroutinefunction(real) else broken
    part.__class__ = type(f"Broken{kind.__name__}", (kind,), {"__slots__": (), method: body})

    def mend() -> None:
        part.__class__ = kind

    return mend


def raises(error: Callable[[], Exception]) -> Callable[[Any], None]:
    def fails(_: Any) -> None:
        raise error()

    return fails
