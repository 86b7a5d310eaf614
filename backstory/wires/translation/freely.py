"""Tools that take free text ("custom" ones), and what becomes of them where a wire has none: functions of one string.

Rule: the free text goes up and comes back as it is; its grammar is told in the tool's description where nothing
enforces it.
Shapes of a format: platform.openai.com/docs/guides/function-calling#context-free-grammars; Responses says flatly
what Chat Completions nests.
"""

from __future__ import annotations

from msgspec import Raw

from backstory.core.translation import Asked, Function
from backstory.errors import DocumentError
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.tongue import Json, object_of

INPUT_SCHEMA = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
"""The arguments of a tool that takes free text, where a wire has no such tools."""


def customs(asked: Asked) -> frozenset[str]:
    """The names of the client's tools that take free text."""
    return frozenset([tool.name for tool in asked.tools if isinstance(tool, Function) and tool.custom])


def described(tool: Function) -> str:
    """What a tool says of itself; of one of free text, with the grammar of that."""
    form = object_of(Raw(tool.schema)) if tool.custom and tool.schema else None
    if form is None:
        return tool.description
    try:
        grammar, syntax = form.text("definition"), form.text("syntax")
    except DocumentError:
        return tool.description
    kind = {"lark": "Lark grammar", "regex": "regular expression"}.get(syntax, "grammar")
    return f"{tool.description}\n\nIts input is text of this {kind}:\n{grammar}".strip() if grammar else tool.description


def flat_format(form: Raw) -> bytes:
    """The format of a tool of free text, in Chat Completions' words, as Responses says it: so a Function has it."""
    fields = object_of(form)
    try:
        inner = None if fields is None else fields.inner("grammar")
    except DocumentError:
        inner = None
    return bytes(form) if inner is None else encode({"type": "grammar", **dict(inner.rest())})


def nested_format(form: bytes) -> Raw:
    """The other way round."""
    fields = object_of(Raw(form))
    members = {} if fields is None else dict(fields.rest())
    if "definition" not in members:
        return Raw(form)
    kind = members.pop("type", Raw(b'"grammar"'))
    nested: Json = {"type": kind, "grammar": members}
    return Raw(encode(nested))


def wrapped(text: str) -> str:
    """Free text as arguments."""
    return encode({"input": text}).decode()


def unwrapped(arguments: str) -> str:
    """The free text in arguments, their one member; the arguments themselves where they are nothing like it."""
    try:
        fields = Fields(arguments.encode("utf-8", "replace"))
        text = fields.text("input")
    except DocumentError:
        return arguments
    return arguments if fields.rest() else text
