"""The models that a body names which is no JSON as the standard has it, but which somebody upstream may read all the same.

Rule: nothing is edited here, and nothing is decided on it but that a request does not go where its client has not sent it.
"""

from __future__ import annotations

import json
import re

from backstory.core.document import Document
from backstory.errors import DocumentError, RequestError
from backstory.wires import steering

_MODEL = b'"model"'
# Each letter of it, where somebody spells it so.
_ESCAPED = b"\\u006"
# A string, also one that does not end, or a sign that structures; it never has to go back.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]:,]', re.DOTALL)


def sure_model(body: bytes, path: str) -> str:
    """As steering.model_of, where nobody can read another one. Raises RequestError, too."""
    model = steering.model_of(body, path)
    if not steering.in_path(path):
        surely_named(body)
    return model


def surely_named(body: bytes) -> None:
    """RequestError where a body names different models at its top: who reads it may take the first, the last, or neither. A look at a body
    that says `model` once costs next to nothing."""
    found = _several(body)
    if found:
        raise RequestError(f"the request cannot be routed: it names several models ({', '.join(map(repr, found))})")


def _several(body: bytes) -> tuple[str, ...]:
    if body.count(_MODEL) < 2 and _ESCAPED not in body:
        return ()
    try:
        Document(body).member("model")
    except DocumentError:
        pass
    else:
        return ()
    try:
        found = json.loads(body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return ()
    pairs = found if isinstance(found, tuple) else ()
    named = dict.fromkeys([value if isinstance(value, str) else json.dumps(value) for key, value in pairs if key == "model"])
    return tuple(named) if len(named) > 1 else ()


def models_within(body: bytes) -> tuple[str, ...]:
    """What stands for "model" on the top level, each once; ("",) where nothing does. Never raises."""
    text = body.decode(json.detect_encoding(body), "replace")
    found: dict[str, None] = {}
    depth, key, before, opened = 0, "", "", False
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "{[":
            opened = opened or token == "{"
            if not opened:
                break
            depth += 1
        elif token in "}]":
            depth -= 1
        elif depth == 1 and token[0] == '"':
            if before == ":" and key == "model":
                found[_plain(token)] = None
            key = _plain(token) if before != ":" else ""
        before = token
    return tuple(found) or ("",)


def _plain(token: str) -> str:
    """The string, as far as it can be read, with question marks for what is no character."""
    try:
        return str(json.loads(token, strict=False)).encode("utf-8", "replace").decode()
    except ValueError:
        return token.strip('"')
