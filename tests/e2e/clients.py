"""Conversations by the official SDKs, one class for each wire, all with the same three functions."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types

SYSTEM = "You are a helpful assistant."
_SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}


class Client:
    """One conversation. `ask` gives the answer's text, running tool calls on the way. `more`: what the tool tells besides."""

    more = ""

    def __init__(self, url: str, stream: bool) -> None:
        raise NotImplementedError

    def ask(self, text: str) -> str:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Chat(Client):
    """openai, Chat Completions."""

    def __init__(self, url: str, stream: bool) -> None:
        self.sdk = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0)
        self.stream = stream
        self.messages: list[Any] = [{"role": "system", "content": SYSTEM}]
        self.tools: list[Any] = [{"type": "function", "function": {"name": "look", "parameters": _SCHEMA}}]

    def ask(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        while True:
            message = self._turn()
            self.messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                return message.content or ""
            for call in message.tool_calls:
                place = json.loads(call.function.arguments)["place"]
                self.messages.append({"role": "tool", "tool_call_id": call.id, "content": f"all is well {place}{self.more}"})

    def _turn(self) -> Any:
        if not self.stream:
            return self.sdk.chat.completions.create(model="gpt-4o", messages=self.messages, tools=self.tools).choices[0].message
        with self.sdk.chat.completions.stream(model="gpt-4o", messages=self.messages, tools=self.tools) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
        for call in message.tool_calls or []:
            call.function.parsed_arguments = None
        return message

    def close(self) -> None:
        self.sdk.close()


class Responses(Client):
    """openai, Responses; the items go back and forth, or the state is kept by the provider."""

    def __init__(self, url: str, stream: bool) -> None:
        self.sdk = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0)
        self.stream = stream
        self.items: list[Any] = []
        self.tools: list[Any] = [{"type": "function", "name": "look", "parameters": _SCHEMA, "strict": False}]

    def ask(self, text: str) -> str:
        self.items.append({"role": "user", "content": text})
        while True:
            response = self._turn()
            calls = []
            for item in response.output:
                kept = item.model_dump(exclude_none=True, exclude={"parsed_arguments"})
                for part in kept.get("content") or []:
                    part.pop("parsed", None)
                self.items.append(kept)
                if item.type == "function_call":
                    calls.append(item)
            if not calls:
                answer: str = response.output_text
                return answer
            for call in calls:
                place = json.loads(call.arguments)["place"]
                self.items.append({"type": "function_call_output", "call_id": call.call_id, "output": f"all is well {place}{self.more}"})

    def _turn(self) -> Any:
        given: dict[str, Any] = {"model": "gpt-4o", "instructions": SYSTEM, "input": self.items, "tools": self.tools, "store": False}
        if not self.stream:
            return self.sdk.responses.create(**given)
        with self.sdk.responses.stream(**given) as events:
            for _ in events:
                pass
            return events.get_final_response()

    def close(self) -> None:
        self.sdk.close()


class Messages(Client):
    """anthropic, Messages."""

    def __init__(self, url: str, stream: bool) -> None:
        self.sdk = anthropic.Anthropic(base_url=url, api_key="sk-ant-test", max_retries=0)
        self.stream = stream
        self.messages: list[Any] = []
        self.tools: list[Any] = [{"name": "look", "input_schema": _SCHEMA}]

    def ask(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        while True:
            message = self._turn()
            content = [block.model_dump(exclude_none=True, exclude={"parsed_output"}) for block in message.content]
            self.messages.append({"role": "assistant", "content": content})
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                return "".join(block.text for block in message.content if block.type == "text")
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": f"all is well {call.input['place']}{self.more}"}
                for call in calls
            ]
            self.messages.append({"role": "user", "content": results})

    def _turn(self) -> Any:
        given: dict[str, Any] = {"model": "claude-opus-5-5", "max_tokens": 1000, "system": SYSTEM}
        given |= {"messages": self.messages, "tools": self.tools}
        if not self.stream:
            return self.sdk.messages.create(**given)
        with self.sdk.messages.stream(**given) as events:
            for _ in events:
                pass
            return events.get_final_message()

    def close(self) -> None:
        self.sdk.close()


class Gemini(Client):
    """google-genai."""

    def __init__(self, url: str, stream: bool) -> None:
        self.sdk = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url))
        self.stream = stream
        self.contents: list[Any] = []
        declaration = types.FunctionDeclaration(name="look", parameters_json_schema=_SCHEMA)
        self.config = types.GenerateContentConfig(
            system_instruction=SYSTEM,
            tools=[types.Tool(function_declarations=[declaration])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def ask(self, text: str) -> str:
        self.contents.append(types.Content(role="user", parts=[types.Part(text=text)]))
        while True:
            parts = self._turn()
            self.contents.append(types.Content(role="model", parts=parts))
            calls = [part.function_call for part in parts if part.function_call]
            if not calls:
                return "".join(part.text or "" for part in parts)
            results = [
                types.Part.from_function_response(name=call.name, response={"result": f"all is well {call.args['place']}{self.more}"})
                for call in calls
            ]
            self.contents.append(types.Content(role="user", parts=results))

    def _turn(self) -> list[Any]:
        given: dict[str, Any] = {"model": "gemini-2.5-flash", "contents": self.contents, "config": self.config}
        if not self.stream:
            return list(self.sdk.models.generate_content(**given).candidates[0].content.parts)  # type: ignore[index, union-attr, arg-type]
        parts: list[Any] = []
        for chunk in self.sdk.models.generate_content_stream(**given):
            for candidate in chunk.candidates or []:
                parts += (candidate.content and candidate.content.parts) or []
        return parts

    def close(self) -> None:
        self.sdk.close()


CLIENTS = (Chat, Responses, Messages, Gemini)
