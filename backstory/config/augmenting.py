"""The settings of augmentation.py, checked: what is wrong with them is told by key and place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from backstory.config.augmentation import Augmentation, HeaderRow, Parameters
from backstory.config.routing import BUILT_IN, route_problem
from backstory.core.selectors import PARAMETERS, suggest

_SET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ACTIONS = ("pass", "drop", "set")
# What frames a message, says what is in it, or pays for it, is nobody's identity.
_NO_IDENTITY = frozenset(
    {
        "accept", "accept-encoding", "anthropic-version", "api-key", "authorization", "connection", "content-encoding", "content-length",
        "content-type", "cookie", "date", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
        "te", "trailer", "transfer-encoding", "upgrade", "x-api-key", "x-goog-api-key",
    }
)  # fmt: skip


def problems(given: Augmentation, providers: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """What is wrong: key, steps inside its value (".set.top_p", "[0].model"), text. `providers`: the names of those that are listed."""
    known = {*BUILT_IN, *providers}
    for index, override in enumerate(given.overrides):
        yield from [("overrides", f"[{index}]{steps}", text) for steps, text in _matching(override.model, override.set)]
    for index, row in enumerate(given.reasoning):
        yield from [("reasoning", f"[{index}]{steps}", text) for steps, text in _matching(row.model, row.set)]
        if not _SET_NAME.fullmatch(row.name):
            yield "reasoning", f"[{index}].name", f"a name is letters, digits, - and _, and begins with a letter, not {row.name!r}"
    for key, pattern in (("edit_precision", given.edit_precision.models), ("planning", given.planning.models)):
        text = _pattern(pattern) if pattern else ""
        if text:
            yield f"{key}.models", "", text
    for key, route in (("planning", given.planning.route), ("auxiliary", given.auxiliary.route)):
        text = route_problem(route, known)
        if text:
            yield f"{key}.route", "", text
    yield from [("planning.set", steps, text) for steps, text in _words(given.planning.set)]
    if given.first_prompt.append and given.first_prompt.append_file:
        yield "first_prompt.append_file", "", "first_prompt.append is set too; only one of them can be"
    for index, header in enumerate(given.client_headers):
        yield from [("client_headers", f"[{index}]{steps}", text) for steps, text in _header(header, known)]


def _matching(pattern: str, parameters: Parameters) -> Iterator[tuple[str, str]]:
    text = _pattern(pattern)
    if text:
        yield ".model", text
    if not parameters.told():
        yield ".set", f"nothing is set (there are {', '.join(parameters.__struct_fields__)})"
    yield from [(f".set{steps}", text) for steps, text in _words(parameters)]


def _words(parameters: Parameters) -> Iterator[tuple[str, str]]:
    for name, bounds in PARAMETERS.items():
        value = getattr(parameters, name)
        if bounds.words and value is not None and value not in bounds.words:
            yield f".{name}", f"expected one of {', '.join(bounds.words)}, got {value!r}{suggest(value, bounds.words)}"


def _pattern(pattern: str) -> str:
    if not pattern:
        return "an empty pattern matches every model: spell that . (a point)"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"no regular expression: {error}"
    return ""


def _header(row: HeaderRow, known: set[str]) -> Iterator[tuple[str, str]]:
    name = row.header.lower()
    if not _HEADER_NAME.fullmatch(name):
        yield ".header", f"no name of a header: {row.header!r}"
    elif name in _NO_IDENTITY or name.startswith("x-vc-"):
        yield ".header", f"{row.header} is none that says who a client is"
    if row.action not in _ACTIONS:
        yield ".action", f"expected one of {', '.join(_ACTIONS)}, got {row.action!r}{suggest(row.action, _ACTIONS)}"
    elif (row.action == "set") != bool(row.value):
        yield ".value", "a header that is set needs a value" if row.action == "set" else f"a header with action {row.action} has no value"
    if not row.value.isascii() or not (row.value.isprintable() and row.value == row.value.strip()):
        yield ".value", "a value is visible ASCII characters"
    for at, backend in enumerate(row.backends):
        if backend not in known:
            yield f".backends[{at}]", f"no provider {backend!r}{suggest(backend, known)} (there are {', '.join(sorted(known))})"
