"""How clients summarise their own history: data, one row per client, and nothing else. Read by
memory/identity/ and stages/continuity.py.

A client asks the model for a summary (a side request), and goes on with it in place of the history. To support a client, add a row.
"""

from __future__ import annotations

from msgspec import Struct


class Compactor(Struct, frozen=True):
    """`systems`, `messages`: how the system prompt, or the message that asks for the summary, begins; of a message so much that no person
    begins one so. `trigger`: the kind of the part that
    asks for it without words. `summaries`: how the message begins that stands in place of the history afterwards; `asks`: the question
    that stands there, where the summary is given as its answer."""

    name: str
    systems: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    trigger: str = ""
    summaries: tuple[str, ...] = ()
    asks: str = ""


COMPACTORS = (
    Compactor(
        "claude-code",
        ("You are a helpful AI assistant tasked with summarizing conversations",),
        (
            "Your task is to create a detailed summary of the conversation so far, paying close attention to",
            "Your task is to create a detailed summary of the RECENT portion of the conversation",
            "Your task is to create a detailed summary of this conversation. This summary will be placed",
            "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.",
        ),
        summaries=("This session is being continued from a previous conversation",),
    ),
    Compactor(
        "codex",
        messages=("You are performing a CONTEXT CHECKPOINT COMPACTION",),
        trigger="compaction_trigger",
        summaries=("Another language model started to solve this problem",),
    ),
    Compactor(
        "gemini-cli and qwen-code",
        (
            "You are a specialized system component responsible for distilling chat history",
            "You are the component that summarizes internal chat history",
            "You are the component that summarizes a conversation when its context window is about to overflow",
        ),
        (
            "First, reason in your scratchpad. Then, generate the <state_snapshot>",
            "First, reason in your <analysis> block. Then, produce the <state_snapshot>",
            "You are the component that summarizes a conversation when its context window is about to overflow",
        ),
        summaries=("<state_snapshot>",),
    ),
    Compactor(
        "opencode",
        (
            "You are an anchored context summarization assistant",
            "You are a context summarization agent. You are given a conversation between a user and an agent.",
        ),
        ("Provide a detailed prompt for continuing our conversation above.",),
        asks="What did we do so far?",
    ),
    Compactor(
        "pi and openclaw",
        ("You are a context summarization assistant",),
        summaries=("The conversation history before this point was compacted into the following summary:",),
    ),
    Compactor(
        "aider",
        ("*Briefly* summarize this partial conversation about programming",),
        summaries=("I spoke to you previously about a number of things.",),
    ),
    Compactor(
        "cline",
        messages=('<explicit_instructions type="summarize_task"', '<explicit_instructions type="condense"'),
        summaries=("[summarize_task] Result:",),
    ),
    Compactor(
        "roo and kilo code",
        ("Your task is to create a detailed summary of the conversation so far",),
        ("Summarize the conversation so far, as described in the prompt instructions",),
    ),
    Compactor(
        "langchain",
        messages=(
            "<role>\nContext Extraction Assistant\n</role>",
            "Progressively summarize the lines of conversation provided, adding onto the previous summary",
        ),
        summaries=(
            "Here is a summary of the conversation to date:\n\n",
            "You are in the middle of a conversation that has been summarized.",
        ),
    ),
    Compactor(
        "others",
        messages=("Distill the above chat messages into a single summary message.",),
        summaries=("<conversation_summary>",),
    ),
)

ASKS = frozenset(client.asks for client in COMPACTORS if client.asks)
"""Questions that a client puts in place of its history, with its summary as the answer."""
