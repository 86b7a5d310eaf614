"""Tool loops of the official SDKs that outgrow their window: old results give way, what went up goes up again, clients see nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from backstory.app.provider import Received

from .clients import CLIENTS, Client
from .conftest import Provider, Proxy

WIRES = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())
LOG = "".join(f"\nplank {number} of the deck was looked at, and is in good order" for number in range(60))


@pytest.fixture
def tight(tmp_path: Path, provider: Provider) -> Iterator[Proxy]:
    """A proxy whose window is outgrown by a few tool results."""
    provider.received.clear()
    one = Proxy(tmp_path, provider.url, COMPACTION__CONTEXT_WINDOW="9000", TOOL_OUTPUT__STALE_TOKENS="150").start()
    yield one
    one.stop()


def items(received: Received) -> list[bytes]:
    return [bytes(item) for item in received.prompt.items]


@WIRES
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_old_results_give_way_and_stay_so_over_a_restart(tight: Proxy, provider: Provider, kind: type[Client], stream: bool) -> None:
    client = kind(tight.url, stream)
    client.more = LOG
    try:
        for number in range(12):
            assert "all is well here" in client.ask(f"Please use the tool, for the {number + 1}. time.")
            if number == 9:
                tight.stop()
                tight.start()
    finally:
        client.close()
    cut = [received for received in provider.received if "[left out: look place" in received.text]
    assert cut, "results were left out"
    assert all(LOG in received.text for received in provider.received[1::2]), "never the newest"
    assert len(provider.received[-1].body) < 0.8 * 12 * len(LOG)
    changes = sum(1 for old, new in pairwise(cut) if items(new)[: len(items(old))] != items(old))
    assert changes <= 2, "at boundaries only"
    assert tight.get("/health")["memory"] == "on"
