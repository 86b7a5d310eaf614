"""Whether a message asks to go on where the last session ended."""

from __future__ import annotations

import pytest

from backstory.memory.recall.resuming import resumes


@pytest.mark.parametrize(
    "message",
    [
        "Where were we?",
        "Let's pick up where we left off.",
        "Wo waren wir stehen geblieben?",
        "Lass uns weitermachen, wo wir gestern aufgehört haben.",
        "Was haben wir letztes Mal gemacht?",
        "Où en étions-nous ?",
        "On reprend là où on s'est arrêtés la dernière fois ?",
        "¿Por dónde íbamos?",
        "¿Dónde lo dejamos?",
        "Dove eravamo rimasti?",
        "Onde é que parámos?",
        "Waar waren we gebleven?",
        "Na czym skończyliśmy?",
        "На чём мы остановились?",
    ],
)
def test_who_wants_to_go_on_is_understood(message: str) -> None:
    assert resumes(message)


@pytest.mark.parametrize(
    "message",
    [
        "Hello!",
        "What is the capital of Peru?",
        "Wo liegt Peru?",
        "Où est la gare ?",
        "¿Dónde está el museo?",
        "Dove si trova la chiave?",
        "Waar is de sleutel?",
        "",
        "Where were we? " * 100,
    ],
)
def test_other_questions_are_no_wish_to_go_on(message: str) -> None:
    assert not resumes(message)
