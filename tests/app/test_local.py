"""What the proxy answers on its own: a few pages, in the form that was asked for; every other path is somebody else's."""

from __future__ import annotations

import json

import pytest

from backstory.app.local import Local
from backstory.core.exchange import Head, Headers

LOCAL = Local(lambda: {"status": "ok"}, lambda: {"requests": 3}, lambda: b"requests 3\n", lambda: {"backends": []})


def ask(path: str, headers: Headers = ()) -> tuple[str, bytes]:
    answer = LOCAL.answer(Head("GET", path, "", headers))
    assert answer is not None
    assert answer.status == 200
    return dict(answer.headers)[b"content-type"].decode(), answer.body


def test_health_and_figures_are_json() -> None:
    assert ask("/health") == ("application/json", b'{"status":"ok"}')
    assert ask("/metrics.json") == ("application/json", b'{"requests":3}')


def test_metrics_are_text_unless_json_is_asked_for() -> None:
    kind, body = ask("/metrics")
    assert kind.startswith("text/plain")
    assert body == b"requests 3\n"
    assert ask("/metrics", ((b"Accept", b"application/json"),)) == ("application/json", b'{"requests":3}')


def test_what_is_known_of_the_backends_is_json() -> None:
    assert ask("/v1/diagnostics") == ("application/json", b'{"backends":[]}')


def test_the_root_names_the_others() -> None:
    links = json.loads(ask("/")[1])["links"]
    assert {"/health", "/metrics"} <= set(links.values())


@pytest.mark.parametrize("path", ["/v1/models", "/health/x", "/metrics/", "", "/Health"])
def test_every_other_path_is_not_ours(path: str) -> None:
    assert LOCAL.answer(Head("GET", path, "", ())) is None
