"""The law of translation, as the official SDKs see it: what they add up from a stream is the answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from anthropic import Anthropic
from hypothesis import given, settings
from openai import OpenAI

from backstory.core.translation import Answered, Asked, Refusal, Thought, Use, Words
from backstory.wires.anthropic.tongue import AnthropicTongue
from backstory.wires.openai_chat.tongue import OpenAIChatTongue
from backstory.wires.translation.translate import events_of
from tests.laws.translated import ANSWERS

QUICK = settings(max_examples=25, deadline=None)
ASKED = Asked("m", True, (), ())


class Speaker:
    """A provider that gives one answer as a stream, whatever it is asked."""

    def __init__(self) -> None:
        outer = self
        self.stream = self.kind = b""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", outer.kind.decode())
                self.send_header("content-length", str(len(outer.stream)))
                self.end_headers()
                self.wfile.write(outer.stream)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its parent's name)
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def says(self, tongue: AnthropicTongue | OpenAIChatTongue, answered: Answered) -> None:
        teller = tongue.teller(ASKED)
        self.stream = b"".join([teller.tell(event) for event in events_of(answered)]) + teller.end()
        self.kind = tongue.stream_type(ASKED)


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    one = Speaker()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture(scope="module")
def claude(speaker: Speaker) -> Iterator[Anthropic]:
    with Anthropic(api_key="k", base_url=speaker.url, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(scope="module")
def chat(speaker: Speaker) -> Iterator[OpenAI]:
    with OpenAI(api_key="k", base_url=speaker.url, max_retries=0) as sdk:
        yield sdk


def texts(answered: Answered, *kinds: type[Words | Refusal | Thought]) -> str:
    return "".join([piece.text for piece in answered.pieces if isinstance(piece, kinds)])


@QUICK
@given(answered=ANSWERS)
def test_the_anthropic_sdk_adds_up_the_answer(speaker: Speaker, claude: Anthropic, answered: Answered) -> None:
    speaker.says(AnthropicTongue(), answered)
    with claude.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as stream:
        said = "".join(stream.text_stream)
        message: Any = stream.get_final_message()
    assert said == texts(answered, Words, Refusal)
    calls = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    assert calls == [(piece.id, piece.name, json.loads(piece.arguments)) for piece in answered.pieces if isinstance(piece, Use)]
    thoughts = "".join([block.thinking for block in message.content if block.type == "thinking"])
    assert thoughts == texts(answered, Thought)
    cited = [one for block in message.content if block.type == "text" for one in block.citations or []]
    assert len(cited) == sum(len(piece.citations) for piece in answered.pieces if isinstance(piece, Words))
    assert answered.usage is not None
    usage = message.usage
    whole = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert (whole, usage.output_tokens) == (answered.usage.input_tokens, answered.usage.output_tokens)
    assert message.stop_reason is not None


@QUICK
@given(answered=ANSWERS)
def test_the_openai_sdk_adds_up_the_answer(speaker: Speaker, chat: OpenAI, answered: Answered) -> None:
    speaker.says(OpenAIChatTongue(), answered)
    with chat.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        kinds = [event.type for event in stream]
        state: Any = stream.current_completion_snapshot
    choice = state.choices[0]
    assert "chunk" in kinds
    assert (choice.message.content or "") == texts(answered, Words)
    assert (choice.message.refusal or "") == texts(answered, Refusal)
    assert getattr(choice.message, "reasoning_content", "") == texts(answered, Thought)
    calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or []]
    assert calls == [(piece.id, piece.name, json.loads(piece.arguments)) for piece in answered.pieces if isinstance(piece, Use)]
    sealed = [piece.sealed for piece in answered.pieces if isinstance(piece, Thought) and piece.sealed]
    details = getattr(choice.message, "reasoning_details", None) or []
    assert [found for one in details if (found := one.get("data") or one.get("signature"))] == sealed
    notes = getattr(choice.message, "annotations", None) or []
    assert len(notes) == sum(len(piece.citations) for piece in answered.pieces if isinstance(piece, Words))
    assert answered.usage is not None
    assert state.usage.prompt_tokens == answered.usage.input_tokens
    assert state.usage.completion_tokens == answered.usage.output_tokens
