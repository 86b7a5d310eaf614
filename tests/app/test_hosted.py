"""Claude on Bedrock and on Vertex AI, behind clients of every wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import pytest

from backstory.core.plan import Target
from backstory.providers.signing import Credentials, sign
from tests.clouds import EVENTS, WHOLE, answer, chunk, exception, sse, stream
from tests.relay.world import Received, field, run
from tests.rig import PATHS, post
from tests.routed import KEYS, key_of, two
from tests.stages.world import stored

WIRES = list(PATHS)
MODELS = {"bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "vertex": "claude-sonnet-4-5@20250929"}
SETTINGS = {
    "bedrock": "providers:\n  cloud: {kind: bedrock_claude, url: OTHER, values: {region: eu-west-1}}\n",
    "vertex": "providers:\n  cloud: {kind: vertex_claude, url: OTHER, auth: key, api_key_env: CLOUD_KEY, "
    "values: {project: p, location: us-east5}}\n",
}
ENVIRON = {"AWS_BEARER_TOKEN_BEDROCK": "server-key", "CLOUD_KEY": "server-key"}
VERSIONS = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
STREAMED = {"bedrock": (stream, "application/vnd.amazon.eventstream"), "vertex": (sse, "text/event-stream")}
PLACES = {
    ("bedrock", False): "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
    ("bedrock", True): "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
    ("vertex", False): "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5%4020250929:rawPredict",
    ("vertex", True): "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5%4020250929:streamRawPredict",
}


def serving(cloud: str) -> Callable[[Received], bytes]:
    """The cloud: what it gets has to be right, or it refuses it."""

    def answers(received: Received) -> bytes:
        body = json.loads(received.body)
        streams = "tream" in received.head.split(b" ")[1].decode().rsplit("/", 1)[1]
        wrong = [name for name in ("model", *(["stream"] if cloud == "bedrock" else [])) if name in body]
        if wrong or body.get("anthropic_version") != VERSIONS[cloud]:
            return answer(b'{"message":"extraneous key"}', "application/json", "400 Bad Request")
        if not streams:
            return answer(json.dumps(WHOLE).encode())
        made, kind = STREAMED[cloud]
        return answer(made(), kind)

    return answers


def asking(wire: str, cloud: str, streams: bool) -> tuple[str, bytes]:
    """A request for Claude there."""
    model = f"cloud:{MODELS[cloud]}"
    said = [{"role": "user", "content": "Hello."}]
    match wire:
        case "gemini":
            verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
            return f"/v1beta/models/{model}:{verb}", json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]}).encode()
        case "openai_responses":
            body: dict[str, Any] = {"model": model, "input": said, "stream": streams}
        case "anthropic":
            body = {"model": model, "max_tokens": 100, "messages": said, "stream": streams}
        case _:
            body = {"model": model, "messages": said, "stream": streams}
    return PATHS[wire], json.dumps(body).encode()


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("cloud", list(MODELS))
@pytest.mark.parametrize("wire", WIRES)
def test_a_client_of_every_wire_is_answered(tmp_path: Path, wire: str, cloud: str, streams: bool) -> None:
    async def scene() -> None:
        async with two(tmp_path, SETTINGS[cloud], ENVIRON, answers=serving(cloud)) as one:
            path, body = asking(wire, cloud, streams)
            head, raw = await one.ask(path, body, KEYS[wire])
            assert head.startswith(b"HTTP/1.1 200"), raw
            if wire == "anthropic" and streams:
                told = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]
                assert tuple(told) == EVENTS
                assert b"text/event-stream" in (field(head, b"content-type") or b"")
            elif wire == "anthropic":
                assert json.loads(raw) == WHOLE
            else:
                assert "Good " in raw.decode()
                assert "däy." in raw.decode().replace("\\u00e4", "ä")
                assert b"25" in raw, "the usage: 21 tokens and 4 from the cache"
            assert one.got.head.split(b" ")[1].decode() == PLACES[cloud, streams]
            assert key_of(one.got) == {"authorization": b"Bearer server-key"}
            assert b"client-key" not in one.got.head
            assert one.failures() == {}

    run(scene())


@pytest.mark.parametrize("cloud", list(MODELS))
def test_of_an_anthropic_body_only_that_changes_which_has_to(tmp_path: Path, cloud: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, SETTINGS[cloud], ENVIRON, answers=serving(cloud)) as one:
            body = b'{ "model" : "cloud:%b", "max_tokens":9,  "messages":[{"role":"user","content":"H\\u00ef"}], "odd": {"a" : 1.50 } }'
            await one.ask(PATHS[wire := "anthropic"], body % MODELS[cloud].encode(), KEYS[wire], b"anthropic-beta: one-2025, two-2025")
            beta = b',"anthropic_beta":["one-2025","two-2025"]' if cloud == "bedrock" else b""
            more = b'"odd": {"a" : 1.50 },"anthropic_version":"%b"%b }' % (VERSIONS[cloud].encode(), beta)
            assert one.got.body == (b'{ "max_tokens":9,  "messages":[{"role":"user","content":"H\\u00ef"}], ' + more)
            assert field(one.got.head, b"anthropic-beta") == b"one-2025, two-2025"

    run(scene())


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("cloud", list(MODELS))
def test_what_goes_up_is_what_the_official_client_sends(tmp_path: Path, cloud: str, streams: bool) -> None:
    """The same request, once by the vendor's own client for that cloud, and once by its usual client through the proxy."""
    asked: dict[str, Any] = {
        "max_tokens": 50,
        "system": "Be kind.",
        "messages": [{"role": "user", "content": "Hello."}],
        "stream": streams,
        "extra_headers": {"anthropic-beta": "one-2025,two-2025"},
    }

    async def scene() -> None:
        async with two(tmp_path, SETTINGS[cloud], ENVIRON, answers=serving(cloud)) as one:
            port = one.other_port
            theirs: Any = (
                anthropic.AsyncAnthropicBedrock(api_key="server-key", aws_region="eu-west-1", base_url=f"http://127.0.0.1:{port}")
                if cloud == "bedrock"
                else anthropic.AsyncAnthropicVertex(
                    access_token="server-key", project_id="p", region="us-east5", base_url=f"http://127.0.0.1:{port}/v1"
                )
            )
            usual = anthropic.AsyncAnthropic(api_key="client-key", base_url=f"http://127.0.0.1:{one.port}")
            made = await usual.messages.create(model=f"cloud:{MODELS[cloud]}", **asked)
            told: Any = [event async for event in made] if streams else made
            if not streams:
                assert told.content[0].text == "Good däy."
                assert told.usage.output_tokens == 7
            else:
                assert [event.type for event in told] == [event["type"] for event in EVENTS if event["type"] != "ping"]
            with_theirs = theirs.with_options(max_retries=0).messages.create(model=MODELS[cloud], **asked)
            # Its reader of event streams needs another package; and it states a version of its own in the body.
            with contextlib.suppress(ModuleNotFoundError, anthropic.APIStatusError):
                await asyncio.wait_for(with_theirs, 10)
            ours, official = one.other.received
            assert ours.head.split(b" ")[0] == official.head.split(b" ")[0]
            assert plain(ours) == plain(official)
            sent, known = json.loads(ours.body), json.loads(official.body)
            assert set(sent) == set(known)
            assert {**sent, "anthropic_version": ""} == {**known, "anthropic_version": ""}
            assert field(ours.head, b"authorization") == field(official.head, b"authorization")
            await usual.close()
            await theirs.close()

    run(scene())


def plain(received: Received) -> bytes:
    """The path, whatever of it is escaped without need."""
    return received.head.split(b" ")[1].replace(b"%3A", b":").replace(b"%40", b"@")


def test_a_signature_is_that_of_what_goes_up(tmp_path: Path) -> None:
    text = "providers:\n  cloud: {kind: bedrock_claude, url: OTHER, auth: aws, values: {region: eu-west-1}}\n"
    environ = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}

    async def scene() -> None:
        async with two(tmp_path, text, environ, lambda: 1_700_000_000.0, serving("bedrock")) as one:
            status, _ = await one.ask_for("openai_chat", f"cloud:{MODELS['bedrock']}")
            assert status == 200
            got = one.got
            path = got.head.split(b" ")[1].decode()
            target = Target("http", "", 0, field(got.head, b"host") or b"", path)
            wanted = dict(sign(Credentials("id", "secret"), "eu-west-1", "bedrock", target, got.body, 1_700_000_000.0))
            assert field(got.head, b"authorization") == wanted[b"Authorization"]
            assert b"client-key" not in got.head

    run(scene())


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        ("400 Bad Request", b'{"message":"Malformed input request"}', "invalid_request_error", "Malformed input request"),
        ("403 Forbidden", b'{"Message":"not allowed"}', "permission_error", "not allowed"),
        ("429 Too Many Requests", b'{"message":"Too many requests"}', "rate_limit_error", "Too many requests"),
        ("424 Failed Dependency", b'{"message":"the model broke","originalStatusCode":500}', "api_error", "the model broke"),
        ("404 Not Found", b'[{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}]', "not_found_error", "no such model"),
        ("403 Forbidden", b'{"error":{"code":403,"message":"denied","status":"PERMISSION_DENIED"}}', "permission_error", "denied"),
        ("400 Bad Request", b'{"type":"error","error":{"type":"invalid_request_error","message":"own"}}', "invalid_request_error", "own"),
        ("502 Bad Gateway", b"<html>bad</html>", "api_error", "<html>bad</html>"),
        ("500 Internal Server Error", b"", "api_error", "status 500"),
    ],
)
def test_an_error_is_told_in_the_clients_words(tmp_path: Path, status: str, body: bytes, kind: str, text: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, SETTINGS["bedrock"], ENVIRON, answers=lambda _: answer(body, "application/json", status)) as one:
            head, raw = await one.ask(*asking("anthropic", "bedrock", True), KEYS["anthropic"])
            assert head.startswith(b"HTTP/1.1 " + status[:3].encode())
            told = json.loads(raw)
            assert (told["type"], told["error"]["type"]) == ("error", kind)
            assert text in told["error"]["message"]
            head, raw = await one.ask(*asking("openai_chat", "bedrock", False), KEYS["openai_chat"])
            assert int(head.split(b" ")[1]) >= 400
            assert json.loads(raw)["error"]["message"]

    run(scene())


def test_a_prompt_that_is_too_long_is_told_so_that_clients_compact(tmp_path: Path) -> None:
    raw = answer(b'{"message":"Input is too long for requested model."}', "application/json", "400 Bad Request")

    async def scene() -> None:
        async with two(tmp_path, SETTINGS["bedrock"], ENVIRON, answers=lambda _: raw) as one:
            status, body = await one.ask_for("openai_chat", f"cloud:{MODELS['bedrock']}")
            assert (status, body["error"]["code"]) == (400, "context_length_exceeded")

    run(scene())


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
def test_an_exception_in_a_stream_is_an_event_of_the_clients(tmp_path: Path, wire: str) -> None:
    body = b"".join(map(chunk, EVENTS[:4])) + exception("throttlingException", "Slow down.")

    async def scene() -> None:
        kind = "application/vnd.amazon.eventstream"
        async with two(tmp_path, SETTINGS["bedrock"], ENVIRON, answers=lambda _: answer(body, kind)) as one:
            _, raw = await one.ask(*asking(wire, "bedrock", True), KEYS[wire])
            assert b"Good " in raw
            assert b"Slow down." in raw
            assert b"rate_limit" in raw
            assert b"[DONE]" not in raw.partition(b"Slow down.")[0]

    run(scene())


@pytest.mark.parametrize("damage", ["cut", "flipped", "no end"])
@pytest.mark.parametrize("wire", ["anthropic", "openai_responses"])
def test_a_stream_that_is_cut_or_damaged_has_no_end_for_the_client(tmp_path: Path, wire: str, damage: str) -> None:
    whole = stream()
    good = len(b"".join(map(chunk, EVENTS[:4])))
    bad = bytearray(whole[: good + 60])
    if damage == "flipped":
        bad = bytearray(whole)
        bad[good + 40] ^= 1
    raw = answer(bytes(bad), "application/vnd.amazon.eventstream")
    if damage == "no end":
        raw = raw.replace(b"Content-Length: ", b"Content-Length: 9")
    first = raw.index(b"\r\n\r\n") + 4 + good

    async def scene() -> None:
        async with two(tmp_path, SETTINGS["bedrock"], ENVIRON, answers=lambda _: (raw[:first], raw[first:])) as one:
            if damage == "no end":
                asyncio.get_running_loop().call_later(0.5, lambda: one.other.writers.pop().close())
            path, body = asking(wire, "bedrock", True)
            await one.client.send(post(one.upstream_port, path, body, KEYS[wire]))
            got = b""
            try:
                while piece := await asyncio.wait_for(one.client.reader.read(65536), 10):
                    got += piece
            except ConnectionError:
                pass
            assert b"200 OK" in got
            assert b"Good " in got, "what came whole goes on"
            assert b"message_stop" not in got
            assert b"response.completed" not in got
            assert not got.endswith(b"0\r\n\r\n"), "the answer was not brought to an end"

    run(scene())


def test_memory_hears_what_a_cloud_says(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, SETTINGS["bedrock"], ENVIRON, answers=serving("bedrock")) as one:
            said: list[dict[str, Any]] = [{"role": "user", "content": "My boat is called Wanderer."}]
            for _ in range(2):
                body = {"model": f"cloud:{MODELS['bedrock']}", "max_tokens": 100, "messages": said, "stream": True}
                head, _ = await one.ask("/v1/messages", json.dumps(body).encode(), KEYS["anthropic"])
                said += [{"role": "assistant", "content": "Good däy."}, {"role": "user", "content": "And how is it called?"}]
            conversation = (field(head, b"x-vc-conversation") or b"").decode()
            turns = await stored(one, lambda store: store.turns(conversation))
            assert [turn.text for turn in turns][:2] == ["My boat is called Wanderer.", "Good däy."]
            assert one.failures() == {}

    run(scene())
