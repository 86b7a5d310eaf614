"""A history that a client of OpenAI Responses posts to have it compacted: at which provider that is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backstory.app.house import PortHouse
from backstory.app.server import in_front
from backstory.core.exchange import Head
from backstory.core.extending import Amend, Decision, Refuse, Request
from backstory.core.plan import Plan
from backstory.extend import AppendText
from backstory.wires.translation.seals import wrapped
from tests.app.gateway.test_judging import Judge, judged
from tests.app.gateway.test_keeping import played
from tests.relay.world import Received
from tests.routed import KEYS, Two, two

KEY = KEYS["openai_responses"]
ENV = {"PROV_KEY": "server-key"}
PROVIDER = "providers:\n  prov: {kind: %s, url: OTHER, api_key_env: PROV_KEY}\n"
BYTES = json.dumps({"model": "m", "input": [{"role": "user", "content": "Find the leak."}]}).encode()


async def compacted(one: Two, **more: Any) -> tuple[int, dict[str, Any]]:
    body = {"model": "m", "input": [{"role": "user", "content": "Find the leak."}], **more}
    head, raw = await one.ask("/v1/responses/compact", json.dumps(body).encode(), KEY)
    return int(head.split(b" ")[1]), json.loads(raw)


def path_of(received: Received) -> bytes:
    return received.head.split(b" ")[1]


def kinds(told: dict[str, Any]) -> list[str]:
    return [item["type"] for item in told["output"]]


@pytest.mark.parametrize("more", ["routing: {openai_responses: prov}\n", "routing: {static: 'prov:m'}\n"])
@played
async def test_it_goes_where_the_clients_requests_go(tmp_path: Path, more: str) -> None:
    async with two(tmp_path, PROVIDER % "openai_compatible" + more, ENV) as one:
        status, told = await compacted(one)
        assert (status, kinds(told), told["object"]) == (200, ["message", "compaction"], "response.compaction")
        assert path_of(one.got).endswith(b"/chat/completions")
        assert b"Bearer server-key" in one.got.head
        status, _ = await compacted(one, previous_response_id="resp_nobodys")
        assert status == 400
        assert len(one.other.received) == 1
        _head, raw = await one.ask("/v1/responses", json.dumps({"model": "m", "input": "one"}).encode(), KEY)
        status, told = await compacted(one, previous_response_id=json.loads(raw)["id"], input=None)
        assert (status, kinds(told)) == (200, ["message", "compaction"])
        assert told["output"][0]["content"][0]["text"] == "one"
        assert one.failures() == {}


@played
async def test_a_provider_of_the_wire_gets_it_as_it_came(tmp_path: Path) -> None:
    async with two(tmp_path, PROVIDER % "openai", ENV) as one:
        await one.ask("/v1/responses/compact", BYTES.replace(b'"m"', b'"prov:m"'), KEY)
        assert path_of(one.got) == b"/v1/responses/compact"
        assert one.got.body == BYTES
        status, told = await compacted(one, model="prv:m")
        assert (status, "did you mean prov" in told["error"]["message"]) == (404, True)
        await one.ask("/v1/responses/compact", BYTES, KEY)
        assert (path_of(one.own.received[0]), one.own.received[0].body) == (b"/v1/responses/compact", BYTES)


@pytest.mark.parametrize("model", ["m", "prov:m"])
@played
async def test_what_others_sealed_is_opened_for_a_provider_of_the_wire(tmp_path: Path, model: str) -> None:
    held = {"type": "compaction", "id": "cmp_1", "encrypted_content": wrapped("summary", "Before.")}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": wrapped("anthropic", "sig")}
    async with two(tmp_path, PROVIDER % "openai", ENV) as one:
        await compacted(one, model=model, input=[held, {"role": "user", "content": "Go on."}, thought])
        (got,) = [*one.own.received, *one.other.received]
        assert path_of(got) == b"/v1/responses/compact"
        assert b"<summary>\\nBefore." in got.body
        assert b"backstory:" not in got.body
        assert one.failures() == {}


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat", "gemini"])
@played
async def test_the_one_provider_of_another_wire_is_asked_for_a_summary(tmp_path: Path, wire: str) -> None:
    async with two(tmp_path, f"upstream: {{wire: {wire}}}\n") as one:
        status, told = await compacted(one)
        assert (status, kinds(told)) == (200, ["message", "compaction"])
        _head, raw = await one.ask("/v1/responses", json.dumps({"model": "m", "input": "one"}).encode(), KEY)
        status, told = await compacted(one, previous_response_id=json.loads(raw)["id"], input="two")
        assert [item["content"][0]["text"] for item in told["output"][:-1]] == ["one", "two"]
        status, told = await compacted(one, previous_response_id="resp_nobodys")
        assert (status, told["error"]["code"]) == (400, "previous_response_not_found")


@played
async def test_the_one_provider_of_the_wire_gets_it_as_it_came(tmp_path: Path) -> None:
    async with two(tmp_path, "upstream: {wire: openai_responses}\n") as one:
        await one.ask("/v1/responses/compact", BYTES, KEY)
        assert (path_of(one.own.received[0]), one.own.received[0].body) == (b"/v1/responses/compact", BYTES)


@pytest.mark.parametrize("given", [[], None, "", [{"role": "user", "content": " "}]])
@pytest.mark.parametrize("text", ["upstream: {wire: anthropic}\n", PROVIDER % "openai_compatible" + "routing: {openai_responses: prov}\n"])
@played
async def test_nothing_is_no_history(tmp_path: Path, text: str, given: object) -> None:
    async with two(tmp_path, text, ENV) as one:
        status, told = await compacted(one, input=given)
        assert (status, "there is nothing to be compacted" in told["error"]["message"]) == (400, True)
        assert not one.own.received + one.other.received
        assert one.failures() == {}


@played
async def test_what_others_sealed_is_opened_without_any_providers(tmp_path: Path) -> None:
    held = {"type": "compaction", "id": "cmp_1", "encrypted_content": wrapped("summary", "Before.")}
    async with two(tmp_path, "") as one:
        await compacted(one, input=[held, {"role": "user", "content": "Go on."}])
        assert b"<summary>\\nBefore." in one.own.received[0].body
        assert b"backstory:" not in one.own.received[0].body
        await one.ask("/v1/responses/compact", BYTES, KEY)
        assert one.own.received[1].body == BYTES


WAYS = {
    "": "own",
    "upstream: {wire: anthropic}\n": "own",
    PROVIDER % "openai": "own",
    PROVIDER % "openai" + "routing: {openai_responses: prov}\n": "other",
    PROVIDER % "openai_compatible" + "routing: {openai_responses: prov}\n": "other",
}


@pytest.mark.parametrize("text", WAYS)
@played
async def test_policies_are_asked_about_it(tmp_path: Path, text: str) -> None:
    def decide(request: Request) -> Decision:
        return Refuse("No secrets.") if any("secret" in one.text for one in request.messages) else Amend((AppendText(0, "(Amended.)"),))

    async with two(tmp_path, text, ENV) as one:
        house = PortHouse(judged(one.config, Judge(decide)), one.engine, f"http://127.0.0.1:{one.upstream_port}", "")
        front = in_front(judged(one.config, Judge(decide)), house)
        for said, status in (("a secret", 403), ("a leak", 200)):
            body = BYTES.replace(b"the leak", said.encode())
            found = front.plan(Head("POST", "/v1/responses/compact", "", ()), body)
            plan = found if isinstance(found, Plan) else await found
            assert (plan.answer.status if plan.answer is not None else 200) == status
            if plan.answer is None:
                assert b"(Amended.)" in (plan.body or b"")
                assert (plan.name or "own") == {"own": "own", "other": "prov"}[WAYS[text]]
