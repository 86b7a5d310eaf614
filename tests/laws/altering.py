"""Clients of every wire that send answers back in another form than they came."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

SYSTEM = "You are the mate of a ship. " * 4


class Given(Struct):
    """One answer: what the model said, "" for nothing, and the arguments of its call, None where it makes none; `id` of the call."""

    text: str
    arguments: dict[str, Any] | None = None
    id: str = ""


_BOLD = re.compile(r"[*][*](.*?)[*][*]")
Form = Callable[[Given], Given]


def _worded(change: Callable[[str], str]) -> Form:
    return lambda given: Given(change(given.text), given.arguments, given.id)


def _mute(given: Given) -> Given:
    return Given("" if given.arguments is not None else given.text, given.arguments, given.id)


def _anew(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _brief(text: str) -> str:
    return "(An earlier answer was left out here.)" if len(text) > 200 else text


FORMS: dict[str, Form] = {
    "exact": _worded(lambda text: text),
    "mute": _mute,
    "unthinking": _worded(lambda text: re.sub(r"<think>.*?</think>\s*", "", text, flags=re.DOTALL)),
    "uncommented": _worded(lambda text: re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).strip()),
    "trimmed": _worded(lambda text: text.strip()),
    "respaced": _worded(lambda text: re.sub(r"\s+", "  \n", text)),
    "anew": _worded(_anew),
    "plain": _worded(lambda text: re.sub(r"[*_`#]", "", text)),
    "rendered": _worded(lambda text: "<p>" + _BOLD.sub(r"<b>\1</b>", text) + "</p>" if text else ""),
    "named": _worded(lambda text: f"Mate: {text}" if text else ""),
    "cut": _worded(lambda text: text if len(text) < 160 else f"{text[:150]}... [cut]"),
    "brief": _worded(_brief),
}
"""What a client may make of each answer."""


def said(dice: random.Random, number: int, calls: bool, own: str = "") -> Given:
    """An answer with a number of its own, as models write them."""
    words = " ".join(dice.choice(("harbour", "compass", "galley", "anchor", "lantern", "cargo")) for _ in range(dice.choice((4, 12, 60))))
    text = dice.choice(
        (
            f"Answer {number}{own}: **{words}**, and `that` is all there is.",
            f"<think>Now what of {number}? {words}.</think>\n\nIt is number {number}{own}, *surely*: {words}.",
            f"Noted as number {number}{own}.\n\n- {words}\n- nothing else",
            json.dumps({"answer": f"Ünit {number}{own}", "words": words, "n": number}),
            f"It is {number}{own}, of course: {words}. <!-- seen {number} -->",
        )
    )
    if not calls:
        return Given(text)
    return Given(
        dice.choice(("", f"Step {number}{own}. I will now look into it.", text)),
        {"place": f"deck {number}{own}", "deep": True},
        f"call_{number}",
    )


class Client:
    """One client: its history, as JSON values of its wire. `true`: what was really said, one after the other; `shown`: what it has of
    each; `has`: its messages."""

    def __init__(self, wire: str, system: str = SYSTEM) -> None:
        self.wire = wire
        self.system = system
        self.items: list[Any] = [{"role": "system", "content": system}] if wire == "openai_chat" else []
        self.true: list[str] = []
        self.shown: list[str] = []
        self.has: list[str] = []
        self.given: list[tuple[int, int, Given]] = []

    def body(self) -> bytes:
        head: dict[str, Any] = {"model": "m"}
        match self.wire:
            case "anthropic":
                head |= {"max_tokens": 100, "system": self.system, "messages": self.items}
            case "openai_chat":
                head |= {"messages": self.items}
            case "openai_responses":
                head |= {"instructions": self.system, "input": self.items, "store": False}
            case _:
                head = {"systemInstruction": {"parts": [{"text": self.system}]}, "contents": self.items}
        return json.dumps(head, ensure_ascii=False).encode()

    def ask(self, text: str) -> None:
        self.true.append(text)
        self.shown.append(text)
        self.has.append(text)
        self.items.append({"role": "user", "parts": [{"text": text}]} if self.wire == "gemini" else {"role": "user", "content": text})

    def hear(self, given: Given, form: Form) -> None:
        """This was answered, and joins the history in this form; so does the result of its call."""
        true, has = self.turns(given), self.turns(form(given))
        self.true += true
        self.shown += has if len(has) == len(true) else [""] * len(true)
        self.has += has
        before = len(self.items)
        self.items += self.written(form(given))
        self.given.append((before, len(self.items), given))
        if given.arguments is not None:
            result = f"The result of {given.id} is {len(self.items)}. " + "A line of the log. " * 30
            self.true.append(result)
            self.shown.append(result)
            self.has.append(result)
            self.items.append(self._result(given.id, result))

    def again(self, form: Form) -> None:
        """Every answer takes this form."""
        moved = 0
        for place, (start, stop, given) in enumerate(self.given):
            items = self.written(form(given))
            self.items[start + moved : stop + moved] = items
            self.given[place] = (start + moved, start + moved + len(items), given)
            moved += len(items) - (stop - start)

    def turns(self, given: Given) -> list[str]:
        """The texts of the turns that an answer becomes."""
        alone = given.arguments is not None and (not given.text or self.wire == "openai_responses")
        return [*([given.text] if given.text else []), *([""] if alone else [])]

    def written(self, given: Given) -> list[Any]:
        """An answer as this wire has it."""
        text, arguments = given.text, given.arguments
        match self.wire:
            case "anthropic":
                content: list[Any] = [{"type": "text", "text": text}] if text else []
                if arguments is not None:
                    content.append({"type": "tool_use", "id": given.id, "name": "look", "input": arguments})
                return [{"role": "assistant", "content": content}]
            case "openai_chat":
                made: dict[str, Any] = {"role": "assistant", "content": text or None}
                if arguments is not None:
                    function = {"name": "look", "arguments": json.dumps(arguments)}
                    made["tool_calls"] = [{"id": given.id, "type": "function", "function": function}]
                return [made]
            case "openai_responses":
                items: list[Any] = []
                if text:
                    items.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
                if arguments is not None:
                    items.append({"type": "function_call", "call_id": given.id, "name": "look", "arguments": json.dumps(arguments)})
                return items
            case _:
                parts: list[Any] = [{"text": text}] if text else []
                if arguments is not None:
                    parts.append({"functionCall": {"name": "look", "args": arguments}})
                return [{"role": "model", "parts": parts}]

    def answer(self, given: Given, number: int) -> bytes:
        """The body of an answer that says this."""
        items = self.written(given)
        body: dict[str, Any]
        match self.wire:
            case "anthropic":
                stop = "end_turn" if given.arguments is None else "tool_use"
                body = {"id": f"msg_{number}", "type": "message", "model": "m", **items[0], "stop_reason": stop}
            case "openai_chat":
                body = {"id": f"c_{number}", "model": "m", "choices": [{"index": 0, "message": items[0], "finish_reason": "stop"}]}
            case "openai_responses":
                output = [{"id": f"item_{number}_{place}", **item} for place, item in enumerate(items)]
                body = {"id": f"resp_{number}", "model": "m", "status": "completed", "output": output}
            case _:
                body = {"candidates": [{"content": items[0], "finishReason": "STOP"}]}
        return json.dumps(body).encode()

    def _result(self, name: str, text: str) -> Any:
        match self.wire:
            case "anthropic":
                return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": name, "content": text}]}
            case "openai_chat":
                return {"role": "tool", "tool_call_id": name, "content": text}
            case "openai_responses":
                return {"type": "function_call_output", "call_id": name, "output": text}
            case _:
                return {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": text}}}]}
