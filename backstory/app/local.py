"""What the proxy itself answers on its port: `/`, `/health`, `/metrics`, `/metrics.json`, `/v1/diagnostics`. Every other path is somebody
else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from backstory import __version__
from backstory.core.exchange import Head, Headers
from backstory.core.plan import Answer

_JSON: Headers = ((b"content-type", b"application/json"),)
_TEXT: Headers = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)


class Local:
    """`health`, `figures` and `backends` give JSON-able values, `exposition` the Prometheus text."""

    def __init__(
        self,
        health: Callable[[], dict[str, Any]],
        figures: Callable[[], dict[str, Any]],
        exposition: Callable[[], bytes],
        backends: Callable[[], dict[str, Any]],
    ) -> None:
        self._health = health
        self._figures = figures
        self._exposition = exposition
        self._backends = backends

    def answer(self, head: Head) -> Answer | None:
        """The answer to a GET or HEAD of one of our paths, None for every other."""
        match head.path:
            case "/health":
                return _json(self._health())
            case "/metrics.json":
                return _json(self._figures())
            case "/metrics":
                if "application/json" in head.header(b"accept"):
                    return _json(self._figures())
                return Answer(200, _TEXT, self._exposition())
            case "/v1/diagnostics":
                return _json(self._backends())
            case "/":
                links = {"health": "/health", "metrics": "/metrics"}
                return _json({"name": "backstory", "version": __version__, "links": links})
            case _:
                return None


def _json(value: dict[str, Any]) -> Answer:
    return Answer(200, _JSON, msgspec.json.encode(value))
