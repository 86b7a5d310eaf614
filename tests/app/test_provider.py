"""The official SDKs take the scripted provider for the real one, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anthropic
import openai
import pytest
from google import genai

from backstory.app.provider import Answer, ScriptedProvider, echo, quoting, says, scripted
from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.reply import Reply

CALL = Reply((Text("Let me look."), ToolCall("call_1", "weather", '{"city":"Turin"}')), "tool_calls")
LONG = "A long answer, line by line.\n" * 100


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[ScriptedProvider]:
    """A provider that answers so."""
    provider = ScriptedProvider(answer)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


async def by_chat(provider: ScriptedProvider, text: str, stream: bool) -> str:
    """Text and tool calls of the answer, by the OpenAI SDK's chat completions."""
    async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        messages = [{"role": "user", "content": text}]
        if not stream:
            whole = await client.chat.completions.create(model="gpt-4o", messages=messages)  # type: ignore[arg-type]
            message = whole.choices[0].message
        else:
            async with client.chat.completions.stream(model="gpt-4o", messages=messages) as events:  # type: ignore[arg-type]
                async for _ in events:
                    pass
                message = (await events.get_final_completion()).choices[0].message
        return (message.content or "") + "".join(
            f"[{it.function.name} {it.function.arguments}]" for it in message.tool_calls or () if it.type == "function"
        )


async def by_responses(provider: ScriptedProvider, text: str, stream: bool) -> str:
    """The same by its Responses API."""
    async with openai.AsyncOpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        if not stream:
            response = await client.responses.create(model="gpt-4o", input=text)
        else:
            async with client.responses.stream(model="gpt-4o", input=text) as events:
                async for _ in events:
                    pass
                response = await events.get_final_response()
        calls = "".join(f"[{item.name} {item.arguments}]" for item in response.output if item.type == "function_call")
        return response.output_text + calls


async def by_anthropic(provider: ScriptedProvider, text: str, stream: bool) -> str:
    """The same by the Anthropic SDK."""
    async with anthropic.AsyncAnthropic(base_url=provider.url, api_key="k", max_retries=0) as client:
        question = {"model": "claude-opus-5-5", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}
        if not stream:
            message = await client.messages.create(**question)  # type: ignore[call-overload]
        else:
            async with client.messages.stream(**question) as events:  # type: ignore[arg-type]
                async for _ in events:
                    pass
                message = await events.get_final_message()
        texts = "".join(block.text for block in message.content if block.type == "text")
        calls = "".join(
            f"[{block.name} {json.dumps(block.input, separators=(',', ':'))}]" for block in message.content if block.type == "tool_use"
        )
        return texts + calls


async def by_gemini(provider: ScriptedProvider, text: str, stream: bool) -> str:
    """The same by google-genai."""
    client = genai.Client(api_key="k", http_options={"base_url": provider.url})
    found, calls = "", ""
    try:
        if stream:
            chunks = [chunk async for chunk in await client.aio.models.generate_content_stream(model="gemini-3-flash", contents=text)]
        else:
            chunks = [await client.aio.models.generate_content(model="gemini-3-flash", contents=text)]
    finally:
        await client.aio.aclose()
        client.close()
    for chunk in chunks:
        assert chunk.candidates
        content = chunk.candidates[0].content
        for part in (content.parts if content else None) or ():
            found += part.text or ""
            if part.function_call:
                calls += f"[{part.function_call.name} {json.dumps(part.function_call.args, separators=(',', ':'))}]"
    return found + calls


Ask = Callable[[ScriptedProvider, str, bool], Awaitable[str]]
CLIENTS = pytest.mark.parametrize("ask", [by_chat, by_responses, by_anthropic, by_gemini])
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@CLIENTS
@STREAMS
def test_the_official_sdk_reads_text_and_tool_calls(ask: Ask, stream: bool) -> None:
    async def main() -> None:
        async with serving(scripted([CALL, says(LONG), says("")])) as provider:
            assert await ask(provider, "How is the weather?", stream) == 'Let me look.[weather {"city":"Turin"}]'
            assert await ask(provider, "And in full?", stream) == LONG
            assert await ask(provider, "Nothing?", stream) == ""
            assert await ask(provider, "Over?", stream) == "You said 5 characters: Over?"
            assert [it.messages[-1].text for it in provider.received] == ["How is the weather?", "And in full?", "Nothing?", "Over?"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.run(main())


def test_a_gemini_stream_without_sse_is_a_json_array() -> None:
    async def main() -> None:
        async with serving(scripted([Reply((Thinking("hm"), Text("one"), Text("two")), "stop")])) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            body = b'{"contents":[{"role":"user","parts":[{"text":"go"}]}]}'
            writer.write(b"POST /v1beta/models/g:streamGenerateContent HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            raw = await reader.read()
            writer.close()
            joined, rest = b"", raw.split(b"\r\n\r\n", 1)[1]
            while size := int(rest.split(b"\r\n", 1)[0], 16):
                piece = rest.split(b"\r\n", 1)[1]
                joined, rest = joined + piece[:size], piece[size + 2 :]
            texts = [part["text"] for chunk in json.loads(joined) for part in chunk["candidates"][0]["content"]["parts"]]
            assert texts == ["hm", "one", "two"]

    asyncio.run(main())


def test_what_is_no_conversation_is_refused_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with serving(echo) as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            for request, status in (
                (b"GET /x HTTP/1.1\r\n\r\n", b"404"),
                (b"POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\n\r\n{", b"400"),
            ):
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.split(b" ")[1] == status
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            writer.close()
            assert provider.received == []

    asyncio.run(main())


def test_a_quoting_model_knows_only_what_reached_it() -> None:
    async def main() -> None:
        async with serving(quoting) as provider:
            told = "We live in Turin. The plumber is called Aldo Ferri and charges 48 euros. The cat is grey."
            asked = "What is the name of the plumber?"
            found = await by_chat(provider, f"{asked}\n\n{told}", False)
            assert found == 'It was said: "The plumber is called Aldo Ferri and charges 48 euros."'
            assert await by_chat(provider, asked, False) == "Nothing that reached me answers that."

    asyncio.run(main())
