"""What is set for a conversation, as it is kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.wishes import NOTHING, WISHES, Detour, Wishes, spent, text_of, wishes_of

TEXTS = st.text('abc:.|?é"\\', max_size=8)
VALUES = st.one_of(st.integers(0, 10), st.sampled_from([0.25, 1.5]), st.sampled_from(["low", "high"]))
DETOURS = st.builds(Detour, st.sampled_from(["k", "m", "km", "mk"]), st.lists(TEXTS, max_size=3).map(tuple))


@given(
    st.builds(
        Wishes,
        TEXTS,
        TEXTS,
        TEXTS,
        TEXTS,
        st.dictionaries(st.sampled_from(["temperature", "top_k"]), VALUES, max_size=2),
        st.dictionaries(TEXTS, DETOURS, max_size=2),
        st.just(5.0),
        st.just("me"),
    )
)
def test_what_is_kept_is_read_again(wishes: Wishes) -> None:
    assert wishes_of({WISHES: text_of(wishes)}, "me", 9.0) == wishes


def test_a_fork_has_what_was_set_before_it() -> None:
    text = text_of(Wishes(model="m", at=5.0, of="trunk"))
    assert wishes_of({WISHES: text}, "twig", 6.0).model == "m"
    assert wishes_of({WISHES: text}, "twig", 4.0) == NOTHING
    assert wishes_of({WISHES: text}, "trunk", 9.0).model == "m"


def test_a_damaged_text_is_nothing() -> None:
    for text in ("", "{", "[]", '{"params":5}', '{"detours":{"r":{"policy":"zz"}}}'):
        assert wishes_of({WISHES: text}, "me", 0.0) == NOTHING
    assert wishes_of({}, "me", 0.0) is NOTHING


def test_the_first_model_is_the_one_that_is_meant() -> None:
    assert Wishes().first_model("own") == "own"
    assert Wishes(backend="b").first_model("own") == "own"
    assert Wishes(model="b:far?top_p=1|c:x").first_model("own") == "far"
    assert Wishes(model="far", once="c:near").first_model("own") == "near"
    routes = {"r": Detour("km", ("b:far", "c:x")), "none": Detour("k")}
    assert Wishes(model="r", detours=routes).first_model("own") == "far"
    assert Wishes(detours=routes).first_model("r") == "far", "a client may name a route itself"
    assert Wishes(detours=routes).first_model("none") == "none"
    assert Wishes(model="b:|").first_model("own") == "own"


def test_what_holds_for_one_request_is_spent() -> None:
    assert spent(Wishes(model="m", once="x", bound="y")) == Wishes(model="m")
    assert spent(Wishes(once="x")).empty
