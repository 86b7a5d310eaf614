"""Data sets for `bench recall`, written by rule: two people in a messenger, and long talks with an assistant.

    python -m benchmarks.dialogues messenger > messenger.json
    python -m benchmarks.dialogues assistant > assistant.json

What is asked is said once, in other words than the question has, among small talk (messenger) or beside requests with long answers
(assistant). Both speakers tell things of the same kinds, so that a kind alone does not answer; some questions need all that one of them
said of a kind. Seeded: the same words in every run. No weight of recall was fitted to these: they show whether an idea carries over.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

NAMES = (
    "Priya",
    "Oskar",
    "Lena",
    "Mateo",
    "Yuki",
    "Femi",
    "Clara",
    "Anders",
    "Noor",
    "Dario",
    "Sunita",
    "Pavel",
    "Greta",
    "Kofi",
    "Maren",
    "Tariq",
)
# Kind: what is put in, how it is said, how one is asked for, how all of them are asked for ("" for kinds that are told once).
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]] = {
    "trip": (
        ("Lisbon", "Krakow", "Oaxaca", "Hanoi", "Tromso", "Marrakesh", "Ghent", "Valparaiso", "Tbilisi"),
        ("just landed in {0}!! my feet hurt already", "back from {0}, three days were not enough", "omg the food in {0} is unreal"),
        ("Did {who} ever go to {0}?", "When was {who} in {0}?"),
        "Which cities has {who} travelled to?",
    ),
    "pet": (
        ("a grey kitten called Biscuit", "a beagle called Fig", "two goldfish", "a rescue greyhound called Dot", "a tortoise called Hank"),
        ("so... we brought home {0} today", "big news, we now share the flat with {0}", "meet the new family member: {0}"),
        ("What animal does {who} live with?", "Which pet did {who} get?"),
        "",
    ),
    "food": (
        ("peanuts", "shellfish", "cilantro", "gluten", "mushrooms", "raw onions"),
        ("ugh {0} again, my throat swelled up like a balloon", "i had to send the plate back, it was full of {0} and i can't have that"),
        ("What must {who} not eat?", "Is there an ingredient that {who} is allergic to?"),
        "",
    ),
    "job": (
        ("a bakery in the harbour", "the city archive", "a solar start-up", "the children's hospital", "an architecture studio"),
        ("signed the contract! i start at {0} on monday", "guess who got the offer from {0} :)", "first day at {0} done, brain is mush"),
        ("Where does {who} work now?", "Who is {who}'s new employer?"),
        "",
    ),
    "hobby": (
        ("pottery", "bouldering", "the cello", "beekeeping", "salsa", "astrophotography", "fencing", "linocut printing"),
        ("tried {0} for the first time, i'm hooked", "spent the whole sunday on {0} again", "my {0} teacher says i'm getting somewhere"),
        ("How did {who} come to {0}?", "Does {who} do {0}?"),
        "What pastimes does {who} have?",
    ),
    "break": (
        ("my wrist", "the windscreen", "grandma's teapot", "the screen of my phone", "the boiler"),
        ("guess who managed to crack {0}", "{0} is broken. again. don't ask", "well {0} did not survive the weekend"),
        ("What got damaged at {who}'s?", "What did {who} break?"),
        "",
    ),
    "gift": (
        ("a fountain pen", "concert tickets", "a cast iron pan", "a hammock", "noise cancelling headphones"),
        ("she unwrapped {0} and actually cried", "settled on {0} for her in the end, hope it fits", "wrapping {0} is impossible btw"),
        ("What present did {who} choose?", "What did {who} give for the birthday?"),
        "",
    ),
    "money": (
        ("the rent went up by 140 a month", "the vet charged 380 for ten minutes", "the deposit of 900 came back", "the fine was 65"),
        ("can you believe it, {0}", "{0}, i need to lie down", "update: {0}"),
        ("What did {who} say about money?", "How much was it that {who} was upset about?"),
        "",
    ),
    "race": (
        (
            "the half marathon in 1:52",
            "the open water swim",
            "the chess league final",
            "the poetry slam",
            "the dance contest, second place",
        ),
        ("still shaking, finished {0}", "{0}!! can't feel my legs", "we celebrated {0} until four"),
        ("Which competitions has {who} taken part in?", "What contest did {who} do well in?"),
        "Which competitions has {who} taken part in?",
    ),
    "study": (
        ("tax law", "Portuguese", "first aid", "bookbinding", "organic chemistry", "sign language"),
        (
            "enrolled for {0}, evening classes from october",
            "the {0} exam is done, fingers crossed",
            "{0} homework until midnight, send help",
        ),
        ("Is {who} taking a course in {0}?", "What did {who} tell about {0}?"),
        "What subjects has {who} been learning?",
    ),
    "family": (
        (
            "my sister is expecting twins",
            "my dad retires in june",
            "my cousin moved to Perth",
            "my brother got engaged",
            "granny turned ninety",
        ),
        ("oh and {0}!", "did i tell you? {0}", "{0}, the whole clan is going crazy"),
        ("What is new with {who}'s relatives?", "What did {who} tell about the family?"),
        "What news are there of {who}'s relatives?",
    ),
    "show": (
        ("Dark", "Severance", "The Bear", "Detectorists", "Fargo", "Slow Horses"),
        (
            "finally started {0}, three episodes in one go",
            "no spoilers please, i'm only at episode two of {0}",
            "{0} has the best ending ever",
        ),
        ("Has {who} watched {0}?", "What series does {who} like?"),
        "Which series has {who} been watching?",
    ),
}
CHAT = """
ok|haha|no way|same here tbh|brb, door|lol that reminds me of school|how was your day?|pretty tired, you?
did you sleep at all|it's raining again|can't talk now, later?|sure, call me after eight|my train is late, classic
what are you having for dinner?|leftovers, as always|that meeting could|have been an email|i'll send you the photo later
so cute!!|did you see the news|weekend plans?|nothing yet, maybe a walk|we should really meet soon|yes!! next month?
you still up?|barely|coffee first, then words|who was it on the phone?|wrong number lol|i forgot my umbrella, of course
the neighbours are drilling again|good luck tomorrow|thanks, i'll need it|how did it go?|better than expected
let me check and come back to you|typing with one thumb, sorry|remind me about the book|which one?
the blue one you lent me|hope it gets better|it will, it always does|are you coming on friday?|depends on work
fair enough|miss our long walks|me too|this heat is killing me|fan is on since may
"""
TOPICS: dict[str, tuple[str, ...]] = {
    "gardening": ("soil", "compost", "seedlings", "raised beds", "frost", "pruning", "mulch", "drainage", "pollinators", "irrigation"),
    "databases": ("indexes", "transactions", "replication", "schemas", "query plans", "locks", "backups", "partitions", "joins", "caching"),
    "cooking": ("stock", "braising", "seasoning", "knife skills", "dough", "fermentation", "sauces", "roasting", "marinades", "emulsions"),
    "fitness": (
        "intervals",
        "recovery",
        "mobility",
        "progressive overload",
        "heart rate",
        "hydration",
        "form",
        "cadence",
        "rest days",
        "warm-ups",
    ),
    "interviews": (
        "case studies",
        "salary bands",
        "portfolios",
        "whiteboards",
        "references",
        "follow-ups",
        "questions",
        "rehearsal",
        "body language",
        "offers",
    ),
    "budgeting": (
        "envelopes",
        "fixed costs",
        "emergency funds",
        "interest",
        "subscriptions",
        "spreadsheets",
        "savings rates",
        "debt",
        "insurance",
        "forecasts",
    ),
    "photography": (
        "exposure",
        "aperture",
        "composition",
        "lenses",
        "golden hour",
        "histograms",
        "tripods",
        "raw files",
        "white balance",
        "bokeh",
    ),
    "writing": ("outlines", "drafts", "dialogue", "pacing", "viewpoint", "revision", "openings", "subplots", "tone", "endings"),
}
ASKS = (
    "Can you explain how {0} and {1} work together in {topic}?",
    "Give me a checklist for {0} when it comes to {topic}.",
    "What do beginners in {topic} get wrong about {0}?",
    "Compare {0} with {1} for {topic}, please.",
)
# Said beside a request: what it is, how it is told, how it is asked for later.
ASIDES = (
    (
        "My manager is called {0}, and reports go out on {1}.",
        "Who is my manager?",
        ("Ulrike", "Benedikt", "Shanice"),
        ("Tuesdays", "the 15th", "Fridays"),
    ),
    (
        "We keep the staging credentials in the vault under {0}/{1}.",
        "Where are the credentials of the test environment stored?",
        ("kestrel", "plover", "heron"),
        ("blue", "green", "amber"),
    ),
    (
        "I can only train before {0}, the gym closes at {1}.",
        "At what hours can I exercise?",
        ("seven", "nine", "noon"),
        ("ten", "eleven", "midnight"),
    ),
    (
        "Keep it under {0} words, my attention span is short, and no {1}.",
        "What did I ask about the length of answers?",
        ("120", "200", "300"),
        ("bullet points", "emojis", "tables"),
    ),
    (
        "My daughter starts school in {0}, her name is {1}.",
        "What is my daughter called?",
        ("August", "September", "January"),
        ("Ronja", "Elin", "Mira"),
    ),
    (
        "We decided against {0}; the team goes with {1} after all.",
        "Which technology did the team decide to use?",
        ("Mongo", "Kafka", "Redis"),
        ("Postgres", "SQLite", "plain files"),
    ),
    (
        "The landlord allows {0} but not {1} on the balcony.",
        "What does the landlord permit outside?",
        ("tomatoes in pots", "a trellis", "herbs"),
        ("a barbecue", "chickens", "a pond"),
    ),
    (
        "I moved the deadline of the grant to {0}, {1} has signed it.",
        "By when does the application have to be in?",
        ("4 May", "19 June", "2 November"),
        ("the dean", "the council", "Prof. Adeyemi"),
    ),
    (
        "My doctor told me to stay off {0}, so {1} instead.",
        "What did my doctor say I have to avoid?",
        ("running", "jumping", "heavy squats"),
        ("swimming", "rowing", "cycling"),
    ),
    (
        "The camera is a used {0}, I paid {1} for it.",
        "What equipment did I buy second hand?",
        ("Fuji X-T3", "Canon R6", "Nikon FM2"),
        ("640", "980", "310"),
    ),
    (
        "Our server in {0} was renamed to {1} last night.",
        "What is the machine called now?",
        ("Frankfurt", "Oregon", "Osaka"),
        ("otter-2", "badger-9", "lynx-4"),
    ),
    (
        "In the novel the sister dies in chapter {0}, and {1} is the one who lied.",
        "Who turns out to be dishonest in my story?",
        ("four", "nine", "twelve"),
        ("Ambrose", "Tamsin", "the ferryman"),
    ),
)
SAYS = (
    "Start with {0}, because everything else in {topic} depends on it.",
    "A common mistake is to treat {0} and {1} as if they were the same thing.",
    "Once {0} is in order, look at {1} and write down what changes from week to week.",
    "There is no single right answer for {0}: it depends on how much time you want to spend on {1}.",
    "If you notice problems with {0}, go back one step and check {1} before you change anything else.",
    "Many people find that {0} becomes easier after they have worked on {1} for a month or so.",
    "As a rule of thumb, give {0} twice the attention that you give {1}, at least in the beginning.",
    "Keep notes on {0}; they will tell you more about {1} than any guide can.",
)


def messenger(seed: int, lines: int = 1200) -> dict[str, Any]:
    """Two people, short lines, some months."""
    chance = random.Random(seed)
    people = chance.sample(NAMES, 2)
    chat = [part.strip() for part in CHAT.replace("\n", "|").split("|") if part.strip()]
    told = [
        (kind, who, value)
        for kind, (values, _, _, _) in KINDS.items()
        for who, value in zip(people * 3, chance.sample(values, min(6, len(values))), strict=False)
    ]
    told = [one for one in told if KINDS[one[0]][3] or one in _first_of(told)]
    chance.shuffle(told)
    places = dict(zip(sorted(chance.sample(range(lines), len(told))), told, strict=True))
    at, turns, said = datetime(2024, 1, 5, 18, tzinfo=UTC), [], dict[tuple[str, str, str], str]()
    for number in range(lines):
        at += timedelta(minutes=chance.randint(1, 6)) if number % 18 else timedelta(hours=chance.randint(20, 90))
        who, text = chance.choice(people), chance.choice(chat)
        if number in places:
            kind, who, value = places[number]
            text = chance.choice(KINDS[kind][1]).format(value)
            said[places[number]] = f"t{number}"
        turns.append({"id": f"t{number}", "speaker": who, "time": at.isoformat(), "text": text})
    return {"id": f"messenger-{seed}", "turns": turns, "questions": list(_asked(said, chance))}


def _first_of(told: list[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """The first of each kind and person."""
    return set({(kind, who): (kind, who, value) for kind, who, value in reversed(told)}.values())


def _asked(said: dict[tuple[str, str, str], str], chance: random.Random) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for (kind, who, value), turn in said.items():
        groups.setdefault((kind, who), []).append(turn)
        one = chance.choice(KINDS[kind][2])
        if "{0}" in one or not KINDS[kind][3]:
            yield {"text": one.format(value, who=who), "evidence": [turn], "category": "one"}
    for (kind, who), turns in groups.items():
        if KINDS[kind][3] and len(turns) > 1:
            yield {"text": KINDS[kind][3].format(who=who), "evidence": turns, "category": "all of a kind"}


def assistant(seed: int, exchanges: int = 150) -> dict[str, Any]:
    """A user and an assistant: requests, long answers, and things that the user tells beside them."""
    chance = random.Random(seed)
    asides = [(told.format(chance.choice(one), chance.choice(two)), asked) for told, asked, one, two in ASIDES]
    places = dict(zip(sorted(chance.sample(range(exchanges), len(asides))), asides, strict=True))
    at, turns, questions = datetime(2025, 2, 3, 9, tzinfo=UTC), [], list[dict[str, Any]]()
    for number in range(exchanges):
        topic = chance.choice(list(TOPICS))
        words = chance.sample(TOPICS[topic], 2)
        text = chance.choice(ASKS).format(*words, topic=topic)
        if number in places:
            said, asked = places[number]
            text = f"{text} {said}" if chance.random() < 0.5 else f"{said} {text}"
            questions.append({"text": asked, "evidence": [f"u{number}"], "category": "beside a request"})
        at += timedelta(minutes=chance.randint(2, 30)) if number % 12 else timedelta(hours=chance.randint(15, 70))
        turns.append({"id": f"u{number}", "speaker": "User", "role": "user", "time": at.isoformat(), "text": text})
        turns.append(
            {"id": f"a{number}", "speaker": "Assistant", "role": "assistant", "time": at.isoformat(), "text": _answer(topic, chance)}
        )
    return {"id": f"assistant-{seed}", "turns": turns, "questions": questions}


def _answer(topic: str, chance: random.Random) -> str:
    """Some 600 tokens about a topic."""
    paragraphs = []
    for number in range(1, chance.randint(5, 8)):
        sentences = [chance.choice(SAYS).format(*chance.sample(TOPICS[topic], 2), topic=topic) for _ in range(chance.randint(3, 6))]
        paragraphs.append(f"{number}. " + " ".join(sentences))
    return "\n\n".join(paragraphs)


def dataset(style: str, conversations: int) -> dict[str, Any]:
    """All of it, in the shape that `bench recall` reads."""
    make = {"messenger": messenger, "assistant": assistant}[style]
    return {"name": style, "conversations": [make(seed) for seed in range(1, conversations + 1)]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("style", choices=("messenger", "assistant"))
    parser.add_argument("--conversations", type=int, default=4)
    told = parser.parse_args()
    json.dump(dataset(told.style, told.conversations), sys.stdout, ensure_ascii=False, indent=1)
