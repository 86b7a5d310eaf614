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


def enforceable(schema: bytes) -> bool:
    """Whether OpenAI can enforce it: all objects are closed, all members required, all arrays say of what, and nothing stands in it that
    it cannot enforce. DocumentError for what is no JSON."""
    return all(_is_closed(node) and not _UNENFORCED & node.keys() for node in schemas_in(read_schema(schema)))


def filled(schema: bytes) -> bytes:
    """The schema, its arrays with `items`, without which OpenAI refuses it; the same object where they have them. It means the same.
    DocumentError for what is no JSON."""
    if b"array" not in schema:
        return schema
    found = read_schema(schema)
    changed = False
    for node in schemas_in(found):
        if "array" in kinds_of(node) and "items" not in node:
            node["items"] = {}
            changed = True
    return encode(found) if changed else schema


def schemas_in(root: object) -> Iterator[dict[str, object]]:
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


def kinds_of(node: dict[str, object]) -> list[object]:
    """The types that it names."""
    kind = node.get("type")
    return kind if isinstance(kind, list) else [kind]


def read_schema(schema: bytes) -> object:
    """Its value. DocumentError for what is no JSON."""
    try:
        return msgspec.json.decode(schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise DocumentError(f"a schema that is no JSON: {cause}") from cause


def _is_closed(node: dict[str, object]) -> bool:
    if "array" in kinds_of(node):
        return bool(node.get("items"))
    if node.get("type") != "object" and "properties" not in node:
        return True
    members, required = node.get("properties"), node.get("required")
    names = set(members) if isinstance(members, dict) else set()
    listed = {one for one in required if isinstance(one, str)} if isinstance(required, list) else set()
    return node.get("additionalProperties") is False and names == listed
