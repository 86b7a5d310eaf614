"""The models that a body names which is no JSON as the standard has it, but which somebody upstream may read all the same.

Rule: nothing is edited here, and nothing is decided on it but that a request does not go where its client has not sent it.
"""

from __future__ import annotations

import json
import re

# A string, also one that does not end, or a sign that structures; it never has to go back.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]:,]', re.DOTALL)


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
