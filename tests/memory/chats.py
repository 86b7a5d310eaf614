"""Conversations for the tests of recall, written for them: two friends over half a year, and what later questions need of it."""

from __future__ import annotations

from datetime import UTC, datetime

from backstory.core.records import Turn
from backstory.memory.reading.timing import dated
from backstory.memory.recall.index import Index
from backstory.memory.recall.units import Carry, Unit, units

CHAT = """
@ 2025-01-11 18:05
Ines: Happy new year, Bruno! How did the move go?
Bruno: Exhausting, but done. The flat in Lisbon is tiny, the view of the river makes up for it.
Ines: Did your sister help with the boxes?
Bruno: Marta drove the van twice, and her twins carried the lamps. I owe her a dinner.
Ines: I have news too: I signed up for a sailing course, it starts in March.
Bruno: You, on a boat? You get seasick on bridges!
Ines: That is why. The instructor says everybody is sick once and then never again.
Bruno: Brave. I only managed to buy a second-hand oven for the bakery plan.
Ines: So the bakery is really going to happen?
Bruno: Yes. I handed in my notice at the insurance company on Thursday.
@ 2025-01-26 10:30
Bruno: Morning! The bank agreed to lend me 40,000 euros for the shop.
Ines: Wonderful! What convinced them?
Bruno: The numbers from the market stall. We sold 300 rye loaves a week before Christmas.
Ines: And the premises?
Bruno: A former pharmacy near the tram stop. It still has the old wooden drawers, I will keep them for flour and seeds.
Ines: I love that. My week was dull, except that the vet found out why Pepper limps.
Bruno: Poor thing. What is it?
Ines: A thorn in her left front paw. It is out, and she is chasing gulls again.
@ 2025-02-15 20:15
Ines: I went to the ceramics exhibition with my father yesterday.
Bruno: Is his hip better?
Ines: Much. The surgery in November went well and he walks without the stick.
Bruno: Glad to hear it. Did he like the exhibition?
Ines: He fell asleep in front of a blue vase from Japan. I bought him a postcard of it.
Bruno: Ha! I spent the day with the electrician. The ceiling had wires from 1950.
Ines: Is that going to be expensive?
Bruno: 2,300 euros more than planned. I cancelled the neon sign, a painted board will do.
Ines: Ask Amadou to paint it. He did the mural at the swimming pool.
Bruno: Good idea, I will call him on Monday.
@ 2025-03-08 19:40
Ines: First day on the water! I steered for an hour and was not sick at all.
Bruno: Bravo! What kind of boat?
Ines: An old dinghy called Sardinha. It leaks a little, so one of us always bails.
Bruno: Who is in the course with you?
Ines: A retired judge, two nurses from the children's hospital, and a teenager who knows everything better.
Bruno: Amadou painted the board: a golden pretzel over a wave. It is perfect.
Ines: I told you! When do you open?
Bruno: On 5 April if the inspector says yes. The oven needs a new door seal first.
Ines: I will take the day off and help at the counter.
Bruno: You are an angel. Marta makes the coffee, so we are three.
@ 2025-04-06 21:00
Bruno: We are alive! The opening was madness, we were sold out by eleven.
Ines: My feet still hurt. What sold best?
Bruno: The walnut bread, and the cinnamon knots that you talked me into.
Ines: See? And the critic from the newspaper bought three of them.
Bruno: She wrote to me this morning and wants an interview next week.
Ines: That is huge! Did the drawers get into the picture?
Bruno: Of course. But one thing: a customer asked for bread without gluten, and I had nothing.
Ines: Buckwheat! My aunt is coeliac and bakes with buckwheat and psyllium. I will ask her for the recipe.
@ 2025-05-18 17:25
Ines: I passed the sailing exam today!
Bruno: Congratulations, captain! Was it hard?
Ines: The knots were easy, the radio part was awful. I forgot the code for a medical emergency.
Bruno: And still passed. Where will you sail first?
Ines: To the Berlengas in July, with the two nurses. We rent a boat called Atlantic Lady.
Bruno: Take Pepper along?
Ines: No, she stays with my father. She barks at waves.
Bruno: By the way, the buckwheat loaf is a success. Your aunt should get royalties.
@ 2025-06-22 12:10
Bruno: I hired somebody: Yusuf, a baker from Izmir. He starts on 1 July.
Ines: So you can sleep past three in the morning at last.
Bruno: I plan to sleep until six and to learn the accordion again.
Ines: You play the accordion? Since when?
Bruno: My grandmother taught me when I was nine. I stopped when we moved to the city.
Ines: Then you must play at my birthday in August. I turn forty.
Bruno: It is a deal. What do you wish for?
Ines: A compass. A real one, of brass.
Bruno: Noted. Yusuf knows an antique dealer at the flea market.
Ines: And no surprise party, please. I hate surprises.
"""
"""Days begin with "@", every other line is a turn."""

QUESTIONS = (
    ("What is the name of Ines's dog?", ("why Pepper limps",)),
    ("Where did Bruno work before the bakery?", ("my notice at the insurance company",)),
    ("How much money did the bank lend Bruno?", ("lend me 40,000 euros",)),
    ("What was in the building of the bakery before?", ("A former pharmacy",)),
    ("What was wrong with the dog's paw?", ("A thorn in her left front paw",)),
    ("When was the surgery of Ines's father?", ("The surgery in November",)),
    ("Who painted the sign of the shop?", ("Amadou painted the board",)),
    ("What is the first boat called that Ines steered?", ("dinghy called Sardinha",)),
    ("Who takes the sailing course with Ines?", ("two nurses from the children's hospital",)),
    ("When did the bakery open?", ("On 5 April if the inspector",)),
    ("What did customers buy most on the opening day?", ("The walnut bread",)),
    ("Who has a recipe for gluten-free bread?", ("My aunt is coeliac",)),
    ("Did Ines pass her exam, and what was difficult?", ("I passed the sailing exam", "the radio part was awful")),
    ("Which island does Ines want to sail to in July?", ("To the Berlengas in July",)),
    ("Which instrument does Bruno play, and who taught him?", ("learn the accordion again", "My grandmother taught me")),
    ("Who is the employee that Bruno hired?", ("Yusuf, a baker from Izmir",)),
    ("What present does Ines want for her birthday?", ("A compass.", "play at my birthday")),
    ("Why did the neon sign have to go?", ("I cancelled the neon sign",)),
    ("What happened on 6 April?", ("sold out by eleven",)),
    ("What did Ines see at the exhibition with her dad?", ("a blue vase from Japan",)),
)
"""A question, and pieces of the turns that answer it."""

UNRELATED = (
    "What is the capital of Mongolia?",
    "Explain how a hash table resizes in Go",
    "Write a regular expression for IPv6 addresses",
    "Derive the quadratic formula",
    "Summarise the plot of Hamlet in three lines",
    "Why does nginx return status 502?",
    "Who won the world cup in 1998?",
    "How tall is Mount Everest?",
    "please review this pull request",
    "ok thanks",
    "continue",
    "",
    "???",
)


def turn(number: int, text: str, role: str = "user", at: float = 0.0, arrived: float = 0.0, **more: str) -> Turn:
    """A stored turn with id and place by number (1-based)."""
    return Turn(
        id=number,
        conversation="c",
        parent=number - 1,
        position=number - 1,
        chain=b"",
        content=b"",
        role=role,
        kind="tool" if more.get("kind") == "tool" else "spoken",
        text=text,
        sender=more.get("sender", ""),
        at=at or arrived,
        arrived=arrived,
    )


def seconds(text: str) -> float:
    """2025-01-11 18:05 as Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def chat() -> list[Turn]:
    """CHAT as turns that all arrived at once; the first of each day has that day's time."""
    made: list[Turn] = []
    day = 0.0
    for line in CHAT.strip().splitlines():
        if line.startswith("@"):
            day = seconds(line[2:])
            continue
        role = "user" if line.startswith("Ines") else "assistant"
        made.append(turn(len(made) + 1, line, role, at=day, arrived=1_760_000_000.0))
        day = 0.0
    return dated(made)


def unit(number: int, text: str, speaker: str = "Ann", at: float = 1_700_000_000.0) -> Unit:
    """One unit that is a whole turn."""
    return units([turn(number, text, at=at, arrived=at, sender=speaker)], number, Carry())[0]


def indexed(turns: list[Turn]) -> Index:
    """An index over these turns."""
    index = Index()
    index.add(units(turns, 1, Carry()))
    return index
