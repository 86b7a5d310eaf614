"""JSON Schema as Claude can be held to it, for translation.

Rule: what Anthropic refuses of a schema is said in its description, as its SDK does it. However deep a schema is, nothing here calls
itself. Keywords: platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations).
"""

from __future__ import annotations

import msgspec

from backstory.core.translation import Asked
from backstory.wires.anthropic.tongue_models import FORMLESS
from backstory.wires.lowering import encode
from backstory.wires.translation.in_json import in_schema
from backstory.wires.translation.schemas import kinds_of, read_schema, schemas_in

_REFUSED = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems",
        "contains", "minContains", "maxContains", "prefixItems", "minProperties", "maxProperties", "patternProperties", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties", "dependentRequired", "dependentSchemas", "discriminator", "not", "if", "then", "else",
    }
)  # fmt: skip
_ONLY_JSON = "Answer with one JSON object and nothing else: no text around it, no code fence."
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})


def for_claude(schema: bytes) -> bytes:
    """The schema, its objects closed and without what Anthropic refuses; the same object where there is nothing of that.
    DocumentError for what is no JSON."""
    found = read_schema(schema)
    changed = False
    for node in schemas_in(found):
        changed = _settle(node) or changed
    return encode(found) if changed else schema


def in_words(asked: Asked) -> str:
    """The instruction to answer as it is asked for, where the model cannot be held to it; "" where it can, or nothing is asked for."""
    if asked.format is None:
        return ""
    schema = asked.format.schema
    return _ONLY_JSON if not schema else in_schema(schema) if FORMLESS.search(asked.model) else ""


def _settle(node: dict[str, object]) -> bool:
    """Makes this one schema fit, and leaves those in it alone. Whether there was something to do."""
    changed = False
    if "object" in kinds_of(node) and node.get("additionalProperties") is not False:
        node["additionalProperties"] = False
        changed = True
    if "oneOf" in node and "anyOf" not in node:
        node["anyOf"] = node.pop("oneOf")
        changed = True
    said = {name: node.pop(name) for name in list(node) if _is_refused(name, node[name])}
    if said:
        rules = ", ".join(f"{name}: {msgspec.json.encode(rule).decode()}" for name, rule in said.items())
        before = node.get("description")
        node["description"] = f"{before}\n\n{{{rules}}}" if before and isinstance(before, str) else f"{{{rules}}}"
    return changed or bool(said)


def _is_refused(name: str, rule: object) -> bool:
    if name == "minItems":
        return rule not in (0, 1)
    return rule not in _FORMATS if name == "format" and isinstance(rule, str) else name in _REFUSED
