"""Clients whose instructions declare tools as tags to be written into text (Cline, Roo Code, Kilo Code): their requests with real tools in
place of that, and real calls and results in place of what was written and answered as text.

Rule: a message is told the same way in every request, so that what goes up only grows. What is not understood stays the text that it is.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from msgspec.structs import replace

from backstory.core.translation import Asked, Function, Piece, Result, Said, Sight, Thought, Use, Words
from backstory.wires.lowering import encode
from backstory.wires.reworking.brought_back import CALL_ID
from backstory.wires.reworking.scan import Plain, Scanner, Spoken
from backstory.wires.reworking.text_calls import Shapes, Tool

_SECTION = re.compile(r"^##[ \t]+([a-z][a-z0-9_\-]*)[ \t]*\r?$", re.MULTILINE)
_NEXT = re.compile(r"^(?:#{1,2}[ \t]|={4,})", re.MULTILINE)
_LISTED = re.compile(r"^[ \t]*[-*][ \t]+`?([A-Za-z_][\w\-]*)`?[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_INSIDE = re.compile(r"<([A-Za-z_][\w\-]*)>")
_MOST_TOOLS, _MOST_PARAMETERS = 128, 128
_BESIDE = "<environment_details>"
"""What these clients tell behind a result, which is none of it."""
_NOTE = (
    "Call these tools as functions, by the interface for function calls, one at a time; do not write their tags into your text. "
    "What a tool returns comes back as its result."
)
_SEE_ABOVE = "See the result before."
_FIRST_WORDS = 4000


def declared(asked: Asked) -> dict[str, Function]:
    """The tools that the instructions declare as tags; {} where they declare none, or the same ones are declared as real tools."""
    text = "\n\n".join([one.text for one in asked.system])
    found: dict[str, Function] = {}
    for heading in _SECTION.finditer(text):
        name = heading.group(1)
        end = _NEXT.search(text, heading.end())
        function = _function(name, text[heading.end() : len(text) if end is None else end.start()])
        if function is not None and len(found) < _MOST_TOOLS:
            found.setdefault(name, function)
    native = {tool.name for tool in asked.tools if isinstance(tool, Function)}
    return {} if native & set(found) else found


def _function(name: str, section: str) -> Function | None:
    """The tool that a section describes; None where it has no tags of this name in it."""
    start = section.find(f"<{name}>")
    end = section.find(f"</{name}>", start)
    if start < 0 or end < 0:
        return None
    usage = section[start + len(name) + 2 : end]
    about, _, listed = section[:start].partition("Parameters:")
    told = {found.group(1): found.group(2).strip() for found in _LISTED.finditer(listed.partition("Usage:")[0])}
    properties = {one: {"type": "string", "description": _meaning(told.get(one, ""), nested)} for one, nested in _tags(usage)}
    properties |= {one: {"type": "string", "description": text} for one, text in told.items() if one not in properties}
    required = [one for one in properties if "(required)" in told.get(one, "")]
    schema = encode({"type": "object", "properties": properties, "required": required})
    return Function(name, about.replace("Description:", "", 1).strip()[:_FIRST_WORDS], schema)


def _tags(usage: str) -> list[tuple[str, str]]:
    """The tags at the top of a usage, each once, with the tags within it. What is not closed once is not closed later either."""
    found: dict[str, str] = {}
    bare: set[str] = set()
    at = 0
    while (opening := _INSIDE.search(usage, at)) is not None and len(found) < _MOST_PARAMETERS:
        name = opening.group(1)
        end = -1 if name in bare else usage.find(f"</{name}>", opening.end())
        if end < 0:
            bare.add(name)
        inner = usage[opening.end() : max(end, opening.end())]
        found.setdefault(name, inner.strip() if _INSIDE.search(inner) else "")
        at = max(end, opening.end())
    return list(found.items())


def _meaning(told: str, nested: str) -> str:
    return f"{told}\nIn tags, like this:\n{nested}".strip() if nested else told


def natively(asked: Asked, tools: dict[str, Function]) -> Asked:
    """The request with these tools as real ones, and with real calls of them in what was said."""
    shapes = Shapes([_tool(function) for function in tools.values()], exact=True)
    said: list[Said] = []
    waiting: tuple[Use, ...] = ()
    for number, one in enumerate(asked.said):
        if waiting:
            said.append(replace(one, pieces=_answered(one.pieces, waiting)))
            waiting = ()
            continue
        following = asked.said[number + 1 : number + 2]
        if one.speaker == "assistant" and following and following[0].speaker == "user" and _may_call(asked, one):
            called, waiting = _called(one, shapes, number)
            said.append(called)
        else:
            said.append(one)
    system = (*asked.system, Words(_NOTE))
    return replace(asked, said=tuple(said), tools=(*asked.tools, *tools.values()), system=system, parallel=False)


def _tool(function: Function) -> Tool:
    return Tool(function.name, {}, others=True)


def _may_call(asked: Asked, one: Said) -> bool:
    """Anthropic takes no call behind a thought that the client did not bring back."""
    thinks = asked.reasoning is not None and asked.reasoning.effort != "none" and asked.wire == "anthropic"
    return not any(isinstance(piece, Use) for piece in one.pieces) and (
        not thinks or any(isinstance(piece, Thought) for piece in one.pieces)
    )


def _called(one: Said, shapes: Shapes, number: int) -> tuple[Said, tuple[Use, ...]]:
    """What was said, with calls in it, and these."""
    pieces: list[Piece] = []
    uses: list[Use] = []
    for piece in one.pieces:
        if not isinstance(piece, Words):
            pieces.append(piece)
            continue
        scanner = Scanner("keep", shapes)
        text = ""
        for span in (*scanner.feed(piece.text), *scanner.end()):
            match span:
                case Plain(more):
                    text += more
                case Spoken(calls):
                    pieces += [Words(text.rstrip())] if text.strip() else []
                    text = ""
                    for call in calls:
                        name = blake2b(repr((number, len(uses), call)).encode("utf-8", "replace"), digest_size=12).hexdigest()
                        uses.append(Use(f"call_{CALL_ID}{name}", call.name, call.arguments))
                        pieces.append(uses[-1])
                case _:
                    pass
        if text.strip() or not uses:
            pieces.append(replace(piece, text=text))
    return (replace(one, pieces=tuple(pieces)), tuple(uses)) if uses else (one, ())


def _answered(pieces: tuple[Piece, ...], uses: tuple[Use, ...]) -> tuple[Piece, ...]:
    """What the user's message tells as results: all of it up to what these clients tell beside."""
    beside = next((at for at, piece in enumerate(pieces) if isinstance(piece, Words) and piece.text.lstrip().startswith(_BESIDE)), 0)
    end = beside or len(pieces)
    parts = tuple([piece for piece in pieces[:end] if isinstance(piece, Words | Sight)])
    others = [piece for piece in pieces[:end] if not isinstance(piece, Words | Sight)]
    first, *more = uses
    results = [Result(first.id, first.name, parts), *[Result(use.id, use.name, (Words(_SEE_ABOVE),)) for use in more]]
    return (*results, *others, *pieces[end:])
