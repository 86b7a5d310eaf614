"""Texts as models take them."""

from __future__ import annotations


def readable(text: str, most_chars: int) -> str:
    """The beginning of a text, half surrogate pairs (broken clients send them) as question marks."""
    text = text[:most_chars]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
