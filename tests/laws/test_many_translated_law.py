"""Law: a request of very many small things is put into another wire in time in proportion to their number, whatever they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from backstory.core.wire import Wire
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from tests.growth import MOST, growth
from tests.laws.test_many_small_law import BODIES, CALL, IDS, many
from tests.rig import PATHS

MANY = 12_000
"""Where each result was held against all before it, so many took 45 to 75 times as long as a tenth of them."""
RESULTS = {
    "anthropic": '{"type":"tool_result","tool_use_id":"%d","content":"a"}',
    "openai_chat": '{"role":"tool","tool_call_id":"%d","content":"a"}',
    "openai_responses": '{"type":"function_call_output","call_id":"%d","output":"a"}',
    "gemini": '{"functionResponse":{"id":"%d","name":"f","response":{}}}',
}
CALLS = {
    "anthropic": '{"type":"tool_use","id":"%d","name":"f","input":{}}',
    "openai_chat": CALL,
    "openai_responses": '{"type":"function_call","call_id":"%d","name":"f","arguments":"{}"}',
    "gemini": '{"functionCall":{"id":"%d","name":"f","args":{}}}',
}


def bodies(name: str, count: int) -> Iterator[str]:
    """So many results of nothing; calls, all at once, with their results; and one call after the other, all of one id."""
    whole, message = BODIES[name]
    calls, results = CALLS[name], RESULTS[name]
    model = "model" if name == "gemini" else "assistant"
    if name == "openai_responses":
        made, given = calls, results
        yield whole % (many(results, count), "")
        yield whole % (f"{many(calls, count)},{many(results, count)}", "")
    elif name == "openai_chat":
        made, given = '{"role":"assistant","tool_calls":[' + calls + "]}", results
        yield whole % (many(results, count), "")
        yield whole % ('{"role":"assistant","tool_calls":[' + many(calls, count) + "]}," + many(results, count), "")
    else:
        made, given = message % (model, calls), message % ("user", results)
        yield whole % (message % ("user", many(results, count)), "")
        yield whole % (",".join([message % (model, many(calls, count)), message % ("user", many(results, count))]), "")
    one = f"{made},{given}".replace("%d", "7")
    yield whole % (many(one, count // 2), "")


def translating(client: Wire, provider: Wire, kind: int) -> Callable[[int], Callable[[], object]]:
    """The translation of a body of this kind, with so many things in it."""
    tongues = {one.name: one for one in TONGUES}

    def ready(count: int) -> Callable[[], object]:
        exchange = Translated(tongues[client.name], tongues[provider.name], provider, PATHS[client.name], "")
        body = list(bodies(client.name, count))[kind].encode()

        def act() -> None:
            assert exchange.ask(body)

        return act

    return ready


@pytest.mark.parametrize("kind", range(3), ids=["results", "all at once", "one by one"])
@pytest.mark.parametrize("client", WIRES, ids=IDS)
def test_a_request_is_translated_in_proportion(client: Wire, kind: int) -> None:
    for provider in WIRES:
        if provider.name != client.name:
            assert growth(translating(client, provider, kind), MANY) < MOST, provider.name
