"""`backstory conformance` as its users see it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys

import pytest

from backstory.app.cli import main
from backstory.app.conformance import sdk
from backstory.app.conformance.asking import Gateway


def test_self_starts_all_it_needs_and_ends_with_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--self", "--only", "anthropic>openai_chat/c", "--no-sdks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "6 passed, 0 failed"  # call, calls and cut, whole and streamed
    assert lines[-2].split(", ") == ["answers 4/4", "faults 2/2"]


def test_a_failure_is_told_and_is_exit_code_one(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy whose provider speaks Chat is no way to a provider of Responses."""
    url = gateway.urls["openai_chat"]
    wrong = ["--only", "asks-system", "--clients", "anthropic", "--providers", "openai_chat,openai_responses", "--no-sdks"]
    assert main(["conformance", url, *wrong]) == 1
    out = capsys.readouterr().out
    assert "FAIL anthropic>openai_responses/asks-system/whole\n" in out
    assert "asked in the words of openai_chat, not of openai_responses" in out
    assert out.splitlines()[-1] == "2 passed, 2 failed"
    assert main(["conformance", url, *wrong, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["failed"], len(told["cases"])) == (2, 2, 4)
    assert main(["conformance", url, *wrong, "--url", f"openai_responses={gateway.urls['openai_responses']}"]) == 0


def test_a_gateway_that_does_not_answer_fails_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert main(["conformance", url, "--only", "gemini>gemini/text", "--no-sdks"]) == 1
    out = capsys.readouterr().out
    assert "no answer: ConnectionRefusedError" in out
    assert out.splitlines()[-1] == "0 passed, 2 failed"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name a BASE_URL"),
        (["--self", "--only", "no-such-case"], "no case is called like 'no-such-case'"),
        (["127.0.0.1:80"], "is no http:// or https:// URL"),
        (["http://127.0.0.1:1", "--clients", "cohere"], "'cohere' is none of anthropic"),
        (["http://127.0.0.1:1", "--model", "gpt-4o"], "--model: WIRE=VALUE"),
        (["--url", "gemini=http://127.0.0.1:1"], "there is no URL for providers of anthropic"),
    ],
)
def test_wrong_options_are_named(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *words, "--no-sdks"]) == 2
    assert told in capsys.readouterr().err


def test_list_names_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--list", "--only", "gemini>anthropic/*text*"]) == 0
    assert capsys.readouterr().out.splitlines() == ["gemini>anthropic/text/whole", "gemini>anthropic/text/stream"]


def test_the_provider_for_other_gateways_says_how_to_point_at_it() -> None:
    command = [sys.executable, "-m", "backstory", "conformance", "--serve-provider", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline() + process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/v1/messages", first)
        try:
            assert found is not None, first
            direct = ["conformance", found.group(1), "--only", "anthropic>anthropic/text", "--no-sdks"]
            assert main(direct) == 0
        finally:
            process.terminate()


def test_sdks_that_are_missing_are_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    assert sdk.missing() == ["anthropic"]
    assert main(["conformance", "--self", "--only", "anthropic>gemini/text"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-2:] == ["not installed, so not tried: the SDKs anthropic", "2 passed, 0 failed"]


def test_serving_pays_nothing_for_the_suite() -> None:
    code = "import sys; import backstory.app.server, backstory.app.cli; print([name for name in sys.modules if 'conformance' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
