"""A request for a title or a summary of a conversation that it brings with it, by its shape alone; and what is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backstory.memory.identity.naming import naming
from tests.growth import TIMES, growth

QUOTED = "User: How long do I boil an egg?\nAssistant: Seven minutes.\n"


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("Generate a short title for the following conversation.", QUOTED),
        ("You are a helpful assistant. Write a concise title for this chat, five words at most.", "How long do I boil an egg?"),
        ("- you will generate a short title based on the first message a user begins a conversation with\n- no quotes", "Egg?"),
        ("You are an AI conversation titles assistant who specializes in creating expressive chat titles.", QUOTED),
        ("You are a chat title generator.", "How long do I boil an egg?"),
        ("", f"Provide a concise, 5-word-or-less title for the conversation. Only return the title itself.\n\n{QUOTED}"),
        ("", f"Based on the chat history, give this conversation a name. Keep it short.\n\n```\n{QUOTED}```"),
        ("", f"{QUOTED}\nPlease write a title in at most six words."),
        ("", "<conversation>\nHow long do I boil an egg?\n</conversation>\nGenerate a title. Reply with it alone."),
        ("你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题", "user: 鸡蛋煮多久？\nassistant: 七分钟。"),
        ("Generate a title based on the user's question and the assistant's answer.", QUOTED),
        ("Generate a title for this conversation and reply with it alone.", QUOTED),
        ("Write a concise title for the conversation between the user and the assistant.", QUOTED),
        ("Create a chat history title of three words.", QUOTED),
        ("Erstelle einen kurzen Titel für dieses Gespräch.", "Wie lange kocht ein Ei?"),
    ],
)
def test_a_title_is_asked_for(system: str, message: str) -> None:
    assert naming(system, message) == "title"


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("You summarize conversations for later reference.", QUOTED),
        ("You are a helpful assistant.", f"Summarize the following conversation in two sentences:\n\n{QUOTED}"),
        ("", f"<chat_history>\n{QUOTED}</chat_history>\n\nWrite a brief summary."),
    ],
)
def test_a_summary_is_asked_for(system: str, message: str) -> None:
    assert naming(system, message) == "summary"


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("", ""),
        ("You are a helpful assistant.", "How long do I boil an egg?"),
        ("", "Summarize our conversation from last week."),
        ("", "What was the title of the conversation that we had about eggs?"),
        ("", "Can you write a title for my blog post about conversation?"),
        ("", "Give me a short name for my chat app."),
        ("", "Give me a summary of the following chat:\nAnna: The egg is hard.\nBen: Seven minutes are too long."),
        ("", f"{QUOTED}\nIs that right?"),
        ("", f"I asked another model:\n{QUOTED}\nWhich of us gives the better title to the egg?"),
        ("You write titles for YouTube videos.", "A film about eggs"),
        ("You are a chat assistant that provides support for Title Boxing Club.", "When do you open?"),
        ("You help users to write titles for their chat show.", "Eggs again"),
        ("You are a support assistant. Be kind. When the user leaves, write a summary of the conversation.", "Hello"),
        ("You are a helpful assistant. The user's conversation may be long. Answer in short.", "Write a summary of chapter 1."),
        ("You are Claude Code.\n\nSummarize what you did at the end of the conversation.", "Fix the bug"),
        ("Today is Monday.\nUser's question: answer it with a headline first.", "What is new?"),
        ("Based on the user's question, provide an answer with headings.", "How do volcanoes work?"),
        ("Provide a concise answer to the user's question, with a summary at the end.", "How do volcanoes work?"),
        ("Answer based on the user's question and suggest a topic to explore next.", "How do plants grow?"),
        ("Summarize the user's message in one line and then answer it.", "My router is dead."),
        ("You are a support bot. Summarize each user's message before answering.", "My router is dead."),
        ("Given the conversation so far, write the next reply with a name.", "Hello"),
        ("You are a chat assistant. Give your name as Bob in the conversation.", "Hello"),
        ("Respond with the user's name in every conversation.", "Hello"),
        ("Write a dialogue about the topic the user gives.", "At the restaurant"),
        ("You make dialogues for topic practice in German.", "At the restaurant"),
        ("", "user: root\nai: true\nCreate a config with the name foo."),
        ("", "User: bob\nModel: gpt-4\nWrite a compose file with that container name."),
    ],
)
def test_what_a_person_asks_is_none(system: str, message: str) -> None:
    assert naming(system, message) == ""


@pytest.mark.parametrize(
    "piece", ["generate title ", "User: a\n", "<conversation", "write a ", "user's ", "  ", "summarize\n", "name for chat for "]
)
def test_a_long_text_costs_no_more(piece: str) -> None:
    def work(size: int) -> Callable[[], object]:
        text = piece * size
        return lambda: [naming(system, text) for system in (text, text[:4_000], "")]

    assert growth(work, 20_000) < TIMES
