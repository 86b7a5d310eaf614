"""Law: a request of very many small things is put into another wire in time in proportion to their number, whatever they are."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from tests.laws.test_many_small_law import BODIES, CALL, IDS, many
from tests.rig import PATHS

MANY = 12_000
MOST_S = 0.8
"""Each takes some tenths of a second, and took some seconds where each result was held against all before it."""
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


def bodies(name: str) -> Iterator[str]:
    """Results of nothing; calls, all at once, with their results; and one call after the other, all of one id."""
    whole, message = BODIES[name]
    calls, results = CALLS[name], RESULTS[name]
    model = "model" if name == "gemini" else "assistant"
    if name == "openai_responses":
        made, given = calls, results
        yield whole % (many(results, MANY), "")
        yield whole % (f"{many(calls, MANY)},{many(results, MANY)}", "")
    elif name == "openai_chat":
        made, given = '{"role":"assistant","tool_calls":[' + calls + "]}", results
        yield whole % (many(results, MANY), "")
        yield whole % ('{"role":"assistant","tool_calls":[' + many(calls, MANY) + "]}," + many(results, MANY), "")
    else:
        made, given = message % (model, calls), message % ("user", results)
        yield whole % (message % ("user", many(results, MANY)), "")
        yield whole % (",".join([message % (model, many(calls, MANY)), message % ("user", many(results, MANY))]), "")
    one = f"{made},{given}".replace("%d", "7")
    yield whole % (many(one, MANY // 2), "")


@pytest.mark.parametrize("client", WIRES, ids=IDS)
def test_a_request_is_translated_in_proportion(client: Wire) -> None:
    tongues = {one.name: one for one in TONGUES}
    for body in bodies(client.name):
        for provider in WIRES:
            if provider.name == client.name:
                continue
            exchange = Translated(tongues[client.name], tongues[provider.name], provider, PATHS[client.name], "")
            began = time.thread_time()
            try:
                assert exchange.ask(body.encode())
            except DocumentError:
                pytest.fail(f"not translated: {body[:200]}")
            assert time.thread_time() - began < MOST_S, (provider.name, body[:200])
