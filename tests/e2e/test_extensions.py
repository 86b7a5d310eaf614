"""The examples of docs/extending.md, installed and run by `backstory serve`; and extensions that break, are slow, or are not named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

from tests.extending import Served, install, install_examples, served
from tests.relay.world import Received, field, run
from tests.rig import PATHS, asking, chunked, reply, said

KEY = b"Authorization: Bearer client-key"


def answering(received: Received) -> bytes:
    wire = "anthropic" if b"/v1/messages" in received.head.split(b"\r\n")[0] else "openai_chat"
    return reply(said(wire, "Good day."))


def call(command: str, *words: str) -> list[bytes]:
    """A streamed answer of OpenAI Chat: some words, then a call of a shell, in pieces."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        made = {"id": "c_1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [choice]}
        return b"data: " + json.dumps(made).encode() + b"\n\n"

    frames = [chunk({"role": "assistant", "content": ""}), *[chunk({"content": word}) for word in words]]
    if command:
        arguments = json.dumps({"command": command})
        function = {"name": "shell", "arguments": ""}
        frames.append(chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}))
        pieces = re.findall(".{1,5}", arguments)
        frames += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
    frames.append(chunk({}, "tool_calls" if command else "stop"))
    return chunked([*frames, b"data: [DONE]\n\n"])


def told(stream: bytes) -> tuple[str, list[tuple[str, str]], str]:
    """Text, calls and finish of a stream of OpenAI Chat."""
    text, finish = "", ""
    calls: dict[int, tuple[str, str]] = {}
    for line in stream.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            text += choice["delta"].get("content") or ""
            for one in choice["delta"].get("tool_calls") or []:
                name, arguments = calls.get(one["index"], ("", ""))
                function = one["function"]
                calls[one["index"]] = (name or function.get("name", ""), arguments + function.get("arguments", ""))
            finish = choice["finish_reason"] or finish
    return text, [*calls.values()], finish


async def failures(proxy: Served, name: str) -> float:
    """How often something of this extension failed open."""
    found = re.search(rf'backstory_failed_open_total\{{where="extension {name}"\}} (\S+)', (await proxy.get("/metrics")).decode())
    return float(found[1]) if found else 0.0


def test_a_provider_is_paid_in_its_own_way(tmp_path: Path) -> None:
    path = install_examples(tmp_path / "packages")
    settings = """
extensions: [acme]
providers:
  acme: {url: UPSTREAM/v1, values: {account: me}}
  strict: {kind: acme, url: UPSTREAM/v1, auth: acme_signed, values: {account: me}}
  poor: {kind: acme, url: UPSTREAM/v1, api_key_env: NOT_SET, values: {account: me}}
"""

    async def go() -> None:
        async with served(tmp_path, settings, path, answering, {"ACME_API_KEY": "secret"}) as proxy:
            assert "extensions: acme (provider, backstory-examples 1.0.0)" in await proxy.said("extensions:")
            for _ in range(2):
                head, _ = await proxy.ask(
                    PATHS["openai_chat"], asking("openai_chat", [("user", "Hi.")]).replace(b'"m"', b'"acme:large"'), KEY
                )
                assert head.startswith(b"HTTP/1.1 200")
            first, second = (field(one.head, b"authorization") for one in proxy.upstream.received)
            assert first is not None
            assert first == second, "a ticket is used while it lasts"
            assert first.startswith(b"Ticket ")
            text, _, signature = first.removeprefix(b"Ticket ").rpartition(b".")
            mac = base64.urlsafe_b64encode(hmac.new(b"secret", text, hashlib.sha256).digest()).rstrip(b"=")
            assert signature == mac
            assert json.loads(base64.urlsafe_b64decode(text.split(b".")[1] + b"=="))["iss"] == "me"
            assert json.loads(proxy.sent.body)["model"] == "large"

            # A client of another wire, and a signature over what really goes up.
            body = asking("anthropic", [("user", "Hi.")], max_tokens=9).replace(b'"m"', b'"strict:large"')
            head, raw = await proxy.ask(PATHS["anthropic"], body, b"x-api-key: client-key")
            assert json.loads(raw)["content"][0]["text"] == "Good day."
            stamp = field(proxy.sent.head, b"x-acme-time")
            assert stamp is not None
            signed = hmac.new(b"secret", b"\n".join([stamp, b"/v1/chat/completions", proxy.sent.body]), hashlib.sha256).hexdigest()
            assert field(proxy.sent.head, b"x-acme-signature") == signed.encode()
            assert b"client-key" not in b"".join(one.head for one in proxy.upstream.received)
            assert "secret" not in "\n".join(proxy.log)

            # One that cannot be paid is told in the client's wire.
            before = len(proxy.upstream.received)
            head, raw = await proxy.ask(
                PATHS["openai_chat"], asking("openai_chat", [("user", "Hi.")]).replace(b'"m"', b'"poor:large"'), KEY
            )
            assert head.startswith(b"HTTP/1.1 502")
            assert "extension acme failed: KeyError" in json.loads(raw)["error"]["message"]
            assert len(proxy.upstream.received) == before
            assert await failures(proxy, "acme") > 0

    run(go())


def test_a_command_is_answered_and_listed(tmp_path: Path) -> None:
    path = install_examples(tmp_path / "packages")

    async def go() -> None:
        async with served(tmp_path, "extensions: [code]\n", path, answering) as proxy:
            messages = [("user", "Keep this:\n```python\nprint(1)\n```"), ("assistant", "Good day.")]
            await proxy.ask(PATHS["openai_chat"], asking("openai_chat", messages[:1]))
            asked = asking("openai_chat", [*messages, ("user", "!/code(Python)")])
            _, raw = await proxy.ask(PATHS["openai_chat"], asked)
            text = json.loads(raw)["choices"][0]["message"]["content"]
            assert "Turn 1, user:\n\n```python\nprint(1)\n```" in text
            assert len(proxy.upstream.received) == 1

            # What the client then sends back of it never goes up.
            await proxy.ask(
                PATHS["openai_chat"],
                asking("openai_chat", [*messages, ("user", "!/code(Python)"), ("assistant", text), ("user", "And now?")]),
            )
            assert (
                json.loads(proxy.sent.body)["messages"] == json.loads(asking("openai_chat", [*messages, ("user", "And now?")]))["messages"]
            )
            _, raw = await proxy.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "VCHELP")]))
            assert "!/code[(language)]: show the newest block" in json.loads(raw)["choices"][0]["message"]["content"]
            _, raw = await proxy.ask(PATHS["openai_chat"], asking("openai_chat", [("user", "!/coed")]))
            assert "Did you mean !/code[(language)]?" in json.loads(raw)["choices"][0]["message"]["content"]

    run(go())


def test_a_stage_adds_the_same_to_the_same_message_every_time(tmp_path: Path) -> None:
    path = install_examples(tmp_path / "packages")
    (tmp_path / "glossary.json").write_text('{"SLO": "service level objective"}')
    environ = {"GLOSSARY": str(tmp_path / "glossary.json")}

    async def go() -> None:
        async with served(tmp_path, "extensions: [glossary]\n", path, answering, environ) as proxy:
            messages = [("user", "What is our SLO?"), ("assistant", "Good day."), ("user", "Thanks.")]
            head, _ = await proxy.ask(PATHS["openai_chat"], asking("openai_chat", messages[:1]))
            first = json.loads(proxy.sent.body)["messages"]
            assert first[0]["content"] == "What is our SLO?\n\n(SLO: service level objective)"
            one, _, other = (field(head, b"x-vc-proof") or b"").partition(b",")
            assert one[3:] != other[4:], "the proof tells that the body was changed"
            await proxy.ask(PATHS["openai_chat"], asking("openai_chat", messages))
            assert json.loads(proxy.sent.body)["messages"][:1] == first
            came = asking("openai_chat", [("user", "Hello.")])
            await proxy.ask(PATHS["openai_chat"], came)
            assert proxy.sent.body == came
            await proxy.said("complete, status 200")

            # With memory off there is no pipeline, and no stage.
            came = asking("openai_chat", messages[:1])
            await proxy.ask(PATHS["openai_chat"], came, b"X-VC-Memory: off")
            assert proxy.sent.body == came

    run(go())


def test_a_policy_refuses_and_amends_requests(tmp_path: Path) -> None:
    path = install_examples(tmp_path / "packages")

    async def go(memory: bytes, proxy: Served) -> None:
        head, raw = await proxy.ask(
            PATHS["anthropic"], asking("anthropic", [("user", "-----BEGIN RSA PRIVATE KEY-----\nMII")], max_tokens=9), memory
        )
        assert head.startswith(b"HTTP/1.1 403")
        assert "contains a private key" in json.loads(raw)["error"]["message"]
        assert "(policy careful)" in json.loads(raw)["error"]["message"]
        assert not [one for one in proxy.upstream.received if b"PRIVATE" in one.body]
        hidden = "ghp_" + "a1" * 18
        came = asking("openai_chat", [("user", f"Use {hidden} for it."), ("assistant", "Ok."), ("user", "Go on.")])
        head, _ = await proxy.ask(PATHS["openai_chat"], came, memory)
        assert json.loads(proxy.sent.body)["messages"][0]["content"] == "Use ghp_(hidden) for it."
        assert json.loads(proxy.sent.body)["messages"][1:] == json.loads(came)["messages"][1:]
        assert field(head, b"x-vc-notes") == b"careful: 1 texts with tokens in them were changed"
        came = asking("openai_chat", [("user", "Hello.")])
        _, raw = await proxy.ask(PATHS["openai_chat"], came, memory)
        assert proxy.sent.body == came
        assert raw == said("openai_chat", "Good day.")

    async def both() -> None:
        async with served(tmp_path, "extensions: [careful]\n", path, answering) as proxy:
            await go(b"X-VC-Memory: on", proxy)
            await go(b"X-VC-Memory: off", proxy)

    run(both())


def test_a_policy_judges_calls_and_ends_an_answer(tmp_path: Path) -> None:
    path = install_examples(tmp_path / "packages")
    tools = [{"type": "function", "function": {"name": "shell", "parameters": {"type": "object", "properties": {}}}}]
    answers = {
        "wipe": call("rm -rf /", "Let me ", "clean up."),
        "push": call("git push origin main --force"),
        "list": call("ls -la", "Let me see."),
        "loop": call("", *["I will try again.\n"] * 40),
    }

    def answer(received: Received) -> list[bytes]:
        return answers[json.loads(received.body)["messages"][-1]["content"]]

    async def go() -> None:
        async with served(tmp_path, "extensions: [careful]\n", path, answer) as proxy:

            async def ask(what: str) -> tuple[bytes, bytes]:
                return await proxy.ask(PATHS["openai_chat"], asking("openai_chat", [("user", what)], stream=True, tools=tools))

            text, calls, finish = told((await ask("wipe"))[1])
            assert text.startswith("Let me clean up.I wanted to run `rm -rf /`. That was not done")
            assert text.endswith("(1 command(s) refused. Ask for something else, or run it yourself.)")
            assert (calls, finish) == ([], "stop")
            _, calls, finish = told((await ask("push"))[1])
            assert (calls, finish) == ([("shell", '{"command": "git push origin main --force-with-lease"}')], "tool_calls")
            _, raw = await ask("list")
            assert raw == b"".join(piece.split(b"\r\n", 1)[1][:-2] for piece in answers["list"][1:-1])
            text, calls, finish = told((await ask("loop"))[1])
            assert text.count("I will try again.") < 12
            assert text.endswith("(The answer went in circles, and was ended.)")
            assert finish == "stop"
            assert (await ask("list"))[1] == raw, "the connection to the client goes on"

            # Memory keeps what the client has seen.
            asked = asking("openai_chat", [("user", "wipe"), ("assistant", text), ("user", "!/status")])
            await proxy.ask(PATHS["openai_chat"], asked)

    run(go())


BROKEN = """
import asyncio, time

class Broken:
    contract = 1
    async def request(self, request):
        raise RuntimeError("secret of the extension")
    def answer(self, request):
        raise RuntimeError("secret of the extension")
    def finished(self, request, outcome):
        raise RuntimeError("secret of the extension")

class Slow(Broken):
    async def request(self, request):
        await asyncio.sleep(60)
    def answer(self, request):
        return self
    def heard(self, text, thought):
        return "no verdict"
    def called(self, call):
        raise RuntimeError("secret of the extension")
    def over(self, finish):
        raise RuntimeError("secret of the extension")

broken, slow = Broken(), Slow()
"""


def test_what_is_broken_or_slow_is_as_if_it_were_absent(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    points = {group: {"broken": "faults:broken", "slow": "faults:slow"} for group in ("backstory.stages", "backstory.policies")}
    install(packages, "faults", "0.1", points, {"faults": BROKEN})
    answers = call("rm -rf /", "Let me see.")

    async def go() -> None:
        async with served(tmp_path, "extensions: [broken, slow]\nrecall: {deadline_ms: 100}\n", [packages], lambda _: answers) as proxy:
            for number in range(5):
                came = asking("openai_chat", [("user", f"Hello {number}.")], stream=True)
                _, raw = await proxy.ask(PATHS["openai_chat"], came)
                assert proxy.sent.body == came
                assert raw == b"".join(piece.split(b"\r\n", 1)[1][:-2] for piece in answers[1:-1])
            assert "RuntimeError" in await proxy.said("extension broken failed open")
            assert "longer than" in await proxy.said("extension slow failed open")
            await proxy.said("extension slow failed 3 times in a row (request): it is left out for 30 s")
            assert await failures(proxy, "broken") >= 3
            assert await failures(proxy, "slow") >= 3
            assert not [line for line in proxy.log if "WARNING" in line and "secret" in line]

    run(go())


def test_what_is_installed_and_not_named_does_not_run(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    points = {"backstory.policies": {"bomb": "bomb:POLICY"}}
    install(packages, "bomb", "0.1", points, {"bomb": "raise SystemExit('it ran')"})

    async def go() -> None:
        async with served(tmp_path, "", [packages], answering) as proxy:
            came = asking("openai_chat", [("user", "Hello.")])
            _, raw = await proxy.ask(PATHS["openai_chat"], came)
            assert (proxy.sent.body, raw) == (came, said("openai_chat", "Good day."))

    run(go())
