"""Law: whatever a client that marks nothing does (cuts its history, sums it up, pauses, edits, goes on), and whatever its provider makes of
it, the marks that it is lent never make its bill more than a cent, or a hundredth, higher than what it sends; what goes up changed nowhere
else keeps its bytes; and what is told as saved was saved.
"""

from __future__ import annotations

import asyncio
import random
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.rig import PATHS
from tests.routed import KEYS, two
from tests.stages.billing import Clock
from tests.stages.test_holding import messages
from tests.stages.test_marks_lent import NAME, WIDE, question
from tests.stages.unmarked import SETTINGS, Cashier, Plain, marked

# Of what is recalled, and of what a mark costs before it is read: of a small bill, and of any.
CENT, SHARE, NEAR = 0.01, 0.01, 0.02
# Such a client has its history summed up at so many messages.
SUMMED_AT = 24
SUMMARY = "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below:\n"


class Wild(Plain):
    """`sums`: it goes on from a summary when its history is long, else it keeps its newest messages."""

    def wild(self, dice: random.Random, keeps: int, sums: bool) -> bytes:
        if sums and len(self.items) > SUMMED_AT:
            told = f"{SUMMARY}They spoke of {', '.join(self.items[0]['content'][0]['text'].split()[:60])}."
            self.items = [{"role": "user", "content": [{"type": "text", "text": told}]}, {"role": "assistant", "content": "Understood."}]
        elif len(self.items) > 12 and dice.random() < 0.05:
            del self.items[-2:]
        asked = question(dice, self, keeps) if len(self.items) > 10 and isinstance(self.items[1]["content"], list) else ""
        return self.body(10_000 if sums else keeps, asked if dice.random() < 0.3 else "")


def test_no_bill_is_higher_for_a_mark(tmp_path: Path) -> None:
    lent, saved, numbers = 0.0, 0.0, count()
    with asyncio.Runner() as runner:

        @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
        @given(
            seed=st.integers(0, 10**6),
            keeps=st.sampled_from([7, 9, 19, 10_000]),
            sums=st.booleans(),
            away=st.sampled_from([0.0, 0.15, 0.6]),
            words=st.sampled_from([60, 250]),
            deaf=st.sampled_from([False, False, True]),
        )
        @example(seed=3, keeps=9, sums=False, away=0.0, words=250, deaf=False)
        def law(seed: int, keeps: int, sums: bool, away: float, words: int, deaf: bool) -> None:
            async def work() -> None:
                nonlocal lent, saved
                dice, clock, told, most = random.Random(seed), Clock(), 0.0, 0.0
                till, direct, client = Cashier(clock), Cashier(clock), Wild(seed, words)
                till.deaf = deaf
                folder = tmp_path / str(next(numbers))
                folder.mkdir()
                async with two(folder, SETTINGS + WIDE, {}, clock, till) as one:
                    for number in range(50):
                        if dice.random() < 0.02:
                            told += one.engine.economy.money.saved
                            await one.restart()
                        clock.now += 2000.0 if dice.random() < away else 10.0
                        body = client.wild(dice, keeps, sums)
                        most = max(most, direct.bill(body).input_tokens * 3e-6)
                        _, answer = await one.ask(PATHS["anthropic"], body, KEYS["anthropic"], NAME)
                        client.hears(answer)
                        assert marked(till.sent) is False or messages(till.sent) != messages(body), "only with something of ours"
                        # That nothing is ever read shows at the first request that should have read.
                        assert till.dollars <= (1 + SHARE) * direct.dollars + CENT + most * deaf, number
                    told += one.engine.economy.money.saved
                    assert told == pytest.approx(direct.dollars - till.dollars, abs=NEAR * direct.dollars + CENT)
                    assert not one.failures()
                lent += sum(map(marked, till.bodies))
                # Where nothing is ever read, or too late, or prompts are short, there is nothing to save.
                saved += direct.dollars - till.dollars if not (deaf or away) and words > 60 else 0.0

            runner.run(work())

        law()
    assert lent > 20, "marks were lent"
    assert saved > 0
