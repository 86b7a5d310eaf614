"""Whether a request binds its answer to a form: JSON, a choice, an expression, a grammar. Such an answer is for a program to read.

Servers of open models take more members than the APIs that they are compatible with, whichever of these they speak. Sources:
https://docs.vllm.ai/en/latest/features/structured_outputs.html, https://docs.sglang.ai/advanced_features/structured_outputs.html,
https://github.com/ggml-org/llama.cpp/tree/master/tools/server, https://docs.ollama.com/capabilities/structured-outputs,
https://huggingface.co/docs/text-generation-inference/conceptual/guidance, https://docs.nvidia.com/nim/large-language-models.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document
from backstory.wires.lowering import decode

_BINDING = frozenset(
    {
        "guided_json",
        "guided_choice",
        "guided_regex",
        "guided_grammar",
        "guided_json_object",
        "structured_outputs",
        "structural_tag",
        "json_schema",
        "grammar",
        "grammar_string",
        "regex",
        "regex_pattern",
        "ebnf",
    }
)
"""By any value but those that say nothing."""
_NESTED = ("extra_body", "nvext")
"""Objects that hold such members too: what a client has not spread over the body itself, and NVIDIA's own."""
_LOOKED_AT = _BINDING.union(_NESTED, ("response_format", "format"))
_NOTHING = (b"null", b"false", b'""', b"{}", b"[]")
_PLAIN = ("", "text")


class _Format(Struct, gc=False):
    type: str = ""


_members = msgspec.json.Decoder(dict[str, Raw])
_format = msgspec.json.Decoder(_Format)


def guided(document: Document) -> bool:
    """Whether the body names a form for its answer. DocumentError where its `response_format` cannot be read."""
    found = _LOOKED_AT.intersection(document.keys())
    return any(_binds(name, document.member(name) or b"null", nested=True) for name in found)


def formed(value: bytes | Raw) -> bool:
    """Whether a format, null or an object with a type, is another one than plain text. DocumentError for anything else."""
    raw = bytes(value)
    return raw != b"null" and decode(_format, raw).type not in _PLAIN


def _binds(name: str, raw: bytes, nested: bool) -> bool:
    """`nested`: the objects that hold such members are looked into."""
    if name in _BINDING:
        return raw not in _NOTHING
    if name == "format":
        # A schema by itself, or a word.
        return raw not in (*_NOTHING, b'"text"')
    if name == "response_format":
        return formed(raw)
    if not nested or raw[:1] != b"{":
        return False
    return any(_binds(inner, bytes(value), nested=False) for inner, value in decode(_members, raw).items() if inner in _LOOKED_AT)
