"""The official SDKs, with a model that looks into what was folded: one answer, and never a sign of the look-up."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from backstory.app.provider import Received, says
from backstory.core.message import Text, ToolCall, ToolResult
from backstory.core.reply import Reply

from .clients import CLIENTS, Client
from .conftest import Provider, Proxy

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
WIRES = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__.lower())
_CODEWORD = re.compile(r"codeword is ([a-z]+-\d+)")
_LONG = "It matters for the plan, and for all that comes of it. " * 90


def looking(received: Received) -> Reply:
    """Looks up the codeword when it is asked to, beside the client's tool or alone; otherwise talks at length."""
    newest = received.messages[-1]
    results = [part.text for part in newest.parts if isinstance(part, ToolResult)]
    number = len(received.messages)
    ours = ToolCall(f"call_{number}", "vc_find_quote", '{"query":"codeword"}')
    if results:
        said = f"{newest.text} {' '.join(results)}"
        found = _CODEWORD.findall(said)
        told = "the tool says all is well here" if "all is well here" in said else "no tool"
        return says(f"I found {found[0] if found else 'nothing'}, and {told}.")
    if "vc_find_quote" in received.body.decode() and "Look it up" in newest.text:
        return Reply((Text("One moment. "), ours), "tool_calls")
    if "vc_find_quote" in received.body.decode() and "Do both" in newest.text:
        return Reply((Text("Two things. "), ours, ToolCall(f"other_{number}", "look", '{"place":"here"}')), "tool_calls")
    return says(f"Understood, that was message {number}. {_LONG}")


@pytest.fixture(scope="module")
def reader() -> Iterator[Provider]:
    one = Provider(looking)
    yield one
    one.stop()


@WIRES
@BOTH
def test_an_answer_goes_on_after_a_look_up(folding: Proxy, reader: Provider, kind: type[Client], stream: bool) -> None:
    client = kind(folding.url, stream)
    try:
        client.ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            client.ask(f"Topic {number}. {_LONG}")
        before = len(reader.received)
        answer = client.ask("Look it up, please: what did I say of it?")
        assert answer.startswith("One moment."), answer
        assert answer.split("moment.")[1].split("<!--")[0].strip() == "I found walrus-42, and no tool."
        assert len(reader.received) == before + 2, "the client made one request, the proxy two"
        both = client.ask("Do both, please.")
        assert "I found walrus-42, and the tool says all is well here." in both
        assert "Understood" in client.ask("Thank you, and on to something else.")
        history = str(vars(client))
        assert "vc_find_quote" not in history
        assert "<recalled>" not in history
    finally:
        client.close()
    for received in reader.received:
        called = sorted(_key(part, kind) for message in received.messages for part in message.parts if isinstance(part, ToolCall))
        answered = sorted(_key(part, kind) for message in received.messages for part in message.parts if isinstance(part, ToolResult))
        assert called == answered
    assert "failed open" not in folding.log(), folding.log()
    assert folding.get("/health")["sessions"] == 1


@WIRES
@pytest.mark.parametrize(("stream", "how"), [(False, signal.SIGKILL), (True, signal.SIGTERM), (True, signal.SIGKILL)])
def test_a_mixed_turn_outlives_a_restart(folding: Proxy, reader: Provider, kind: type[Client], stream: bool, how: signal.Signals) -> None:
    restarts: list[int] = []

    class Restarting(kind):  # type: ignore[misc, valid-type]
        @property
        def more(self) -> str:
            """The client's tool takes so long that the proxy is another when it is done."""
            restarts.append(folding.stop(how))
            folding.start()
            return ""

    client = Restarting(folding.url, stream)
    try:
        client.ask("My codeword is walrus-42, keep it well.")
        for number in range(6):
            client.ask(f"Topic {number}. {_LONG}")
        both = client.ask("Do both, please.")
        assert len(restarts) == 1
        assert "I found walrus-42, and the tool says all is well here." in both
        told = reader.received[-1].body
        assert "Understood" in client.ask("Thank you, and on to something else.")
        assert _opening(told) in reader.received[-1].body.decode(), "what the provider saw stays as it was"
        assert "vc_find_quote" not in str(vars(client))
    finally:
        client.close()
    assert "failed open" not in folding.log(), folding.log()


def _opening(raw: bytes) -> str:
    """A request's text up to what the tools gave, them included."""
    text = raw.decode()
    return text[: text.rindex("walrus-42") + len("walrus-42")]


def _key(part: ToolCall | ToolResult, kind: type[Client]) -> str:
    return part.name if kind.__name__ == "Gemini" else part.id
