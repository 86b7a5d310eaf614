"""Ids that stand twice in a conversation."""

from __future__ import annotations

import json
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.translation import Result, Said, Use, Words
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import Translated
from backstory.wires.unique_ids import unique
from tests.growth import MOST, growth


def turn(*ids: str) -> tuple[Said, ...]:
    calls, results = [Use(one, "f", "{}") for one in ids], [Result(one, "f", (Words("r"),)) for one in ids]
    return (Said("user", (Words("Go."),)), Said("assistant", tuple(calls)), Said("user", tuple(results)))


def ids(said: tuple[Said, ...], kind: type[Use] | type[Result]) -> list[str]:
    return [piece.id for one in said for piece in one.pieces if isinstance(piece, kind)]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "a_2", ""]), max_size=3), max_size=4))
def test_every_call_has_its_own_id_and_every_result_that_of_its_call(turns: list[list[str]]) -> None:
    talk = tuple([said for one in turns for said in turn(*one)])
    found = unique(talk)
    calls = [one for one in ids(found, Use) if one]
    assert len(set(calls)) == len(calls)
    assert ids(found, Use) == ids(found, Result)
    if len({one for one in ids(talk, Use) if one}) == len([one for one in ids(talk, Use) if one]):
        assert found is talk
    assert unique(found) is found


def test_what_was_sent_once_is_sent_again_as_it_was() -> None:
    talk = turn("a") + turn("a") + turn("a", "b")
    assert unique(talk)[:6] == unique(talk[:6])
    assert ids(unique(talk), Use) == ["a", "a_2", "a_3", "b"]


def test_one_id_in_thousands_of_turns_is_made_many_in_little_time() -> None:
    assert growth(lambda size: partial(unique, turn("call_0") * size), 5000) < MOST
    found = unique(turn("call_0") * 5000)
    assert ids(found, Use)[-1] == ids(found, Result)[-1] == "call_0_5000"


def test_a_provider_gets_them_and_the_loss_is_told() -> None:
    tongues, wires = {one.name: one for one in TONGUES}, {one.name: one for one in WIRES}
    call = {"role": "assistant", "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    result = {"role": "tool", "tool_call_id": "call_0", "content": "r"}
    user = {"role": "user", "content": "Go."}
    body = json.dumps({"model": "m", "messages": [user, call, result, user, call, result]}).encode()
    for name in ("anthropic", "openai_responses"):
        exchange = Translated(tongues["openai_chat"], tongues[name], wires[name], "/v1/chat/completions", "")
        sent = exchange.ask(body)
        assert sent.count(b'"call_0"') == sent.count(b'"call_0_2"') == 2
        assert [loss.what for loss in exchange.losses] == ["tool ids"]
