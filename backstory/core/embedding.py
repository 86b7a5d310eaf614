"""What a model of text vectors is to the others: something that turns texts into vectors, and how far these may be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Trust(Struct, frozen=True):
    """`weight`: what the unit nearest in meaning gains, as a share of the best match in words. `enough`: a question
    is about a conversation from this sum on: the share of its words that the best unit has, and the cosine of the nearest; 0: the model's
    cosines are not known well enough, and only words tell."""

    weight: float
    enough: float


class Embedder(Protocol):
    """`model` names the model and its version: vectors of different models cannot be compared. Calls block and may come from any thread."""

    model: str
    trust: Trust

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """A vector for each text: signed bytes, all of one length, of which only the direction means anything. Zeros for a text in which
        the model finds nothing. Raises EmbeddingError."""
        ...

    def close(self) -> None:
        """Nothing is asked any more: whoever waits for somebody else's answer gets an EmbeddingError. A second call does nothing."""
        ...
