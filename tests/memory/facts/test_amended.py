"""A correction of a part of what was said leaves the rest of it: another day of a plan is no other plan."""

from __future__ import annotations

import pytest

from tests.memory.facts.test_supersession import ledger

_ROWS = r"""
I will fly to Tokyo on May 3. / No, it's Tuesday. | user will fly to Tokyo on Tuesday
I will fly to Tokyo on May 3. / No, it's Tuesday. / No, it's Wednesday. | user will fly to Tokyo on Wednesday
I will fly to Tokyo on May 3. / They moved it to Tuesday. | user will fly to Tokyo on Tuesday
I will fly to Tokyo on May 3. / No, on May 4. | user will fly to Tokyo on May 4
I will fly to Tokyo on May 3. / No, in June. | user will fly to Tokyo in June
I will fly to Tokyo on May 3. / No, it's Tuesday at noon. | user will fly to Tokyo on Tuesday at noon
I will fly to Tokyo on May 3 at 5 pm. / No, it's 6 pm. | user will fly to Tokyo on May 3 at 6 pm
I will fly to Tokyo on May 3, 2027 at 9. / No, it's May 4. | user will fly to Tokyo on May 4 at 9
I will fly to Tokyo on Tuesday the 3rd. / No, it's Wednesday. | user will fly to Tokyo on Wednesday
I will fly to Tokyo on May 3. / I meant Tuesday, not May 3. | user will fly to Tokyo on Tuesday
I will fly to Tokyo from May 3 to May 10. / No, it's May 12. | user will fly to Tokyo from May 3 to May 10 (corrected: May 12)
I am going to visit Anna in Rome on Friday. / No, it's Saturday. | user plans to visit Anna in Rome on Saturday
I plan to move to Berlin in May. / Sorry, in June. | user plans to move to Berlin in June
I plan to move to Berlin in May. / No, it's May 12. | user plans to move to Berlin on May 12
I'll call Bob at 5 pm. / No, at 6 pm. | user will call Bob at 6 pm
I'll call Bob at 5 pm on Friday. / No, on Thursday at 4 pm. | user will call Bob on Thursday at 4 pm
I will call Bob tomorrow. / No, on Friday. | user will call Bob on Friday
I will call Bob next week. / Sorry, next month. | user will call Bob next month
I will finish the report by Friday. / No, it's Monday. | user will finish the report by Monday
We will release version 2.0 on June 1. / Correction: June 15. | we plans to release version 2.0 on June 15
I have a meeting with Bob on Friday at 3 pm. / No, it's Thursday. | user has a meeting with Bob on Thursday at 3 pm
I have a meeting with Bob on Friday at 3 pm. / It got moved to Thursday at 4. | user has a meeting with Bob on Thursday at 4
I plan to move to Berlin. / I meant Hamburg. | user plans to move to Hamburg
I plan to move to Berlin in May. / Not Berlin, Hamburg. | user plans to move to Hamburg in May
I will be in the Friday meeting. / No, on Thursday. | user will be in the Thursday meeting
I'll call Bob on Friday evening. / No, Saturday. | user will call Bob on Saturday evening
I plan to visit Anna in Rome. / I meant Anne. | user plans to visit Anne in Rome
"""
_STATED = r"""
The standup is on Monday at 9. / No, it's Tuesday. | standup is on Tuesday at 9
The standup is on Monday at 9. / No, it's at 10. | standup is on Monday at 10
The standup is on Monday at 9. / No, it's Tuesday. / No, it's at 10. | standup is on Tuesday at 10
The standup is on Monday at 9. / No, it's Tuesday at 10. | standup is Tuesday at 10
The standup is on Monday. / No, it's Tuesday. | standup is Tuesday
I have 3 cats. / No, it's 4 cats. | user has 4 cats
The deadline is June 1. / No, it's June 5. | deadline is June 5
The demo is on Tuesday at 3 pm. / It's cancelled. | demo is cancelled
I'll call Bob at 5 pm. / It got cancelled. | user will call Bob at 5 pm (corrected: cancelled)
"""


def _rows(text: str) -> list[tuple[list[str], str]]:
    rows = [row.rsplit(" | ", 1) for row in text.strip().splitlines()]
    return [(texts.split(" / "), left) for texts, left in rows]


@pytest.mark.parametrize(("texts", "left"), _rows(_ROWS))
def test_a_plan_of_which_a_part_is_corrected_is_still_planned(texts: list[str], left: str) -> None:
    holds = [one for one in ledger(texts).known() if one.status != "superseded"]
    assert [(f"{one.subject} {one.verb} {one.object}", one.status) for one in holds] == [(left, "planned")]
    assert holds[0].corrects == (len(texts) - 1,)


@pytest.mark.parametrize(("texts", "left"), _rows(_STATED))
def test_what_is_not_corrected_of_a_fact_stays(texts: list[str], left: str) -> None:
    holds = [one for one in ledger(texts).known() if one.status != "superseded"]
    assert [(f"{one.subject} {one.verb} {one.object}", one.status) for one in holds] == [(left, "current")]


def test_a_correction_says_what_was_shown_of_the_one_before_it() -> None:
    last = ledger(["I will fly to Tokyo on May 3.", "No, it's Tuesday.", "No, it's Wednesday."]).known()[-1]
    assert (last.object, last.was) == ("fly to Tokyo on Wednesday", "fly to Tokyo on Tuesday")


def test_a_corrected_plan_can_be_said_again() -> None:
    texts = ["I will fly to Tokyo on May 3.", "No, it's Tuesday."]
    again = ledger([*texts, "I will fly to Tokyo on Tuesday."]).known()[-1]
    assert (again.number, again.again) == (2, (3,))
    same = ledger([*texts, "No, it's Tuesday."]).known()[-1]
    assert (same.number, same.again) == (2, (3,))
