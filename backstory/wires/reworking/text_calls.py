"""Calls of tools that a model writes as text, between tags: which tags begin one, and what a whole one says.

Rule: only tools that are known are called, and what cannot be read in full is no call. Values are text as it stands: a value ends at the
first closing tag that the next value, or the end of the call, follows, so there may be tags of every kind in it. docs/virtual-tools.md has
the table of shapes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from backstory.core.translation import Function
from backstory.wires.lowering import encode
from backstory.wires.translation.tongue import text_of

Style: TypeAlias = Literal["calls", "invoke", "json", "function", "tool"]

_NAMED = re.compile(r"""\bname\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_TAG = re.compile(r"\s*<([A-Za-z_][\w.\-]*)>")
_PARAMETER = re.compile(r"""\s*<((?:[A-Za-z_][\w.\-]*:)?parameter)\s([^<>]*)>""")
_PARAMETER_OF = re.compile(r"\s*<(parameter)=([^<>\s]+)\s*>")
_KEYED = re.compile(r"\s*<arg_key>([^<>]*)</arg_key>\s*<(arg_value)>")
_INVOKE = re.compile(r"\s*<((?:[A-Za-z_][\w.\-]*:)?invoke)(\s[^<>]*)>")
_FUNCTION = re.compile(r"\s*<function=([^<>\s]+)\s*>")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_END, _SPACE = re.compile(r"\s*\Z"), re.compile(r"\s*")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_WRAPPERS = frozenset({"tool_call", "function_call", "tool_calls"})
_MOST_WRAPPED = 64
"""Calls in one wrapper."""
_WORDS = {"True": b"true", "False": b"false", "None": b"null"}

_any = msgspec.json.Decoder()
_object = msgspec.json.Decoder(dict[str, Raw])


class TextCall(Struct, frozen=True):
    """A call. `arguments`: JSON text of an object; of a tool that takes free text (`custom`) that text."""

    name: str
    arguments: str
    custom: bool = False


class Kind(Struct, frozen=True):
    """What an opening tag may begin: read in this `style`, up to `close`. `name`: the tool's, where the tag says it."""

    style: Style
    close: str
    name: str = ""
    free: bool = False

    def may_begin(self, sign: str) -> bool:
        """Whether the call's text can begin so."""
        return self.free or self.style == "json" or sign == "<" or (self.style == "tool" and sign == "{")


class Tool(Struct, frozen=True):
    """A tool that may be called. `types`: of its parameters, by name, in JSON schema's words, () for any; `others`: it may have more of
    them; `needed`: some have to be given."""

    name: str
    types: dict[str, tuple[str, ...]]
    others: bool = False
    needed: bool = False
    custom: bool = False


class _Schema(Struct):
    properties: dict[str, Raw] = {}
    required: list[str] = []
    additionalProperties: bool | Raw = True  # noqa: N815 (JSON schema)


class _Property(Struct):
    type: str | list[str] = ""


_schema = msgspec.json.Decoder(_Schema)
_property = msgspec.json.Decoder(_Property)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


def tool_of(function: Function) -> Tool:
    """The tool that a request declares. A schema that cannot be read allows everything."""
    if function.custom:
        return Tool(function.name, {}, custom=True)
    try:
        schema = _schema.decode(function.schema or b"{}")
        types = {name: _types(raw) for name, raw in schema.properties.items()}
    except _UNREADABLE:
        return Tool(function.name, {}, others=True)
    return Tool(function.name, types, not types and schema.additionalProperties is not False, bool(schema.required))


def _types(raw: Raw) -> tuple[str, ...]:
    try:
        found = _property.decode(raw).type
    except _UNREADABLE:
        return ()
    return (found,) if isinstance(found, str) and found else tuple(found)


class Shapes:
    """The shapes in which these tools may be called. `exact`: values are what they are, white space and entities too (of text that was
    written from a call). `lax`: values may have tags in them that come without the other of their pair."""

    def __init__(self, tools: Iterable[Tool], exact: bool = False, lax: bool = False) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._exact = exact
        self._lax = lax

    def laxly(self) -> Shapes:
        """The same, lax."""
        return Shapes(self._tools.values(), self._exact, lax=True)

    def concerns(self, name: str) -> bool:
        """Whether a tag of this name may begin a call."""
        local = name.rpartition(":")[2]
        return local in {"invoke", "function_calls", "function"} or name in _WRAPPERS or name in self._tools

    def opened(self, name: str, more: str) -> Kind | None:
        """What a tag begins. `more`: what it has behind its name."""
        if name in self._tools and not more.strip():
            return Kind("tool", f"</{name}>", name, self._tools[name].custom)
        local, close = name.rpartition(":")[2], f"</{name}>"
        if local == "function_calls" and not more.strip():
            return Kind("calls", close)
        if local == "invoke":
            found = self._known(_attribute(more))
            return None if found is None else Kind("invoke", close, found.name, found.custom)
        if name == "function" and more.startswith("="):
            found = self._known(more[1:].strip())
            return None if found is None else Kind("function", close, found.name, found.custom)
        return Kind("json", close) if name in _WRAPPERS and not more.strip() else None

    def read(self, kind: Kind, body: str, cut: bool = False) -> tuple[TextCall, ...]:
        """The calls that this says; () where it says none. `cut`: its closing tag is missing, because the text has ended: a wrapper
        around whole calls can be read all the same."""
        if cut:
            return self._wrapped(body) if kind.style == "calls" else self._inside(body) if kind.style == "json" else ()
        match kind.style:
            case "calls":
                return self._wrapped(body)
            case "json":
                return self._inside(body)
            case _:
                found = self._call(kind, body)
                return () if found is None else (found,)

    def _known(self, name: str) -> Tool | None:
        """The tool of this name, or of its last part where that alone is known."""
        return self._tools.get(name) or self._tools.get(re.split(r"[.:/]", name)[-1])

    def _wrapped(self, body: str) -> tuple[TextCall, ...]:
        """Calls, one after the other, and nothing else."""
        found: list[TextCall] = []
        at = 0
        while _END.match(body, at) is None and len(found) < _MOST_WRAPPED:
            opening = _INVOKE.match(body, at)
            kind = None if opening is None else self.opened(opening.group(1), opening.group(2))
            if opening is None or kind is None:
                return ()
            call, at = self._first(kind, body, opening.end(), _INVOKE)
            if call is None:
                return ()
            found.append(call)
        return tuple(found) if _END.match(body, at) else ()

    def _first(self, kind: Kind, body: str, start: int, following: re.Pattern[str]) -> tuple[TextCall | None, int]:
        """The call that begins here, and where it ends."""
        end = body.find(kind.close, start)
        while end >= 0:
            stop = end + len(kind.close)
            if _END.match(body, stop) or following.match(body, stop):
                call = self._call(kind, body[start:end])
                if call is not None:
                    return call, stop
            end = body.find(kind.close, stop)
        return None, 0

    def _inside(self, body: str) -> tuple[TextCall, ...]:
        """What stands in a <tool_call>: JSON, a <function=name>, or a name with <arg_key> and <arg_value>."""
        text = body.strip()
        if text[:1] in {"{", "["}:
            return self._json(text)
        opening = _FUNCTION.match(text)
        if opening is not None:
            kind = self.opened("function", f"={opening.group(1)}")
            call, at = self._first(kind, text, opening.end(), _FUNCTION) if kind is not None else (None, 0)
            return (call,) if call is not None and _END.match(text, at) else ()
        name = re.split(r"[\s<]", text, maxsplit=1)[0]
        tool = self._known(name)
        if tool is None or tool.custom:
            return ()
        given = self._values(tool, text[len(name) :], _KEYED, lambda found: (found.group(1).strip(), found.group(2)))
        return () if given is None else (TextCall(tool.name, given),)

    def _json(self, text: str) -> tuple[TextCall, ...]:
        try:
            value = _any.decode(text)
        except _UNREADABLE:
            return ()
        found = [self._json_call(one) for one in (value if isinstance(value, list) else [value])]
        calls = tuple([call for call in found if call is not None])
        return calls if calls and len(calls) == len(found) <= _MOST_WRAPPED else ()

    def _json_call(self, value: object) -> TextCall | None:
        if isinstance(value, dict) and isinstance(value.get("function"), dict):
            value = value["function"]
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            return None
        tool = self._known(value["name"])
        given: object = next((value[key] for key in ("arguments", "parameters", "input") if key in value), {})
        if tool is None:
            return None
        if tool.custom:
            return TextCall(tool.name, given, custom=True) if isinstance(given, str) else None
        if isinstance(given, str):
            return TextCall(tool.name, given) if _is_object(given) else None
        return TextCall(tool.name, text_of(encode(given))) if isinstance(given, dict) else None

    def _call(self, kind: Kind, body: str) -> TextCall | None:
        """A call whose tool is known, from what stands between its tags."""
        tool = self._tools[kind.name]
        if tool.custom:
            return TextCall(tool.name, _free(body), custom=True)
        if kind.style == "tool":
            if body.strip()[:1] == "{":
                return TextCall(tool.name, body.strip()) if _is_object(body) else None
            if tool.needed and not body.strip():
                return None
            given = self._values(tool, body, _TAG, lambda found: (found.group(1), found.group(1)))
        elif kind.style == "function":
            given = self._values(tool, body, _PARAMETER_OF, lambda found: (found.group(2), found.group(1)))
        else:
            given = self._values(tool, body, _PARAMETER, lambda found: (_attribute(found.group(2)), found.group(1)), spaced=True)
        return None if given is None else TextCall(tool.name, given)

    def _values(
        self, tool: Tool, body: str, opens: re.Pattern[str], named: Callable[[re.Match[str]], tuple[str, str]], spaced: bool = False
    ) -> str | None:
        """The values, as a JSON object; None where it cannot be read. `named`: a parameter's name, and that of its tag. `spaced`: white
        space around a value is part of it."""

        def known(at: int) -> tuple[str, str, int] | None:
            found = opens.match(body, at)
            if found is None:
                return None
            name, tag = named(found)
            return (name, tag, found.end()) if name and (tool.others or name in tool.types) else None

        given: dict[str, Raw] = {}
        at = 0
        while _END.match(body, at) is None:
            opening = known(at)
            if opening is None or opening[0] in given:
                return None
            name, tag, start = opening
            end = _ends(body, start, tag, lambda stop: known(stop) is not None, self._lax)
            if end < 0:
                return None
            given[name] = Raw(self._typed(tool.types.get(name, ()), body[start:end], spaced))
            at = end + len(tag) + 3
        return text_of(encode(given))

    def _typed(self, types: tuple[str, ...], text: str, spaced: bool) -> bytes:
        """A value as JSON, of one of these types if it can be."""
        if self._exact:
            return encode(text[1:-1] if len(text) > 1 and text[0] == text[-1] == "\n" else text)
        text = _unwrapped(text, spaced)
        bare = text.strip()
        if types and (types != ("string",)) and ("string" not in types or (bare == "null" and "null" in types)):
            return _json_value(bare) or encode(text)
        if not types and bare[:1] in {"{", "["}:
            return _json_value(bare) or encode(text)
        return encode(text)


def _attribute(text: str) -> str:
    found = _NAMED.search(text)
    return "" if found is None else html.unescape(found.group(1) or found.group(2) or "").strip()


def _ends(body: str, start: int, tag: str, follows: Callable[[int], bool], lax: bool) -> int:
    """Where a value ends: at the first closing tag with the next value, or nothing, behind it. -1 for nowhere. Tags of the same name within
    it come in pairs, and CDATA is closed: `lax` takes what is not so, too."""
    close = f"</{tag}>"
    at, depth = start, 0
    if body.startswith(_CDATA, _past(body, start)):
        at = _cdata_ends(body, start, close)
        if at < 0 and not lax:
            return -1
        at = max(at, start)
    for found in re.compile(rf"<{re.escape(tag)}(?=[\s>=])|{re.escape(close)}").finditer(body, at):
        if found.group() != close:
            depth += 1
        elif depth and not lax:
            depth -= 1
        elif follows(found.end()) or _END.match(body, found.end()):
            return found.start()
    return -1


def _cdata_ends(body: str, start: int, close: str) -> int:
    """Where the closing tag stands behind CDATA; -1 for nowhere."""
    inside = body.find(_CDATA_END, start)
    while inside >= 0:
        at = _past(body, inside + len(_CDATA_END))
        if body.startswith(close, at):
            return at
        inside = body.find(_CDATA_END, inside + 1)
    return -1


def _past(text: str, at: int) -> int:
    """Where the white space ends that begins here."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _unwrapped(text: str, spaced: bool) -> str:
    """A value without what only belongs to its being written so: CDATA, line breaks next to its tags, entities where all of it is XML."""
    bare = text.strip()
    if bare.startswith(_CDATA) and bare.endswith(_CDATA_END) and len(bare) >= len(_CDATA) + len(_CDATA_END):
        return bare[len(_CDATA) : -len(_CDATA_END)]
    if not spaced:
        text = _free(text) if "\n" in bare else bare
    if "&" in text and "<" not in text and "&" not in _ENTITY.sub("", text):
        return _ENTITY.sub(lambda found: html.unescape(found.group()), text)
    return text


def _free(text: str) -> str:
    """Text without the line break behind its opening tag, and that before its closing tag."""
    text = re.sub(r"\A[ \t]*\r?\n", "", text)
    return re.sub(r"\r?\n[ \t]*\Z", "", text)


def _is_object(text: str) -> bool:
    try:
        _object.decode(text)
    except _UNREADABLE:
        return False
    return True


def _json_value(text: str) -> bytes:
    """The JSON that this is; b"" for none."""
    if text in _WORDS:
        return _WORDS[text]
    try:
        _any.decode(text)
    except _UNREADABLE:
        return b""
    return text.encode("utf-8", "replace")
