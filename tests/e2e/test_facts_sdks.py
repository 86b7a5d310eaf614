"""The official SDKs, with a model that asks what holds: the newest value and the turn that said it, in all wires, streamed and not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from backstory.app.provider import Received, says
from backstory.core.message import Text, ToolCall, ToolResult
from backstory.core.reply import Reply

from .clients import Client
from .conftest import Provider, Proxy
from .test_paging_sdks import _LONG, BOTH, WIRES

_ASKED = re.compile(r"Which facts: (\{.*\})")
SAID = (
    "The write limit is 90 calls per hour.",
    "My horse is called Bruno.",
    "We use MySQL for invoices.",
    "Mein Sofa ist grau.",
    "Sorry, the limit is 95.",
    "I mean Bruna, not Bruno.",
    "We migrated invoices to PostgreSQL.",
    "Nein, mein Sofa ist dunkelgrün.",
)


def asking(received: Received) -> Reply:
    """Looks facts up as it is told to, and says what it was told; otherwise talks at length."""
    newest = received.messages[-1]
    results = [part.text for part in newest.parts if isinstance(part, ToolResult)]
    if results:
        return says(f"Told: {results[-1]}")
    asked = _ASKED.search(newest.text)
    if asked is not None and "vc_query_facts" in received.body.decode():
        return Reply((Text("One moment. "), ToolCall(f"call_{len(received.messages)}", "vc_query_facts", asked[1])), "tool_calls")
    return says(f"Understood, that was message {len(received.messages)}. {_LONG}")


@pytest.fixture(scope="module")
def reader() -> Iterator[Provider]:
    one = Provider(asking)
    yield one
    one.stop()


@WIRES
@BOTH
def test_a_model_is_told_the_newest_value_and_what_it_was(folding: Proxy, kind: type[Client], stream: bool) -> None:
    client = kind(folding.url, stream)

    def told(**asked: str) -> str:
        return client.ask(f"Which facts: {json.dumps(asked)}")

    try:
        for text in (*SAID, f"So much for that. {_LONG}"):
            client.ask(text)
        everything = told(status="all")
        assert "write limit is: 90 calls per hour, superseded by #9" in everything
        assert "write limit is: 95 calls per hour, corrects #1 (90 calls per hour)" in everything
        assert "horse is called: Bruna, corrects #3 (Bruno)" in everything
        assert "invoices switched to: PostgreSQL, corrects #5 (MySQL for invoices)" in everything
        assert "Sofa is: dunkelgrün, corrects #7 (grau)" in everything
        holding = told()
        assert "90 calls" not in holding.replace("(90 calls", "")
        assert "vc_query_facts" not in str(vars(client))
    finally:
        client.close()
    assert "failed open" not in folding.log(), folding.log()
