"""The models: like texts have like vectors, and what is missing or broken is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy
import pytest

from backstory import vectors as room
from backstory.config import Config
from backstory.config.sections import Vectors
from backstory.core.embedding import Embedder
from backstory.errors import ConfigError, EmbeddingError
from backstory.vectors import check, opened
from backstory.vectors.quantise import from_lists, to_bytes
from backstory.vectors.remote import Remote


def cosine(one: bytes, other: bytes) -> float:
    a, b = (numpy.frombuffer(vector, numpy.int8).astype(float) for vector in (one, other))
    return float(a @ b / (numpy.linalg.norm(a) * numpy.linalg.norm(b)))


@pytest.fixture(scope="module", params=["static", "minilm"])
def model(request: pytest.FixtureRequest) -> Embedder:
    made = opened(Vectors(model=request.param))
    assert made is not None
    return made


def test_like_texts_are_nearer_than_others(model: Embedder) -> None:
    cat, kitten, stocks = model.embed(["The cat sat on the mat.", "A kitten lay on the rug.", "Share prices fell on Monday."])
    assert cosine(cat, kitten) > cosine(cat, stocks) + 0.2


def test_a_text_has_the_same_vector_alone_and_among_others(model: Embedder) -> None:
    texts = ["short", "a longer text about a walk in the rain " * 8, "", "\ud83c\udf32 trees", "x" * 50_000]
    together = model.embed(texts)
    assert len({len(vector) for vector in together}) == 1
    for text, vector in zip(texts, together, strict=True):
        (alone,) = model.embed([text])
        assert not any(vector) or cosine(alone, vector) > 0.99
    assert model.embed([]) == []


def test_none_opens_nothing() -> None:
    assert opened(Vectors()) is None
    check(Vectors())


@pytest.mark.parametrize(("name", "extra"), [("static", "vectors"), ("minilm", "minilm"), ("remote", "vectors")])
def test_a_missing_extra_is_named_before_anything_is_served(monkeypatch: pytest.MonkeyPatch, name: str, extra: str) -> None:
    monkeypatch.setattr(room, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=f"vectors.model {name} .* needs the extra {extra}: make setup EXTRAS={extra}"):
        check(Vectors(model=name))  # type: ignore[arg-type]


def test_weights_are_needed_unless_a_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: None if name == "wordllama" else name)
    with pytest.raises(ConfigError, match="wordllama is not installed"):
        check(Vectors(model="static"))
    check(Vectors(model="static", path=str(tmp_path)))


def test_a_remote_model_needs_address_and_name() -> None:
    for settings in (Vectors(model="remote", url="http://127.0.0.1:1/v1"), Vectors(model="remote", name="m")):
        with pytest.raises(ConfigError, match=r"needs vectors.url .* and vectors.name"):
            check(settings)
        with pytest.raises(ConfigError, match=r"needs vectors.url"):
            opened(settings)


@pytest.mark.parametrize("name", ["static", "minilm"])
def test_a_folder_without_or_with_broken_files_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        opened(Vectors(model=name, path=str(tmp_path)))  # type: ignore[arg-type]
    for file in ("model.safetensors", "tokenizer.json", "model.onnx"):
        (tmp_path / file).write_bytes(b"{}")
    (tmp_path / "tokenizer.json").unlink() if name == "minilm" else None
    with pytest.raises(ConfigError, match=str(tmp_path)):
        opened(Vectors(model=name, path=str(tmp_path)))  # type: ignore[arg-type]


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    from backstory.config import effective  # noqa: PLC0415

    environ = {"HOME": str(tmp_path), "BACKSTORY_VECTORS__API_KEY": "sk-hush"}
    assert Config.load(environ=environ, cwd=tmp_path).vectors.api_key == "sk-hush"
    assert "hush" not in str(effective(environ=environ, cwd=tmp_path))


def test_rows_keep_their_direction_as_bytes_and_what_is_no_number_is_nothing() -> None:
    (made,) = to_bytes(numpy.array([[0.5, -1.0, 0.25]]))
    assert numpy.frombuffer(made, numpy.int8).tolist() == [64, -127, 32]
    assert from_lists([]) == []
    assert to_bytes(numpy.array([[0.0, 0.0]])) == [b"\0\0"]
    assert from_lists([[float("nan"), float("inf")]]) == [b"\0\0"]


class Endpoint(BaseHTTPRequestHandler):
    """Answers as the class attributes say, and remembers what it was asked."""

    answer: Any = None
    status = 200
    seen: ClassVar[list[tuple[str, str, Any]]] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Endpoint.seen.append((self.path, self.headers.get("Authorization", ""), asked))
        default = {"data": [{"index": n, "embedding": [n + 1.0, 2.0]} for n in reversed(range(len(asked["input"])))]}
        body = json.dumps(default if Endpoint.answer is None else Endpoint.answer).encode()
        self.send_response(Endpoint.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Endpoint.answer, Endpoint.status, Endpoint.seen = None, 200, []
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_remote_model_is_asked_in_batches_and_answers_in_order(endpoint: str) -> None:
    made = Remote(endpoint, "tiny", "sk-x").embed([f"text {number}" for number in range(40)])
    assert [len(asked["input"]) for _, _, asked in Endpoint.seen] == [32, 8]
    assert Endpoint.seen[0][:2] == ("/v1/embeddings", "Bearer sk-x")
    assert Endpoint.seen[0][2]["model"] == "tiny"
    assert made[0] == from_lists([[1.0, 2.0]])[0]
    assert made[31] == from_lists([[32.0, 2.0]])[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"error": "no"}),
        (200, {"data": []}),
        (200, {"data": [{"embedding": []}]}),
        (200, {"nothing": 1}),
        (200, {"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}),
        (200, {"data": [{"embedding": [1.0, float("nan")]}]}),
        (200, {"data": [{"embedding": [1e300, 1.0]}]}),
        (200, {"data": [{"embedding": [1.0, -1e38]}]}),
    ],
)
def test_a_remote_model_that_answers_otherwise_is_an_embedding_error(endpoint: str, status: int, answer: object) -> None:
    Endpoint.status, Endpoint.answer = status, answer
    with pytest.raises(EmbeddingError):
        Remote(endpoint, "tiny").embed(["one"])


def test_a_remote_model_that_is_not_there_is_an_embedding_error() -> None:
    with pytest.raises(EmbeddingError, match="remote:tiny"):
        Remote("http://127.0.0.1:9/v1", "tiny").embed(["one"])


@contextmanager
def tarpit(first: bytes, every_s: float) -> Iterator[str]:
    """An endpoint that takes each request, and sends this byte by byte, so slowly."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while not over.is_set():
                client, _ = server.accept()
                threading.Thread(target=drip, args=(client,), daemon=True).start()

    def drip(client: socket.socket) -> None:
        with client, suppress(OSError):
            for byte in first:
                if over.wait(every_s):
                    return
                client.sendall(bytes([byte]))
            over.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        over.set()


@pytest.mark.parametrize("every_s", [0.05, 30.0])
def test_a_remote_model_has_its_time_however_slowly_it_answers(every_s: float) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with tarpit(head + b" " * 1000, every_s) as url:
        began = time.monotonic()
        with pytest.raises(EmbeddingError):
            Remote(url, "tiny", timeout_s=0.4).embed(["one"])
        assert time.monotonic() - began < 3


def test_who_waits_for_a_remote_model_is_let_go_when_it_is_closed() -> None:
    with tarpit(b"", 30.0) as url, ThreadPoolExecutor(1) as pool:
        model = Remote(url, "tiny")
        waiting = pool.submit(model.embed, ["one"])
        time.sleep(0.2)
        assert not waiting.done()
        model.close()
        with pytest.raises(EmbeddingError):
            waiting.result(3)
        with pytest.raises(EmbeddingError, match="closed"):
            model.embed(["another"])
