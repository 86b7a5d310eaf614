"""Policies on the way of requests and answers, through a whole proxy: with memory's own tools, other wires, and clients that leave."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.extended import Extended
from backstory.config.sections import Reply as ReplySettings
from backstory.config.sections import Upstream as UpstreamSettings
from backstory.core.extending import Allow, Amend, Decision, End, Instead, Policy, Recast, Refuse, Request, Verdict, Watch
from backstory.core.legs import Call
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Finish, Reply
from backstory.extend import AppendText, SetParam
from tests.paging import BY_NAME, LOOK, NAMES, QUOTE, Model, ask, body, configured, heard, history, path, texts, tools
from tests.relay.world import Received, field
from tests.rig import PATHS, asking, chunked, post, reply, rig, said, settings, soon

WIRES = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASKED = ("user", "What was the code of that locker again?")


class Watching:
    """Gives every call this verdict, ends the answer at this word, and keeps what it hears."""

    def __init__(self, verdict: Verdict, end_at: str) -> None:
        self._verdict = verdict
        self._end_at = end_at
        self.calls: list[Call] = []
        self.text = ""

    def heard(self, text: str, thought: bool) -> Allow | End:
        self.text += text
        return End("(Ended.)") if self._end_at and self._end_at in text else Allow()

    def called(self, call: Call) -> Verdict:
        self.calls.append(call)
        return self._verdict

    def over(self, finish: Finish) -> str:
        return ""


class Judge:
    """A policy that decides so, and keeps what it is asked about."""

    contract = 1

    def __init__(
        self,
        decision: Decision | Callable[[Request], Decision] | None = None,
        verdict: Verdict | None = None,
        end_at: str = "",
        waits_s: float = 0,
    ) -> None:
        self._decision = decision or Allow()
        self._verdict = verdict
        self._end_at = end_at
        self._waits_s = waits_s
        self.requests: list[Request] = []
        self.watches: list[Watching] = []

    async def request(self, request: Request) -> Decision:
        self.requests.append(request)
        if self._waits_s:
            await asyncio.sleep(self._waits_s)
        return self._decision if isinstance(self._decision, Allow | Amend | Refuse) else self._decision(request)

    def answer(self, request: Request) -> Watch | None:
        if self._verdict is None and not self._end_at:
            return None
        self.watches.append(Watching(self._verdict or Allow(), self._end_at))
        return self.watches[-1]


def judged(config: Config, *policies: Policy) -> Config:
    return replace(config, extended=Extended(policies=tuple([(f"p{number}", policy) for number, policy in enumerate(policies)])))


@WIRES
@BOTH
def test_every_leg_is_amended_and_watched_but_not_our_own_calls(tmp_path: Path, name: str, stream: bool) -> None:
    wire = BY_NAME[name]
    policy = Judge(Amend((AppendText(0, "(Be brief.)"),)), Instead("That was not looked at."))
    model = Model(wire, Reply((Text("Let me look."), QUOTE), "tool_calls"), Reply((Text("It is tangerine."), LOOK), "tool_calls"))

    async def work() -> None:
        async with rig(judged(configured(tmp_path), policy), model) as one:
            _, raw, found = await ask(one, wire, [*history(), ASKED], stream)
            assert "".join(texts(found)) == "Let me look.It is tangerine.That was not looked at."
            assert not [part for part in found.parts if isinstance(part, ToolCall)]
            assert b"vc_" not in raw
            assert [[call.name for call in watch.calls] for watch in policy.watches] == [[], ["look"]]
            first, second = model.received
            assert b"(Be brief.)" in first
            assert b"(Be brief.)" in second
            assert not one.failures()

    asyncio.run(work())


@WIRES
def test_the_answer_of_another_wire_is_watched_in_the_clients(tmp_path: Path, name: str) -> None:
    """The provider speaks OpenAI Chat, and calls a tool."""
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"place":"there"}'}}
    message = {"role": "assistant", "content": "So.", "tool_calls": [call]}
    answer = {"id": "c_1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    policy = Judge(lambda request: Amend((AppendText(0, request.wire),), "noted"), Recast("look", '{"place":"here"}'))
    config = replace(judged(settings(tmp_path), policy), upstream=UpstreamSettings(wire="openai_chat"))

    async def work() -> None:
        async with rig(config, lambda _: reply(json.dumps(answer).encode())) as one:
            head, raw = await one.ask(PATHS[name], asking(name, [("user", "Hi.")], tools=tools(name), max_tokens=9))
            found = BY_NAME[name].reply(raw)
            assert [part.arguments for part in found.parts if isinstance(part, ToolCall)] == ['{"place":"here"}']
            assert name in json.dumps(json.loads(one.sent.body)["messages"][0]["content"])
            assert field(head, b"x-vc-notes") == b"p0: noted"
            assert policy.watches[0].text == "So."
            assert not one.failures()

    asyncio.run(work())


def test_a_call_that_is_written_as_text_is_judged_as_one(tmp_path: Path) -> None:
    policy = Judge(verdict=Instead("No."))
    config = judged(settings(tmp_path), policy)
    config = replace(config, reply=ReplySettings(think_tags="remove"), tools=replace(config.tools, virtual="to_native"))
    words = "<think>Hm.</think>So.<look><place>here</place></look>"

    async def work() -> None:
        async with rig(config, lambda _: reply(said("openai_chat", words))) as one:
            _, raw = await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "Hi.")], tools=tools("openai_chat")))
            assert json.loads(raw)["choices"][0]["message"]["content"] == "So.No."
            assert [call.name for call in policy.watches[0].calls] == ["look"]

    asyncio.run(work())


def test_each_policy_judges_what_the_one_before_it_left(tmp_path: Path) -> None:
    first = Judge(Amend((SetParam("temperature", b"0.5"),)), Recast("look", '{"place":"changed"}'))
    second, third = Judge(Allow("seen"), Allow()), Judge(lambda request: Refuse(request.body.decode(), 99))
    wire = BY_NAME["openai_chat"]

    async def work() -> None:
        async with rig(judged(configured(tmp_path), first, second), Model(wire, Reply((LOOK,), "tool_calls"))) as one:
            _, _, found = await ask(one, wire, [("user", "Hi.")], True)
            assert [part.arguments for part in found.parts if isinstance(part, ToolCall)] == ['{"place":"changed"}']
            assert second.watches[0].calls[0].arguments == '{"place":"changed"}'
            assert json.loads(second.requests[0].body)["temperature"] == 0.5
            assert second.requests[0].conversation
        async with rig(judged(configured(tmp_path), first, third), Model(wire)) as one:
            head, raw = await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "Hi.")]))
            assert head.startswith(b"HTTP/1.1 403")
            assert '"temperature":0.5' in json.loads(raw)["error"]["message"].replace(" ", "")
            assert not one.upstream.received

    asyncio.run(work())


@WIRES
def test_an_answer_that_is_ended_is_not_listened_to_any_longer(tmp_path: Path, name: str) -> None:
    """The provider would go on for ever. Where it keeps its answers, it is heard to its end."""
    wire = BY_NAME[name]
    policy = Judge(end_at="again")
    whole = wire.write(Reply((Text("It goes on again and again."),), "stop"), True)
    frames = wire.reader("text/event-stream").feed(whole)
    upto = next(number for number, frame in enumerate(frames) if b"again" in frame.raw)
    begin = chunked([frame.raw for frame in frames[: upto + 1]])[:-1] if name != "openai_responses" else chunked([whole])

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: begin) as one:
            await one.client.send(post(one.upstream_port, path(name, True), body(name, [("user", "Hi.")], True)))
            head, raw = await one.client.reply()
            assert head.startswith(b"HTTP/1.1 200")
            assert "".join(texts(heard(wire, raw, True))).endswith("(Ended.)")
            assert heard(wire, raw, True).finish == "stop"
            if name != "openai_responses":
                await soon(lambda: one.upstream.lost.is_set() or one.upstream.closed == 1)
            assert not one.failures()

    asyncio.run(work())


def test_a_request_that_builds_on_an_answer_brings_results_for_calls_that_were_refused(tmp_path: Path) -> None:
    """Else the provider, which keeps the calls, refuses it."""
    policy = Judge(verdict=Instead("No."))
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}", "status": "completed"}
    answer = {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": [call]}

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: reply(json.dumps(answer).encode())) as one:
            _, raw = await one.ask(
                PATHS["openai_responses"], asking("openai_responses", [("user", "Hi.")], tools=tools("openai_responses"))
            )
            assert json.loads(raw)["output"][0]["content"][0]["text"] == "No."
            await one.ask(PATHS["openai_responses"], b'{"model":"m","previous_response_id":"resp_1","input":"Go on."}')
            sent = json.loads(one.sent.body)
            assert sent["previous_response_id"] == "resp_1"
            assert (sent["input"][0]["type"], sent["input"][0]["call_id"]) == ("function_call_output", "call_1")
            assert sent["input"][1]["content"] == "Go on."
            await one.ask(PATHS["openai_responses"], b'{"model":"m","previous_response_id":"resp_0","input":"Go on."}')
            assert json.loads(one.sent.body)["input"] == "Go on."

    asyncio.run(work())


def test_a_body_in_a_content_coding_is_read_and_goes_up_plain_where_it_is_changed(tmp_path: Path) -> None:
    policy = Judge(lambda request: Amend((AppendText(0, "!"),)) if "Hi" in request.message(0).text else Allow())

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: reply(said("openai_chat", "Good day."))) as one:
            for text in ("Hi.", "Hello."):
                came = gzip.compress(asking("openai_chat", [("user", text)]))
                await one.ask(PATHS["openai_chat"], came, b"Content-Encoding: gzip")
                if text == "Hi.":
                    assert json.loads(one.sent.body)["messages"][0]["content"] == "Hi.\n\n!"
                    assert field(one.sent.head, b"content-encoding") is None
                else:
                    assert one.sent.body == came
                    assert field(one.sent.head, b"content-encoding") == b"gzip"

    asyncio.run(work())


@pytest.mark.parametrize(
    ("came", "unread"),
    [(b'{"messages": nonsense', True), (b'{"model":"m","n":2,"messages":[{"role":"user","content":"Hi."}]}', True)],
)
def test_what_cannot_be_judged_goes_on_and_is_counted(tmp_path: Path, came: bytes, unread: bool) -> None:
    async def work() -> None:
        async with rig(judged(settings(tmp_path), Judge(verdict=Instead("No."))), lambda _: reply(said("openai_chat", "Good day."))) as one:
            _, raw = await one.ask(PATHS["openai_chat"], came)
            assert (one.sent.body, raw) == (came, said("openai_chat", "Good day."))
            assert ("policies" in one.failures()) is unread

    asyncio.run(work())


@pytest.mark.parametrize("change", [SetParam("messages", b"[]"), AppendText(7, "?"), "nothing of the kind"])
def test_a_change_that_cannot_be_made_is_not_made(tmp_path: Path, change: object) -> None:
    policy = Judge(Amend((change,)))  # type: ignore[arg-type]
    came = asking("openai_chat", [("user", "Hi.")])

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: reply(said("openai_chat", "Good day."))) as one:
            await one.ask(PATHS["openai_chat"], came)
            assert one.sent.body == came
            assert one.failures() == {"extension p0": 1}

    asyncio.run(work())


def test_a_client_that_leaves_while_a_policy_thinks_leaves_nothing_behind(tmp_path: Path) -> None:
    """The rig looks for what was left when it stops."""
    policy = Judge(waits_s=0.45)

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: reply(said("openai_chat", "Good day."))) as one:
            for turns in ([("user", "Hi.")], [("user", "Hi."), ("assistant", "Good day."), ("user", "And?")]):
                before = len(policy.requests)
                await one.client.send(post(one.upstream_port, PATHS["openai_chat"], asking("openai_chat", turns)))
                await soon(lambda before=before: len(policy.requests) > before)  # type: ignore[misc]
                one.client.writer.close()
                await soon(lambda: one.door.metrics.in_flight == 0)
                one.client = type(one.client)(*await asyncio.open_connection("127.0.0.1", one.port))
            assert one.failures().keys() <= {"extension p0"}, "on a busy machine its time may be over first"

    asyncio.run(work())


def test_requests_that_are_not_to_a_model_are_nobodys_to_judge(tmp_path: Path) -> None:
    policy = Judge(Refuse("No."))

    def answer(received: Received) -> bytes:
        return reply(b"{}")

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), answer) as one:
            head, _ = await one.ask("/v1/embeddings", b'{"input":"Hi."}')
            assert head.startswith(b"HTTP/1.1 200")
            assert not policy.requests

    asyncio.run(work())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_note_is_told_where_nobody_watches(tmp_path: Path, streamed: bool) -> None:
    """The answer keeps its bytes, its framing, and its other headers."""
    policy = Judge(Allow("seen: caf\u00e9\r\nX-Evil: 1"))
    came = said("openai_chat", "Good day.")
    answer = chunked([came[:20], came[20:]], b"application/json") if streamed else reply(came)

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: answer) as one:
            for _ in range(2):
                head, raw = await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "Hi.")]))
                assert raw == came
                assert field(head, b"x-vc-notes") == b"p0: seen: caf???X-Evil: 1"
                assert field(head, b"x-evil") is None
                assert field(head, b"content-type") == b"application/json"
                assert field(head, b"x-vc-proof") is not None

    asyncio.run(work())


NONE: Any = None
BYTES: Any = b"no"
NUMBER: Any = 3


@pytest.mark.parametrize(
    "verdict",
    [Instead(NONE), Instead("\ud800"), End(BYTES), Recast("look", "nonsense"), Recast("look", "[]"), Recast("", "{}"), "no verdict"],
)
def test_a_verdict_that_cannot_be_carried_out_is_none(tmp_path: Path, verdict: object) -> None:
    wire = BY_NAME["anthropic"]
    policy = Judge(verdict=verdict)  # type: ignore[arg-type]

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), Model(wire, Reply((Text("So."), LOOK), "tool_calls"))) as one:
            _, _, found = await ask(one, wire, [("user", "Hi.")], True)
            assert [part.arguments for part in found.parts if isinstance(part, ToolCall)] == [LOOK.arguments]
            assert one.failures() == {"extension p0": 1}

    asyncio.run(work())


@pytest.mark.parametrize("decision", [Refuse(NONE), Allow(NUMBER), Amend((), BYTES), "no decision"])
def test_a_decision_that_says_nothing_readable_is_none(tmp_path: Path, decision: object) -> None:
    policy = Judge(lambda request: decision)  # type: ignore[arg-type, return-value]

    async def work() -> None:
        async with rig(judged(settings(tmp_path), policy), lambda _: reply(said("openai_chat", "Good day."))) as one:
            head, _ = await one.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "Hi.")]))
            assert head.startswith(b"HTTP/1.1 200")
            assert field(head, b"x-vc-notes") is None
            assert one.failures() == {"extension p0": 1}

    asyncio.run(work())
