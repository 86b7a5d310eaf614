"""Gemini's grounding and citations, for translation: as OpenAI's `url_citation`, which every wire can be told, and back.

Rule: Gemini counts bytes of UTF-8, OpenAI characters.
"""

from __future__ import annotations

from msgspec import Raw

from backstory.core.translation import Words
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.more import is_object, loose_text
from backstory.wires.translation.tongue import Json


def citations_of(raw: Raw | None, text: str) -> tuple[Raw, ...]:
    """The citations in a text, from groundingMetadata or citationMetadata."""
    if raw is None:
        return ()
    fields = Fields(raw)
    data = text.encode("utf-8", "replace")
    sources = fields.items("citationSources", "citations")
    if sources:
        return tuple(_citation(_place(source, data), source, text) for source in map(Fields, sources))
    chunks = [_source(chunk) for chunk in fields.items("groundingChunks", "grounding_chunks")]
    found: list[Raw] = []
    for support in map(Fields, fields.items("groundingSupports", "grounding_supports")):
        place = _place(support.inner("segment"), data)
        for one in support.items("groundingChunkIndices", "grounding_chunk_indices"):
            index = int(bytes(one)) if bytes(one).isdigit() else -1
            if 0 <= index < len(chunks):
                found.append(_written(place, *chunks[index]))
    return tuple(found) if found else tuple(_written((0, len(text)), *chunk) for chunk in chunks if chunk[0])


def grounding_of(piece: Words) -> Json:
    """The members of a candidate that tell of these citations, {} for none."""
    chunks: list[tuple[str, str]] = []
    supports: list[Json] = []
    for raw in piece.citations:
        outer = Fields(raw) if is_object(raw) else None
        fields = outer.inner("url_citation") or outer if outer is not None else None
        url = loose_text(fields, "url", "uri") if fields is not None else ""
        if fields is None or not url:
            continue
        source = (url, loose_text(fields, "title"))
        if source not in chunks:
            chunks.append(source)
        start, end = fields.count("start_index") or 0, fields.count("end_index") or 0
        before = len(piece.text[:start].encode("utf-8", "replace"))
        inner = piece.text[start:end]
        segment: Json = {"startIndex": before, "endIndex": before + len(inner.encode("utf-8", "replace")), "text": inner}
        supports.append({"segment": segment, "groundingChunkIndices": [chunks.index(source)]})
    if not chunks:
        return {}
    listed = [{"web": {"uri": url, "title": title}} for url, title in chunks]
    return {"groundingMetadata": {"groundingChunks": listed, "groundingSupports": supports}}


def _source(raw: Raw) -> tuple[str, str]:
    chunk = Fields(raw)
    inner = chunk.inner("web", "retrievedContext", "retrieved_context", "maps")
    return ("", "") if inner is None else (loose_text(inner, "uri"), loose_text(inner, "title"))


def _place(segment: Fields | None, data: bytes) -> tuple[int, int]:
    if segment is None:
        return 0, 0
    start, end = segment.count("startIndex", "start_index") or 0, segment.count("endIndex", "end_index") or 0
    return len(data[:start].decode("utf-8", "replace")), len(data[:end].decode("utf-8", "replace"))


def _citation(place: tuple[int, int], source: Fields, text: str) -> Raw:
    return _written(place if place[1] else (0, len(text)), loose_text(source, "uri"), loose_text(source, "title"))


def _written(place: tuple[int, int], url: str, title: str) -> Raw:
    citation = {"type": "url_citation", "start_index": place[0], "end_index": place[1], "title": title or url, "url": url}
    return Raw(encode(citation))
