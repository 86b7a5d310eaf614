"""A scripted provider and the proxy as its users run it: a process of its own, killed and started again at will."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backstory.app.provider import Answer, Received, ScriptedProvider, says
from backstory.core.message import Text, ToolCall, ToolResult
from backstory.core.reply import Reply
from tests.ports import free_port

_CODEWORD = re.compile(r"codeword is ([a-z]+-\d+)")


def knowing(received: Received) -> Reply:
    """A model that knows what reached it: tells a codeword that stands in the prompt, calls the tool when asked to, reads its result."""
    newest = received.messages[-1]
    results = [part.text for part in newest.parts if isinstance(part, ToolResult)]
    if results:
        return says(f"The tool says: {results[0].partition(chr(10))[0]}")
    text = newest.text
    if "use the tool" in text:
        return Reply((Text("Let me look."), ToolCall(f"call_{len(received.messages)}", "look", '{"place":"here"}')), "tool_calls")
    if "What is my codeword" in text:
        found = _CODEWORD.findall(received.text)
        return says(f"Your codeword is {found[0]}." if found else "I do not know your codeword.")
    return says(f"Understood, that was message {len(received.messages)}: ünïcode ✓ 日本 — {text[:40]}")


_COMMAND = (sys.executable, "-m", "backstory", "serve", "--host", "127.0.0.1")


class Provider:
    """The scripted provider on a thread of its own."""

    def __init__(self, answer: Answer = knowing) -> None:
        self._loop = asyncio.new_event_loop()
        self._scripted = ScriptedProvider(answer)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._scripted.start(), self._loop).result(10)

    @property
    def url(self) -> str:
        return self._scripted.url

    @property
    def received(self) -> list[Received]:
        return self._scripted.received

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._scripted.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Of tests that are run without a terminal: what they start would inherit that, and not hear that its own is closed.
    signal.signal(signal.SIGHUP, lambda *_: None)


class Proxy:
    """`backstory serve` in a folder of its own. `settings` are environment variables without BACKSTORY_ in front."""

    def __init__(self, folder: Path, upstream: str, **settings: str) -> None:
        self.folder = folder
        self.upstream = upstream
        self.settings = settings
        self.port = free_port()
        self.server = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "memory.db"

    @property
    def storage(self) -> str:
        """`server`, where that is the URL of a database in one."""
        return self.server or f"sqlite:///{self.database}"

    def start(self) -> Proxy:
        environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        settings = {"RECALL__DEADLINE_MS": "20000"} | self.settings  # memory is late only where a test is about that
        environ |= {f"BACKSTORY_{name}": value for name, value in settings.items()}
        environ |= {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        with (self.folder / "proxy.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*_COMMAND, "--port", str(self.port), "--upstream", self.upstream, "--storage", self.storage],
                stdout=output,
                stderr=output,
                env=environ,
                cwd=self.folder,
            )
        self._wait()
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.process = None
        return code

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return json.loads(reply.read())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the same installation on the same storage."""
        environ = os.environ | {"BACKSTORY_STORAGE__URL": self.storage, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        return subprocess.run(
            [sys.executable, "-m", "backstory", *arguments],
            env=environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def log(self) -> str:
        return (self.folder / "proxy.log").read_text()

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                self.get("/health")
            except OSError:
                if self.process is not None and self.process.poll() is not None:
                    break
                time.sleep(0.03)
            else:
                return
        pytest.fail(f"the proxy did not come up:\n{self.log()}")


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    one = Provider()
    yield one
    one.stop()


@pytest.fixture
def proxy(tmp_path: Path, provider: Provider) -> Iterator[Proxy]:
    provider.received.clear()
    one = Proxy(tmp_path, provider.url).start()
    yield one
    one.stop()


@pytest.fixture
def small_window(tmp_path: Path, provider: Provider) -> Iterator[Proxy]:
    """A proxy whose window is outgrown by a short conversation."""
    provider.received.clear()
    one = Proxy(tmp_path, provider.url, COMPACTION__CONTEXT_WINDOW="1500", RECALL__BUDGET_TOKENS="400").start()
    yield one
    one.stop()


@pytest.fixture
def folding(tmp_path: Path, reader: Provider) -> Iterator[Proxy]:
    """A proxy with a small window before the module's own `reader`."""
    reader.received.clear()
    settings = {"COMPACTION__CONTEXT_WINDOW": "6000", "RECALL__BUDGET_TOKENS": "300", "MEMORY__THRESHOLD_MESSAGES": "4"}
    one = Proxy(tmp_path, reader.url, RECALL__DEADLINE_MS="10000", **settings).start()
    yield one
    one.stop()
