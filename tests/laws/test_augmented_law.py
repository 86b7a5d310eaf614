"""What is set up for others leaves every byte as it came; what is appended to a first message stays where it is as a conversation grows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.app.gateway.augment import _with_text
from backstory.config.augmentation import (
    Auxiliary,
    Context,
    EditPrecision,
    FirstPrompt,
    OverrideRow,
    Parameters,
    Planning,
    ReasoningRow,
)
from backstory.wires import WIRES
from backstory.wires.unread import models_within
from tests.laws.test_untouched_law import BODY, PATH_OF, Script, answers, exchange
from tests.rig import PATHS, asking, reply, rig
from tests.rig import settings as configured

FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
TEXT = "Answer in verse. ünïcode ✓"
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


def _names_several(body: bytes) -> bool:
    """Whether a body names different models at its top."""
    try:
        read = json.loads(body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return False
    models = [json.dumps(value) for key, value in read if key == "model"] if isinstance(read, tuple) else []
    return len(set(models)) > 1


def test_whatever_is_set_up_for_others_changes_nothing(tmp_path: Path) -> None:
    script = Script()
    config = replace(
        configured(tmp_path),
        overrides=(OverrideRow("^never$", Parameters(temperature=0.5)),),
        reasoning=(ReasoningRow("deep", Parameters(reasoning_effort="high")),),
        edit_precision=EditPrecision(enabled=True),
        planning=Planning(route="openai:gpt-5", models="^never$"),
        auxiliary=Auxiliary(route="openai:gpt-5", kinds=()),
        context=Context(enforce=True),
    )
    with asyncio.Runner() as runner:
        context = rig(config, script)
        one = runner.run(context.__aenter__())

        @FEW
        @example("/v1/messages", b'{"model":"","model":"#","":[]}', [reply(b"{}")])
        @example("/v1/embeddings", b'["model","model"]', [reply(b"{}")])
        @given(PATH_OF, BODY, answers())
        def law(path: str, body: bytes, answer: list[bytes]) -> None:
            # Where there are routes, names with these signs are selectors, and refused where they are none.
            assume(not any(set(model) & set("!|^:") for model in models_within(body)))
            # Where there are routes, nobody can tell where a body goes that names several (tests/app/test_unread.py).
            assume(not _names_several(body))
            runner.run(exchange(one, script, path, body, [], answer))

        law()
        failed = one.failures()
        runner.run(context.__aexit__(None, None, None))
    assert not failed, failed


def test_text_for_the_first_message_breaks_nothing_that_can_come(tmp_path: Path) -> None:
    """Whatever comes, it goes up, and nothing breaks here."""
    script = Script()
    config = replace(configured(tmp_path), first_prompt=FirstPrompt(append=TEXT), context=Context(True, 10**9))
    with asyncio.Runner() as runner:
        context = rig(config, script)
        one = runner.run(context.__aenter__())

        @FEW
        @given(PATH_OF, BODY)
        def law(path: str, body: bytes) -> None:
            before = len(one.upstream.received)
            runner.run(one.ask(path, body))
            assert len(one.upstream.received) == before + 1
            sent = one.sent.body
            assert sent == body or TEXT in json.dumps(json.loads(sent), ensure_ascii=False)

        law()
        failed = one.failures()
        runner.run(context.__aexit__(None, None, None))
    assert not failed, failed


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_what_was_sent_is_sent_again_and_only_grows(wire: Any) -> None:
    @FEW
    @given(st.lists(WORDS, min_size=1, max_size=6))
    def law(texts: list[str]) -> None:
        before: list[Any] = []
        for length in range(1, len(texts) + 1, 2):
            talk = [("user" if index % 2 == 0 else "assistant", text) for index, text in enumerate(texts[:length])]
            sent = json.loads(_with_text(PATHS[wire.name], wire, TEXT, asking(wire.name, talk)))
            now = sent.get("messages") or sent.get("contents") or sent["input"]
            assert now[: len(before)] == before
            assert json.dumps(now, ensure_ascii=False).count(TEXT) <= 1 + sum(TEXT in text for text in texts)
            before = now

    law()
