"""JSON Schema and Gemini's schemas, for translation.

Rule: a keyword that Gemini refuses is said with those that it takes where that means the same, and is told as lost where not.
Keywords: ai.google.dev/api/generate-content (responseJsonSchema) and ai.google.dev/api/caching#Schema.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from backstory.wires.lowering import encode
from backstory.wires.translation.more import Losing, value

_Schema: TypeAlias = "dict[str, object]"

_TAKEN = frozenset(
    {
        "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems", "minItems", "maxItems",
        "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required", "propertyOrdering", "nullable",
        "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "default",
    }
)  # fmt: skip
# They say nothing of what is valid.
_REMARKS = frozenset({"$schema", "$comment", "examples", "deprecated", "readOnly", "writeOnly"})
_SCHEMAS_BY_NAME = frozenset({"properties", "$defs"})
_LISTS = frozenset({"anyOf", "oneOf", "prefixItems"})
_ONE = frozenset({"items", "additionalProperties"})
_NUMBERS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
# What only Gemini's own schemas have, and what is spelled otherwise there.
_OWN = frozenset({"nullable", "propertyOrdering", "type"})
# The API takes both spellings; Google's SDK for Python sends these.
_SPELLED = {
    "any_of": "anyOf", "one_of": "oneOf", "prefix_items": "prefixItems", "additional_properties": "additionalProperties",
    "property_ordering": "propertyOrdering", "min_items": "minItems", "max_items": "maxItems", "min_length": "minLength",
    "max_length": "maxLength", "min_properties": "minProperties", "max_properties": "maxProperties", "defs": "$defs", "ref": "$ref",
}  # fmt: skip
_WHOLE = re.compile("[0-9]{1,18}")
_DEEPEST = 100


def for_gemini(schema: bytes, under: str, losing: Losing) -> object:
    """A JSON schema as Gemini takes it. `under`: how what gets lost is called."""
    return _cleaned(value(schema), under, losing, 0)


def from_gemini(schema: bytes) -> bytes:
    """The JSON schema that a schema of Gemini's own kind (types in capitals, `nullable`) stands for."""
    return encode(_plain(value(schema), 0))


def _cleaned(schema: object, under: str, losing: Losing, depth: int) -> object:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema
    found: _Schema = {}
    for name, inner in _settled(schema).items():
        if name in _REMARKS:
            continue
        if name not in _TAKEN:
            losing.lose(f"{under}.{name}")
        elif name == "$ref" and isinstance(inner, str):
            found[name] = inner.replace("#/definitions/", "#/$defs/")
        elif name in _SCHEMAS_BY_NAME and isinstance(inner, dict):
            found[name] = {key: _cleaned(one, under, losing, depth + 1) for key, one in inner.items()}
        elif name in _LISTS and isinstance(inner, list):
            found[name] = [_cleaned(one, under, losing, depth + 1) for one in inner]
        elif name in _ONE:
            found[name] = _cleaned(inner, under, losing, depth + 1)
        else:
            found[name] = inner
    return found


def _settled(schema: _Schema) -> _Schema:
    """The same schema, with some keywords said in others."""
    found = dict(schema)
    if "const" in found:
        found.setdefault("enum", [found.pop("const")])
    if "definitions" in found:
        found.setdefault("$defs", found.pop("definitions"))
    for bound, name, step in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        limit = found.get(name)
        if found.get("type") == "integer" and isinstance(limit, int) and not isinstance(limit, bool) and bound not in found:
            found.pop(name)
            found[bound] = limit + step
    parts = found.get("allOf")
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict) and not (parts[0].keys() & found.keys()):
        found |= _settled(parts[0])
        found.pop("allOf")
    return found


def _plain(schema: object, depth: int) -> object:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema
    spelled: _Schema = {_SPELLED.get(str(name), str(name)): inner for name, inner in schema.items()}
    found: _Schema = {}
    for name, inner in spelled.items():
        if name in _SCHEMAS_BY_NAME and isinstance(inner, dict):
            found[name] = {key: _plain(one, depth + 1) for key, one in inner.items()}
        elif name in _LISTS and isinstance(inner, list):
            found[name] = [_plain(one, depth + 1) for one in inner]
        elif name in _ONE:
            found[name] = _plain(inner, depth + 1)
        elif name == "$ref" and isinstance(inner, str):
            found[name] = inner.replace("#/defs/", "#/$defs/")
        elif name in _NUMBERS and isinstance(inner, str) and _WHOLE.fullmatch(inner):
            found[name] = int(inner)
        elif name not in _OWN:
            found[name] = inner
    choices = found.get("anyOf")
    return found | (_union(choices, spelled) if isinstance(choices, list) else _kind(spelled))


def _union(choices: list[object], schema: _Schema) -> _Schema:
    """`anyOf` with these, and `type` where it says no other than they do: Google's SDK for Python says OBJECT of every union."""
    kinds = {str(one["type"]) for one in choices if isinstance(one, dict) and "type" in one}
    nothing: list[object] = [{"type": "null"}] if schema.get("nullable") is True else []
    kind = {} if kinds - {str(schema.get("type")).lower()} else _kind(schema)
    return {**kind, "anyOf": [*choices, *nothing]}


def _kind(schema: _Schema) -> _Schema:
    """`type`, and `enum` where null is one more value of it."""
    kind, nullable = schema.get("type"), schema.get("nullable") is True
    if not isinstance(kind, str):
        return {} if kind is None else {"type": kind}
    found: _Schema = {} if kind == "TYPE_UNSPECIFIED" else {"type": [kind.lower(), "null"] if nullable else kind.lower()}
    values = schema.get("enum")
    return {**found, "enum": [*values, None]} if nullable and isinstance(values, list) else found
