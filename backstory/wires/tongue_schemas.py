"""What the tongues ask of a JSON schema. Rule: however deep a schema is, nothing here calls itself."""

from __future__ import annotations

import msgspec

from backstory.errors import DocumentError
from backstory.wires.lowering import encode


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
    """Whether OpenAI can enforce it: all objects are closed, and all members required. DocumentError for what is no JSON."""
    waiting = [_read(schema)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            if not _is_closed(node):
                return False
            waiting.extend(node.values())
    return True


def _is_closed(node: dict[str, object]) -> bool:
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
