"""A table of vectors for pieces of words: a text is the mean of its pieces. Some 30 us a text, no network to run.

The table is that of WordLlama (256 numbers for each of 32,000 pieces, MIT, https://github.com/dleemiller/WordLlama), which comes in its
package. A folder with `model.safetensors` and `tokenizer.json` works as well (the files of a model2vec model, for instance).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
from tokenizers import Tokenizer

from backstory.core.embedding import Trust
from backstory.errors import ConfigError
from backstory.vectors.files import fingerprint, given, packaged
from backstory.vectors.quantise import to_bytes
from backstory.vectors.texts import readable

_WEIGHTS, _PIECES = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"
_LONGEST_CHARS = 4000
_KINDS = {"F16": numpy.float16, "F32": numpy.float32}


class StaticTable:
    """See Embedder. The table stays in the file: only the rows that texts need are in memory."""

    trust = Trust(weight=0.2, enough=0.55)

    def __init__(self, folder: str = "") -> None:
        if folder:
            weights, pieces = given(folder, "model.safetensors", "tokenizer.json")
        else:
            weights, pieces = packaged("wordllama", _WEIGHTS, "vectors"), packaged("wordllama", _PIECES, "vectors")
        self.model = f"static:{fingerprint(weights)}"
        self._table = _matrix(weights)
        self._tokenizer = Tokenizer.from_file(str(pieces))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def close(self) -> None:
        """See Embedder."""

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """See Embedder."""
        rows = numpy.zeros((len(texts), self._table.shape[1]), numpy.float32)
        for number, text in enumerate(texts):
            pieces = self._tokenizer.encode(readable(text, _LONGEST_CHARS), add_special_tokens=False).ids
            known = [piece for piece in pieces if piece < len(self._table)]
            if known:
                rows[number] = self._table[known].mean(axis=0, dtype=numpy.float32)
        return to_bytes(rows)


def _matrix(path: Path) -> numpy.ndarray[Any, Any]:
    """The only matrix of a safetensors file (https://github.com/huggingface/safetensors: length, JSON header, numbers), mapped."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        matrices = [part for name, part in header.items() if name != "__metadata__" and len(part["shape"]) == 2]
        kind, shape, start = _KINDS[matrices[0]["dtype"]], tuple(matrices[0]["shape"]), matrices[0]["data_offsets"][0]
        return numpy.memmap(path, dtype=kind, mode="r", offset=8 + size + start, shape=shape)
    except (ValueError, KeyError, IndexError, TypeError, OSError) as error:
        raise ConfigError(f"vectors.path: {path} holds no matrix of 16 or 32 bit numbers: {error}") from error
