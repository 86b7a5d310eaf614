"""What the tongues ask of a JSON schema. Rule: however deep a schema is, nothing here calls itself."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from backstory.errors import DocumentError
from backstory.wires.lowering import encode

_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"enum", "const", "default", "example", "examples"})
_UNENFORCED = frozenset({"allOf", "oneOf", "not", "if", "patternProperties", "dependentRequired", "dependentSchemas"})
"""Keywords that OpenAI does not enforce: https://platform.openai.com/docs/guides/structured-outputs."""


def closed(schema: bytes) -> bytes:
    """The schema, its objects without further members; the same object where they have none. DocumentError for what is no JSON."""
    found = _read(schema)
    changed = False
    waiting = [found]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(node.values())
            if node.get("type") == "object" and node.get("additionalProperties") is not False:
                node["additionalProperties"] = False
                changed = True
    return encode(found) if changed else schema


def enforceable(schema: bytes) -> bool:
    """Whether OpenAI can enforce it: all objects are closed, all members required, all arrays say of what, and nothing stands in it that
    it cannot enforce. DocumentError for what is no JSON."""
    return all(_is_closed(node) and not _UNENFORCED & node.keys() for node in _schemas(_read(schema)))


def filled(schema: bytes) -> bytes:
    """The schema, its arrays with `items`, without which OpenAI refuses it; the same object where they have them. It means the same.
    DocumentError for what is no JSON."""
    if b"array" not in schema:
        return schema
    found = _read(schema)
    changed = False
    for node in _schemas(found):
        if _is_array(node) and "items" not in node:
            node["items"] = {}
            changed = True
    return encode(found) if changed else schema


def _schemas(root: object) -> Iterator[dict[str, object]]:
    """Every schema in this one, itself first."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            yield node
            for name, inner in node.items():
                if name in _BY_NAME and isinstance(inner, dict):
                    waiting.extend(inner.values())
                elif name not in _DATA:
                    waiting.append(inner)


def _is_array(node: dict[str, object]) -> bool:
    kind = node.get("type")
    return kind == "array" or (isinstance(kind, list) and "array" in kind)


def _is_closed(node: dict[str, object]) -> bool:
    if _is_array(node):
        return bool(node.get("items"))
    if node.get("type") != "object" and "properties" not in node:
        return True
    members, required = node.get("properties"), node.get("required")
    names = set(members) if isinstance(members, dict) else set()
    listed = {one for one in required if isinstance(one, str)} if isinstance(required, list) else set()
    return node.get("additionalProperties") is False and names == listed


def _read(schema: bytes) -> object:
    try:
        return msgspec.json.decode(schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise DocumentError(f"a schema that is no JSON: {cause}") from cause
