"""Thanks, greetings and remarks ask nothing; whatever may be a question or a request is taken for one."""

from __future__ import annotations

import pytest

from backstory.memory.recall.asking import asks, wants


@pytest.mark.parametrize(
    "message",
    [
        "Thanks, Mira! Your kind words mean a lot.",
        "Glad it helped ya, Mira!",
        "Hey Mira! Long time no talk. Lots has been going on since then!",
        "Wow, what a beautiful moment! Lucky you to have such an awesome family!",
        "How lovely, Mira!",
        "When we met the rain had just begun, and everybody was tired.",
        "Had a wild week, my car broke down on the way to work.",
        "Yeah, let's keep going!",
        "It was amazing. The day was full of love and joy.",
        "Thanks!",
        "ok",
    ],
)
def test_remarks_ask_nothing(message: str) -> None:
    assert not asks(message)


@pytest.mark.parametrize(
    "message",
    [
        "What was the code of the blue locker?",
        "what was the code of the blue locker",
        "Thanks, Mira! When did we buy the boat",
        "At what hours can I exercise",
        "Did Dario go to Hanoi",
        "is there a way to undo that",
        "Tell me about the trip to Oslo.",
        "Ok. Write an email to the landlord about the leak.",
        "- fix the parser",
        "I forgot what the harbour was called.",
        "I need the list of guests.",
        "My sister would like to know; could you look it up.",
        "Let's see what we decided.",
        "Wie heißt der Hund meiner Schwester?",
        "Erzähl mir vom Hund meiner Schwester.",
        "姉の犬の名前を教えて",
        "",
    ][:-1],
)
def test_questions_requests_and_what_cannot_be_told_ask(message: str) -> None:
    assert asks(message)


@pytest.mark.parametrize("message", ["My home town", "what was the code of the blue locker", "Tell me about the trip to Oslo."])
def test_what_people_ask_about_themselves_wants_an_answer_like_any_question(message: str) -> None:
    assert wants(message)


@pytest.mark.parametrize("message", ["Thanks!", "Glad it helped ya, Mira!", f"Thanks! {'The day was full of love and joy. ' * 200}"])
def test_remarks_want_none(message: str) -> None:
    assert not wants(message)


def test_what_is_known_of_a_message_counts() -> None:
    assert wants("Thanks!", {"name"})
    assert not wants("My home town", ())
