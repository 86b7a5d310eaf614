"""What a request's head says by itself: which wire, where to, whose memory. A client says the same each time, so it is found out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from backstory.config import Config
from backstory.core.exchange import Head
from backstory.core.plan import Target
from backstory.core.wire import Wire
from backstory.memory.identity.named import principal
from backstory.providers import upstreams
from backstory.stages.arrivals import CLIENT_HEADERS
from backstory.wires import WIRES

if TYPE_CHECKING:
    from backstory.providers.routing import Route

# Request headers of ours: read here, never sent up. So is every other of this prefix.
OWN_HEADERS = frozenset({b"x-vc-conversation", b"x-vc-memory", b"x-vc-project", b"x-vc-dashboard-token"})
_OWN_PREFIX = b"x-vc-"
_MOST_PATHS = 1000


class Regard(Struct, frozen=True):
    """`wire`: None where it is no request to a model. `readable`: its body can be read. `unwanted`: it is to go past memory. `drop`:
    headers that do not go up. `unnamed`: none of its headers names a conversation. `speaks`: the wire of the provider, where it is another;
    "" where it is not. `routes`: those of a request that is on its way to a provider that a selector names (gateway/routing.py), and nobody
    else translates it; `host`: of the upstream that it would have gone to otherwise, whose place (upstreams.Base) `at` is in any case;
    `races`, `reasoners`: as of app/gateway/ways.py."""

    wire: Wire | None
    target: Target
    readable: bool
    unwanted: bool
    drop: frozenset[bytes]
    whose: str
    scope: str
    unnamed: bool
    speaks: str
    routes: tuple[Route, ...] = ()
    host: str = ""
    races: bool = False
    reasoners: tuple[Route, ...] = ()
    at: str = ""

    @property
    def routed(self) -> bool:
        """Whether it is on its way to such a provider."""
        return bool(self.routes)


class Regards:
    """For one port, whose upstream is `upstream_url`; "" for the configured ones. `speaks`: the one wire of the provider, "" for each."""

    def __init__(self, config: Config, upstream_url: str) -> None:
        self._mode = config.identity.principal
        self.speaks = config.upstream.wire
        self._paths: dict[str, Wire | None] = {}
        url = upstream_url or config.upstream.url
        self._fixed = upstreams.base(url) if url else None
        self._bases: dict[str, upstreams.Base] = {
            "anthropic": upstreams.base(config.upstream.anthropic),
            "openai": upstreams.base(config.upstream.openai),
            "gemini": upstreams.base(config.upstream.gemini),
        }
        self._fixed_place = self._fixed.place if self._fixed is not None else ""
        self._places = {name: base.place for name, base in self._bases.items()}

    def __call__(self, head: Head) -> Regard:
        """The regard of this head; kept with it."""
        found = head.kept.get(self)
        if isinstance(found, Regard):
            return found
        wire = self.wire(head.path) if head.method == "POST" else None
        regard = Regard(
            wire,
            self._target(head),
            wire is not None and not head.header(b"content-encoding"),
            head.header(b"x-vc-memory").lower() == "off",
            OWN_HEADERS.union([name for name in head.named if name.startswith(_OWN_PREFIX)]),
            principal(self._mode, head),
            head.header(b"x-vc-project"),
            CLIENT_HEADERS.isdisjoint(head.named),
            self.speaks if wire is not None and wire.name != self.speaks else "",
            at=self._fixed_place or self._places[provider_of(head)],
        )
        head.kept[self] = regard
        return regard

    def wire(self, path: str) -> Wire | None:
        """The wire of a POST to this path."""
        if path in self._paths:
            return self._paths[path]
        found = next((wire for wire in WIRES if wire.claims("POST", path)), None)
        if len(self._paths) < _MOST_PATHS:
            self._paths[path] = found
        return found

    def place(self, at: str) -> Target:
        """Path and query at the provider that speaks another wire."""
        base = self._fixed or self._bases[self.speaks.partition("_")[0]]
        path, _, query = at.partition("?")
        return upstreams.target(base, path, query)

    def _target(self, head: Head) -> Target:
        if self._fixed is not None:
            return upstreams.target(self._fixed, head.path, head.query)
        named = provider_of(head)
        versioned = "v1" if named == "openai" else ""
        return upstreams.target(self._bases[named], head.path, head.query, versioned)


def provider_of(head: Head) -> upstreams.Provider:
    """Whose endpoint a request is for."""
    by_google = bool(head.header(b"x-goog-api-key")) and not head.header(b"authorization")
    return upstreams.provider(head.path, bool(head.header(b"anthropic-version")), by_google)
