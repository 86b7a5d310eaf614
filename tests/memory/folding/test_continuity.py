"""What is kept across a client's own summary: open, word for word, and not said by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.memory.folding.continuity import LABEL, gather, later, left_out, still_open
from tests.memory.chats import turn

TALK = (
    ("user", "Please never touch the vendor folder. We must support Python 3.9."),
    ("assistant", "Plan:\n- [ ] write the migration in db/versions/0003_users.py\n- [x] read src/app/models.py\n- [ ] update the docs"),
    ("user", "Let's use SQLite instead of Postgres for the cache."),
    ("user", "Should we go with Redis?"),
    ("assistant", "Updated:\n- [x] update the docs\nNext, I will run the model tests."),
)


def turns(talk: tuple[tuple[str, str], ...] = TALK) -> list[Turn]:
    return [turn(number, text, role) for number, (role, text) in enumerate(talk, 1)]


def todo(number: int, *steps: tuple[str, str]) -> Turn:
    listed = ",".join(f'{{\\"content\\":\\"{text}\\",\\"status\\":\\"{state}\\"}}' for text, state in steps)
    calls = f'[{{"id":"1","name":"TodoWrite","arguments":"{{\\"todos\\":[{listed}]}}"}}]'
    return replace(turn(number, "", "assistant", kind="tool"), calls=calls)


def test_open_steps_decisions_constraints_and_paths_are_kept_with_their_turns() -> None:
    kept = still_open(turns(), [], 500, estimate).text
    for told in (
        "#2 Assistant: write the migration in db/versions/0003_users.py",
        "#5 Assistant: Next, I will run the model tests.",
        "#1 User: Please never touch the vendor folder.",
        "#1 User: We must support Python 3.9.",
        "#3 User: Let's use SQLite instead of Postgres for the cache.",
        "src/app/models.py (#2)",
    ):
        assert told in kept
    assert "update the docs" not in kept, "done later"
    assert "Redis" not in kept, "a question decides nothing"


def test_what_the_summary_says_is_left_out() -> None:
    kept = still_open(
        turns(), ["The user asked us to support Python 3.9, a must. Migration: db/versions/0003_users.py"], 500, estimate
    ).text
    assert "Python 3.9" not in kept
    assert "vendor folder" in kept
    assert "0003_users.py (#" not in kept


def test_the_newest_plan_of_a_tool_counts() -> None:
    talk = [
        todo(1, ("paint the fence", "pending"), ("buy nails", "pending")),
        todo(2, ("paint the fence", "completed"), ("buy glue", "pending")),
    ]
    kept = still_open(talk, [], 500, estimate).text
    assert "buy glue" in kept
    assert "nails" not in kept
    assert "fence" not in kept


PROGRESS = (
    *turns(),
    todo(6, ("paint the fence", "pending"), ("buy nails", "pending")),
    *[turn(number, "It works, and the next one does too.", "user") for number in range(7, 20)],
    todo(20, ("paint the fence", "completed"), ("buy glue", "pending")),
    turn(21, "- [x] write the migration in db/versions/0003_users.py\nWe will do this:\n1. read the logs\n2. mend the cache", "assistant"),
    turn(22, "New plan:\n1. draw the map\n2. print the map", "assistant"),
)


@given(st.integers(0, len(PROGRESS)))
def test_what_came_since_settles_what_was_open_before(cut: int) -> None:
    everywhere = {one.id for one in PROGRESS}.__contains__
    both = later(gather(PROGRESS[cut:]), gather(PROGRESS[:cut]))
    assert left_out(both, everywhere, [], 2000, estimate) == still_open(PROGRESS, [], 2000, estimate)


def test_a_newer_decision_takes_the_place_of_an_older_one() -> None:
    talk = (("user", "Let's use Postgres for the session cache."), ("user", "Let's use SQLite for the session cache."))
    kept = still_open(turns(talk), [], 500, estimate).text
    assert "SQLite" in kept
    assert "Postgres" not in kept


def test_nothing_to_keep_is_no_block() -> None:
    assert still_open(turns((("user", "Hello there."), ("assistant", "Hi! What shall we do?"))), [], 500, estimate).text == ""
    assert still_open([], [], 500, estimate).text == ""


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=200)), max_size=8), st.integers(0, 200))
def test_it_never_takes_more_than_its_budget_and_says_only_what_was_said(talk: list[tuple[str, str]], budget: int) -> None:
    known = turns((*TALK, *talk))
    kept = still_open(known, [], budget, estimate)
    assert estimate(kept.text) <= budget or not kept.text
    assert kept.text.count(LABEL) == (1 if kept.text else 0)
    for reason in kept.reasons:
        said = known[reason.number - 1]
        assert reason.turn == said.id
        assert 0 <= reason.start < reason.end <= len(said.text)
        assert reason.kind == "kept"


def test_what_the_user_ruled_last_goes_before_plans_and_files_and_what_has_no_room_is_counted() -> None:
    talk = [turn(1, "- [ ] paint every fence of the farm in src/fences.py\n- [ ] buy nails for all of the barns", "assistant")]
    rules = ("Never rename a table.", "Never push to production.", "Always ask Olga before a release.")
    talk += [turn(number, rule) for number, rule in enumerate(rules, 2)]
    budget = still_open(talk[-1:], [], 500, estimate).tokens + 4
    kept = still_open(talk, [], budget, estimate)
    assert "Olga" in kept.text
    assert "Open:" not in kept.text
    assert kept.dropped == 4
    nothing = still_open(talk, [], 0, estimate)
    assert (nothing.text, nothing.dropped) == ("", 5)
