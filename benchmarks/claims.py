"""How well claims are told from what was never said: claims that a language model wrote of real dialogues, true ones and altered ones.

    python -m benchmarks.claims locomo10.json

Reads a file of the LoCoMo data set (github.com/snap-research/locomo), whose `observation`s are claims, each with the turns it rests on.
Kept should be: the claims as they are. Dropped should be: the same claims said of another turn, with a "not" put in, with another
number, with another name. Deterministic: the alterations are drawn with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backstory.core.records import Claim, Turn
from backstory.memory.side_model.claims import verified

_VERB = re.compile(r"\b(is|was|are|has|had|likes|loves|enjoys|plans|wants|feels|went)\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_NAMES = ("Zoltan", "Ingrid", "Ouagadougou", "Kestrel")


def dialogue(item: dict[str, Any]) -> tuple[dict[int, Turn], list[Claim]]:
    """The turns of a dialogue, and what was claimed of them."""
    told = item["conversation"]
    turns: dict[int, Turn] = {}
    numbers: dict[str, int] = {}
    for session in (name for name in told if re.fullmatch(r"session_\d+", name)):
        stamp = datetime.strptime(told[f"{session}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).timestamp()
        for turn in told[session]:
            number = numbers[turn["dia_id"]] = len(turns) + 1
            text = turn["text"] + (f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else "")
            turns[number] = Turn(number, "c", number - 1, number - 1, b"", b"", "user", "spoken", text, sender=turn["speaker"], at=stamp)
    return turns, [claim for claim in _claimed(item["observation"], numbers) if claim.turns]


def _claimed(observations: dict[str, Any], numbers: dict[str, int]) -> Iterator[Claim]:
    for speakers in observations.values():
        for told in speakers.values():
            for text, evidence in told:
                named = re.findall(r"D\d+:\d+", str(evidence))
                yield Claim(text, tuple(numbers[name] for name in named if name in numbers))


def negated(claim: Claim, _: Sequence[int], __: random.Random) -> Claim:
    return Claim(_VERB.sub(r"\1 not", claim.text, count=1), claim.turns)


def elsewhere(claim: Claim, turns: Sequence[int], chance: random.Random) -> Claim:
    return Claim(claim.text, (chance.choice([turn for turn in turns if turn not in claim.turns]),))


def renamed(claim: Claim, _: Sequence[int], chance: random.Random) -> Claim:
    return Claim(_NAME.sub(chance.choice(_NAMES), claim.text, count=1), claim.turns)


def numbered(claim: Claim, _: Sequence[int], chance: random.Random) -> Claim:
    return Claim(f"{claim.text.rstrip('.')} for {chance.randint(41, 99)} days.", claim.turns)


ALTERED: dict[str, Callable[[Claim, Sequence[int], random.Random], Claim]] = {
    "said of another turn": elsewhere,
    'with a "not" put in': negated,
    "with a number put in": numbered,
    "with another name": renamed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    dialogues = [dialogue(item) for item in json.loads(parser.parse_args().file.read_text())]
    pairs = [(claim, turns) for turns, claims in dialogues for claim in claims]
    print(f"{len(pairs)} claims of {len(dialogues)} dialogues")
    kept = sum(not verified([claim], turns).dropped for claim, turns in pairs)
    print(f"as they are: {kept / len(pairs):.1%} kept")
    for name, alter in ALTERED.items():
        chance = random.Random(1)
        made = [(alter(claim, list(turns), chance), claim, turns) for claim, turns in pairs]
        altered = [(claim, turns) for claim, before, turns in made if claim != before]
        kept = sum(bool(verified([claim], turns).kept) for claim, turns in altered)
        print(f"{name}: {kept / len(altered):.1%} of {len(altered)} kept")


if __name__ == "__main__":
    main()
