"""What known clients send, turn by turn: the same conversation in the shape of each, built by hand from what was seen on the wire.

A shape keeps its history as its client does. `ask` and `tell` give the next request's body, `hear` takes the answer in, `resume` is a new
process of the client that goes on with the conversation.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

SYSTEM = "You help with travel plans."
_CALL = "call_a1"
_RUNTIME = "Runtime: agent=main | session=agent:main:explicit:{0} | sessionId={0} | host=box | model=m"


class Shape:
    """One conversation of one client."""

    wire: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, session: str) -> None:
        self.session = session
        self.items: list[dict[str, Any]] = []

    def headers(self) -> tuple[bytes, ...]:
        """Header lines that name the conversation."""
        return ()

    def ask(self, text: str) -> bytes:
        """The request in which a person says this."""
        raise NotImplementedError

    def tell(self, result: str) -> bytes:
        """The request that brings the result of the tool call."""
        raise NotImplementedError

    def hear(self, text: str, called: bool, number: int) -> None:
        """The answer with this number has come."""
        raise NotImplementedError

    def resume(self) -> None:
        """Another process of the client goes on."""

    def edit(self, text: str) -> bytes:
        """The person's last message is replaced: what followed it is gone."""
        while self.items and not self._asked(self.items[-1]):
            self.items.pop()
        self.items.pop()
        return self.ask(text)

    def _asked(self, item: dict[str, Any]) -> bool:
        return item.get("role") == "user" and "tool_result" not in str(item) and "functionResponse" not in str(item)

    def body(self, **more: Any) -> bytes:
        return json.dumps({"model": "m", **more}, ensure_ascii=False).encode()


class Chat(Shape):
    """openai, Chat Completions."""

    wire = "openai_chat"
    path = "/v1/chat/completions"

    def ask(self, text: str) -> bytes:
        self.items.append({"role": "user", "content": text})
        return self._body()

    def tell(self, result: str) -> bytes:
        self.items.append({"role": "tool", "tool_call_id": _CALL, "content": result})
        return self._body()

    def hear(self, text: str, called: bool, number: int) -> None:
        call = {"id": _CALL, "type": "function", "function": {"name": "look", "arguments": '{"place":"here"}'}}
        self.items.append({"role": "assistant", "content": text} | ({"tool_calls": [call]} if called else {}))

    def _body(self) -> bytes:
        return self.body(messages=[{"role": "system", "content": SYSTEM}, *self.items])


class LastWords(Chat):
    """A chat page that keeps of each answer only its last words."""

    def ask(self, text: str) -> bytes:
        self.items = [item for item in self.items if item["role"] != "tool" and "tool_calls" not in item]
        return super().ask(text)


class Opencode(Chat):
    """opencode: a session header, and quotes around what a person says."""

    def headers(self) -> tuple[bytes, ...]:
        return (b"x-session-id: ses_" + self.session.encode(), b"x-session-affinity: ses_" + self.session.encode())

    def ask(self, text: str) -> bytes:
        return super().ask(f'"{text}"')


class Cline(Chat):
    """Cline: what a person says in an element, and the state of the editor after it; nothing names the session."""

    def ask(self, text: str) -> bytes:
        kind = "user_message" if self.items else "task"
        told = {"type": "text", "text": f"<{kind}>\n{text}\n</{kind}>"}
        around = {"type": "text", "text": f"<environment_details>\n# Current Time\n10:{len(self.items):02}\n</environment_details>"}
        self.items.append({"role": "user", "content": [told, around]})
        return self._body()

    def bare(self, *texts: str) -> bytes:
        """A message of these blocks alone."""
        self.items.append({"role": "user", "content": [{"type": "text", "text": text} for text in texts]})
        return self._body()


class OpenClaw(Chat):
    """OpenClaw: the session is told in the system prompt, and a note of its own follows what a person says."""

    def ask(self, text: str) -> bytes:
        return super().ask(f"[Fri 2026-11-20 16:46 UTC] {text}")

    def _body(self) -> bytes:
        told = {"role": "system", "content": f"{SYSTEM}\n\n## Runtime\n{_RUNTIME.format(self.session)}"}
        internal = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nkeep it short\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
        return self.body(messages=[told, *self.items, {"role": "user", "content": internal}])


class Anthropic(Shape):
    """anthropic: the cache mark moves, and with it strings become lists."""

    wire = "anthropic"
    path = "/v1/messages"

    def ask(self, text: str) -> bytes:
        self.items.append({"role": "user", "content": text})
        return self._body()

    def tell(self, result: str) -> bytes:
        self.items.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": _CALL, "content": result}]})
        return self._body()

    def hear(self, text: str, called: bool, number: int) -> None:
        thought = {"type": "thinking", "thought": "hm", "thinking": "hm", "signature": "c2ln"}
        call = {"type": "tool_use", "id": _CALL, "name": "look", "input": {"place": "here"}}
        self.items.append({"role": "assistant", "content": [thought, {"type": "text", "text": text}, *([call] if called else [])]})

    def _messages(self) -> list[dict[str, Any]]:
        *before, last = self.items
        content = last["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        return [*before, {**last, "content": [*blocks[:-1], {**blocks[-1], "cache_control": {"type": "ephemeral"}}]}]

    def _body(self) -> bytes:
        return self.body(max_tokens=100, system=SYSTEM, messages=self._messages())


class ClaudeCode(Anthropic):
    """Claude Code: its session in a header and in the user id, reminders before the first words, system messages in between."""

    path = "/v1/messages"
    agent = ""

    def headers(self) -> tuple[bytes, ...]:
        agent = (b"x-claude-code-agent-id: " + self.agent.encode(),) if self.agent else ()
        session = b"X-Claude-Code-Session-Id: " + self.session.encode()
        return (b"User-Agent: claude-cli/2.1.329 (external, sdk-cli)", b"anthropic-version: 2023-06-01", session, *agent)

    def _body(self) -> bytes:
        first, *rest = self._messages()
        content = first["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        reminder = {"type": "text", "text": "<system-reminder>\nAs you answer, be brief.\n</system-reminder>\n"}
        noted = {"role": "system", "content": [{"type": "text", "text": "# Environment\nToday's date is 2026-11-20."}]}
        user_id = json.dumps({"device_id": "d", "account_uuid": "", "session_id": self.session})
        return self.body(
            max_tokens=100,
            system=[{"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.{len(rest)};"}, {"type": "text", "text": SYSTEM}],
            messages=[{**first, "content": [reminder, *blocks]}, noted, *rest],
            metadata={"user_id": user_id},
            tools=[{"name": "look", "input_schema": {"type": "object"}}],
        )


class Responses(Shape):
    """openai, Responses: every item is sent back."""

    wire = "openai_responses"
    path = "/v1/responses"

    def ask(self, text: str) -> bytes:
        self.items.append({"role": "user", "content": [{"type": "input_text", "text": text}]})
        return self._body()

    def tell(self, result: str) -> bytes:
        self.items.append({"type": "function_call_output", "call_id": _CALL, "output": result})
        return self._body()

    def hear(self, text: str, called: bool, number: int) -> None:
        self.items.extend(output(text, called, number))

    def _body(self) -> bytes:
        return self.body(instructions=SYSTEM, input=self.items)


class Codex(Responses):
    """Codex: a thread in a header, its own items in front, nothing is kept by the provider."""

    thread = ""

    def headers(self) -> tuple[bytes, ...]:
        thread = (self.thread or self.session).encode()
        return (b"User-Agent: codex_exec/0.169.0", b"session-id: " + self.session.encode(), b"thread-id: " + thread)

    def _body(self) -> bytes:
        place = "<environment_context>\n  <cwd>/tmp/x</cwd>\n  <current_date>2026-11-20</current_date>\n</environment_context>"
        leading = [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": SYSTEM}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": place}]},
        ]
        items = [{"type": "message", **item} if "role" in item else item for item in self.items]
        return self.body(input=[*leading, *items], store=False, prompt_cache_key=self.session)


class Pi(Responses):
    """pi: a session header with an underscore."""

    def headers(self) -> tuple[bytes, ...]:
        return (b"session_id: " + self.session.encode(),)


class Previous(Responses):
    """Responses by previous_response_id: only what is new is sent."""

    previous = ""
    before = ""

    def ask(self, text: str) -> bytes:
        self.before = self.previous
        return super().ask(text)

    def hear(self, text: str, called: bool, number: int) -> None:
        self.items = []
        self.previous = f"resp_{self.session}_{number}"

    def edit(self, text: str) -> bytes:
        self.previous, self.items = self.before, []
        return self.ask(text)

    def _body(self) -> bytes:
        return self.body(input=self.items, **({"previous_response_id": self.previous} if self.previous else {}))


class Conversation(Previous):
    """Responses by a conversation that the provider keeps."""

    def _body(self) -> bytes:
        return self.body(input=self.items, conversation=f"conv_{self.session}")


class References(Responses):
    """The Vercel AI SDK: answers are named by the ids of their items, calls are repeated."""

    def hear(self, text: str, called: bool, number: int) -> None:
        if not called:
            self.items = [item for item in self.items if item.get("role") == "user" or "stays" in item]
        for item in output(text, called, number):
            if item["type"] == "function_call":
                self.items.append({key: item[key] for key in ("type", "call_id", "name", "arguments")})
            elif called or item["type"] == "message":
                self.items.append({"type": "item_reference", "id": f"{item['id']}_{self.session}"} | ({} if called else {"stays": True}))

    def _body(self) -> bytes:
        return self.body(input=[{key: value for key, value in item.items() if key != "stays"} for item in self.items])


class Gemini(Shape):
    """google-genai: thoughts are sent back as parts."""

    wire = "gemini"
    path = "/v1beta/models/m:generateContent"

    def ask(self, text: str) -> bytes:
        self.items.append({"role": "user", "parts": [{"text": text}]})
        return self._body()

    def tell(self, result: str) -> bytes:
        response = {"id": _CALL, "name": "look", "response": {"result": result}}
        self.items.append({"role": "user", "parts": [{"functionResponse": response}]})
        return self._body()

    def hear(self, text: str, called: bool, number: int) -> None:
        self.items.append({"role": "model", "parts": parts(text, called)})

    def _body(self) -> bytes:
        return json.dumps({"contents": self._contents(), "systemInstruction": {"parts": [{"text": SYSTEM}]}}).encode()

    def _contents(self) -> list[dict[str, Any]]:
        return self.items


class GeminiCli(Gemini):
    """Gemini CLI: its context before the first words. After a resume comments are gone, results come twice, ids and thoughts are lost."""

    def headers(self) -> tuple[bytes, ...]:
        return (b"User-Agent: GeminiCLI-tui/0.61.0/gemini-3 (linux; x64; terminal)",)

    def resume(self) -> None:
        self.items = [{**item, "parts": [new for part in item["parts"] for new in self._restored(part)]} for item in self.items]

    def _restored(self, part: dict[str, Any]) -> list[dict[str, Any]]:
        if part.get("thought"):
            return []
        if "functionResponse" in part:
            bare = {"functionResponse": {key: value for key, value in part["functionResponse"].items() if key != "id"}}
            return [bare, bare]
        if "functionCall" in part:
            call = {key: value for key, value in part["functionCall"].items() if key != "id"}
            return [{"functionCall": call, "thoughtSignature": "skip_thought_signature_validator"}]
        return [{"text": re.sub(r"<!--.*?-->", "", part["text"])}]

    def _contents(self) -> list[dict[str, Any]]:
        context = {"text": "<session_context>\nToday's date is Friday.\nMy operating system is: linux\n</session_context>"}
        first, *rest = self.items
        return [{**first, "parts": [context, *first["parts"]]}, *rest]


def output(text: str, called: bool, number: int) -> list[dict[str, Any]]:
    """The output items of a Responses answer."""
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": f"rs_{number}", "summary": []},
        {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
    ]
    if called:
        items.append({"type": "function_call", "id": f"fc_{number}", "call_id": _CALL, "name": "look", "arguments": '{"place":"here"}'})
    return items


def parts(text: str, called: bool) -> list[dict[str, Any]]:
    """The parts of a Gemini answer."""
    call = {"functionCall": {"id": _CALL, "name": "look", "args": {"place": "here"}}, "thoughtSignature": "c2ln"}
    return [{"text": "hm", "thought": True}, {"text": text}, *([call] if called else [])]


def answer(shape: Shape, text: str, called: bool, number: int) -> bytes:
    """The provider's whole answer to a request of this shape."""
    content: dict[str, Any]
    if shape.wire == "anthropic":
        other = Anthropic("")
        other.hear(text, called, number)
        reason = "tool_use" if called else "end_turn"
        content = {"id": f"msg_{number}", "type": "message", "model": "m", "stop_reason": reason, "usage": {}, **other.items[0]}
    elif shape.wire == "openai_chat":
        chat = Chat("")
        chat.hear(text, called, number)
        reason = "tool_calls" if called else "stop"
        content = {"id": f"c_{number}", "model": "m", "choices": [{"index": 0, "message": chat.items[0], "finish_reason": reason}]}
    elif shape.wire == "openai_responses":
        items = [{**item, "id": f"{item['id']}_{shape.session}"} for item in output(text, called, number)]
        content = {"id": f"resp_{shape.session}_{number}", "object": "response", "model": "m", "status": "completed", "output": items}
    else:
        content = {"candidates": [{"content": {"role": "model", "parts": parts(text, called)}, "finishReason": "STOP"}]}
    return json.dumps(content, ensure_ascii=False).encode()


SHAPES: tuple[type[Shape], ...] = (
    Chat, LastWords, Opencode, OpenClaw, Anthropic, ClaudeCode, Responses, Codex, Pi, Previous, Conversation, References, Gemini, GeminiCli,
)  # fmt: skip
NAMED = (Opencode, OpenClaw, ClaudeCode, Codex, Pi, Previous, Conversation, References)
"""Those that say with every request which conversation they are in."""
