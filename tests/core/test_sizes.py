"""How large a text is taken to be, against the count of its tokens."""

from __future__ import annotations

import pytest

from backstory.core.sizes import rough
from backstory.core.tokens import count

ENGLISH = "Adoption agencies — it’s been a dream to have a family, and to give a loving home to those who “need” it. I mean it. " * 6
GERMAN = "Gestern Abend sind wir mit Freunden am Fluss spazieren gegangen, und danach auf einen Kaffee in das kleine Café am Markt. " * 6
POLISH = "Wczoraj wieczorem poszliśmy z przyjaciółmi na spacer wzdłuż rzeki, a potem jeszcze na kawę do małej kawiarni przy rynku. " * 6
HUNGARIAN = (
    "Tegnap este a barátaimmal sétáltunk a folyó mentén, aztán beültünk egy kis kávézóba a főtéren. Nagyon jól éreztük magunkat. " * 6
)
RUSSIAN = "Вчера вечером мы гуляли с друзьями вдоль реки, а потом пили кофе в маленьком кафе на площади. " * 6
CHINESE = "昨天晚上我们和朋友们沿着河边散步，然后在广场旁的小咖啡馆喝了咖啡。虽然下雨了，但是很开心。" * 6


@pytest.mark.parametrize("text", [ENGLISH, GERMAN, POLISH, HUNGARIAN, RUSSIAN, CHINESE, "x", ""])
def test_it_is_rarely_too_few(text: str) -> None:
    assert rough(text) >= 0.97 * count(text)


@pytest.mark.parametrize("text", [ENGLISH, GERMAN, POLISH, HUNGARIAN])
def test_a_few_other_signs_do_not_make_a_text_of_another_script(text: str) -> None:
    assert rough(text) <= 1.35 * count(text)


def test_half_letters_are_counted_too() -> None:
    assert rough("\ud83d and a word") > 0
