"""Side requests are recognised, and no conversation is taken for one."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest

from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Message, Opaque, Part, Prompt, Role, Text
from backstory.memory.identity.side import compaction, side_request

_WHOLE = "this conversation. This summary will be placed at the start of a continuing session"
_CLAUDE = "claude-cli/2.1.329 (external, cli)"


def _ask(
    *messages: tuple[str, str | Part],
    system: str = "",
    agent: str = "",
    path: str = "/v1/messages",
    structured: bool = False,
    tools: int = 0,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    **body: object,
) -> str:
    read = [Message(cast(Role, role), (Text(part) if isinstance(part, str) else part,)) for role, part in messages]
    items = tuple(msgspec.json.encode({"role": m.role, "content": m.text}) for m in read)
    head = Head("POST", path, "", ((b"User-Agent", agent.encode()), *headers))
    prompt = Prompt("m", True, (Text(system),) if system else (), items, ("messages",), structured, tools)
    shown = [read[0], read[-1]] if len(read) > 1 else read
    return side_request(head, prompt, Document(msgspec.json.encode(body)), shown)


def test_titles() -> None:
    title = "You are naming a coding session so the user can pick it out of a long list of sessions."
    assert _ask(("user", "<session>\nHi\n</session>"), system=title, agent=_CLAUDE, structured=True) == "title"
    assert _ask(("user", "<session>\nHi\n</session>"), system="Something new.", structured=True) == "title"
    assert _ask(("system", "You are a title generator. You output ONLY a thread title."), ("user", '"Hi"')) == "title"
    assert _ask(("user", "Generate a title for this conversation:\n"), ("user", '"Hi"')) == "title"
    queries = "### Task:\nAnalyze the chat history to determine the necessity of generating search queries, in the given language."
    assert _ask(("user", f"{queries}\n<chat_history>\nUSER: Hi\n</chat_history>")) == "title"


def test_routers_and_memory_extraction() -> None:
    assert _ask(("user", "Hi"), system="\nYou are a specialized Task Routing AI. Your sole function is", structured=True) == "router"
    assert _ask(("system", "You are now acting as the managed memory extraction subagent for an AI"), ("user", "Hi")) == "memory extraction"


def test_requests_for_a_summary() -> None:
    history = (("user", "Hi"), ("assistant", "Hello"))
    assert _ask(*history, ("user", "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary")) == "compaction"
    for which in ("the conversation so far, paying close attention to the", "the RECENT portion of the conversation", _WHOLE):
        assert _ask(*history, ("user", f"Your task is to create a detailed summary of {which}")) == "compaction"
    overflow = "\nYou are the component that summarizes a conversation when its context window is about to overflow. The summary you"
    directive = "First, reason in your <analysis> block. Then, produce the <state_snapshot> XML."
    assert _ask(*history, ("user", directive), system=overflow) == "compaction"
    assert _ask(*history, ("user", directive), system="You are Qwen Code.") == "compaction"
    assert _ask(*history, ("user", f"{overflow}\n\nDo not call tools; {directive}"), system="You are Qwen Code.", tools=9) == "compaction"
    anchored = "Here is the conversation so far:\n\n<conversation>\n[User]: Hi\n</conversation>\nCreate a new anchored summary"
    condensing = "You are a context summarization agent. You are given a conversation between a user and an agent. Your goal is to"
    assert _ask(("system", condensing), ("user", anchored)) == "compaction"
    for kind in ("summarize_task", "condense"):
        asked = f'<explicit_instructions type="{kind}">\nThe conversation is running out of context.'
        assert _ask(*history, ("user", asked)) == "compaction"
        assert _ask(("user", "Hi"), ("assistant", "Hello"), ("user", asked), *history * 4, ("user", "Go on.")) == "", "it stays"
    roo = "Summarize the conversation so far, as described in the prompt instructions."
    assert _ask(*history, ("user", roo), system="Anything.") == "compaction"
    assert _ask(*history, system="Your task is to create a detailed summary of the conversation so far, paying close") == "compaction"
    assert _ask(*history, ("user", "Please tell me: " + roo)) == ""
    assert _ask(*history, ("other", Opaque("compaction_trigger"))) == "compaction"
    assert _ask(*history, system="You are a specialized system component responsible for distilling chat history") == "compaction"


def test_probes_warm_ups_and_counts() -> None:
    assert _ask(("user", "quota"), max_tokens=1) == "quota probe"
    assert _ask(("user", "Warmup")) == "warm-up"
    assert _ask(("user", "Hi"), path="/v1/responses", generate=False) == "warm-up"
    assert _ask(("user", "Hi"), path="/v1/messages/count_tokens") == "count"
    assert _ask(("user", "Hi"), path="/v1beta/models/m:countTokens") == "count"


def test_a_subagent_without_an_id_of_its_own_is_aside_and_one_with_it_is_not() -> None:
    system = "x-anthropic-billing-header: cc_version=2; cc_is_subagent=true;"
    assert _ask(("user", "Hi"), system=system, agent=_CLAUDE, tools=8) == "subagent"
    named = ((b"x-claude-code-agent-id", b"a1"),)
    assert _ask(("user", "Hi"), system=system, agent=_CLAUDE, tools=8, headers=named) == ""


def test_json_without_tools_is_aside_only_for_clients_that_talk_in_text() -> None:
    assert _ask(("user", "Hi"), agent=_CLAUDE, structured=True) == "json"
    assert _ask(("user", "Hi"), agent="GeminiCLI-tui/0.61.0/gemini", structured=True) == "json"
    assert _ask(("user", "Hi"), agent=_CLAUDE, structured=True, tools=12) == ""
    assert _ask(("user", "Hi"), agent="OpenAI/Python 3.52.0", structured=True) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Please explain: You are performing a CONTEXT CHECKPOINT COMPACTION",
        "My boss said: Your task is to create a detailed summary of the conversation",
        "Your task is to create a detailed summary of the conversation so far in my novel, between Ann and Bob.",
        "Your task is to create a detailed summary of this conversation between two clerks:",
        "Provide a detailed prompt for continuing our conversation above about whales, in the style of a poem.",
        "Distill the above chat messages into a single summary message for my boss, please.",
        "You are the component that summarizes a conversation in my play. What do you say?",
        "First, reason in your <analysis> block. Then, tell me what is wrong with this.",
        "quota",
        "What is a <session>?",
        "Write a title for my book",
        "What did we do so far?",
    ],
)
def test_a_person_who_writes_about_such_things_is_in_a_conversation(text: str) -> None:
    assert _ask(("user", text), max_tokens=1000) == ""
    assert _ask(("user", "Hi"), ("assistant", "Hello"), ("user", text), system="You are helpful.") == ""


def test_a_long_history_that_began_with_such_a_text_is_a_conversation() -> None:
    history = [("user", "Generate a title for this conversation:"), *[("assistant", "ok"), ("user", "more")] * 5]
    assert _ask(*history, system="You are helpful.", agent=_CLAUDE, tools=3) == ""


def test_a_generate_flag_elsewhere_in_the_body_means_nothing() -> None:
    assert _ask(("user", "Hi"), path="/v1/responses", metadata={"generate": False}) == ""
    assert _ask(("user", "Hi"), path="/v1/responses", generate=True) == ""


def test_what_the_model_wrote_last_makes_no_side_request() -> None:
    assert _ask(("user", "Hi"), ("assistant", "You are performing a CONTEXT CHECKPOINT COMPACTION")) == ""


def test_compaction_knows_summaries_and_requests_for_them() -> None:
    assert compaction("\nThis session is being continued from a previous conversation that ran out of context.")
    assert compaction("Another language model started to solve this problem and produced a summary")
    assert compaction("You are performing a CONTEXT CHECKPOINT COMPACTION.")
    assert compaction("Here is a summary of the conversation to date:\n\nThe user plans a trip.")
    assert not compaction("Here is a summary of the conversation to date: what do you think of it?")
    assert compaction("[summarize_task] Result:\nThis session is being continued from a previous conversation")
    assert not compaction("Tell me: This session is being continued from a previous conversation")
    assert not compaction("")


def test_a_title_for_what_one_message_quotes() -> None:
    task, said = "Generate a short title for the following conversation.", "User: An egg?\nAssistant: Seven minutes."
    assert _ask(("user", said), system=task) == "title"
    assert _ask(("system", task), ("user", said)) == "title"
    assert _ask(("user", f"Summarize this chat:\n{said}")) == "summary"
    assert _ask(("user", said), ("assistant", "Eggs"), ("user", said), system=task) == "", "a conversation goes on"
    assert _ask(("assistant", said), system=task) == ""
    assert _ask(("user", said), system=task, tools=1) == ""
    assert _ask(("user", said), system=task, headers=((b"X-VC-Conversation", b"eggs"),)) == "", "it was named"
    assert _ask(("user", Opaque("image")), system=task) == ""
