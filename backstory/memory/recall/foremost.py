"""Of what was recalled, the best lines alone: where each of them has its price."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from backstory.memory.recall.mending import mended_by
from backstory.memory.recall.reasons import MOST_LEFT, Left
from backstory.memory.recall.retrieval import Recalled, block


def foremost(found: Recalled, most: int, count: Callable[[str], int]) -> Recalled:
    """The same with so many lines at most beside those that are pinned, the best ones. What was changed and what changes it count as one,
    and stay together."""
    items = found.items
    free = sorted((place for place, item in enumerate(items) if not item.pinned), key=lambda place: -items[place].score)
    kept = {place for place, item in enumerate(items) if item.pinned}
    lines, links = 0, _linked(found)
    for place in free:
        if place not in kept and lines < most:
            lines += 1
            kept |= _together(links, place)
    if len(kept) == len(items):
        return found
    left = tuple([Left(items[place].turn, items[place].number, "no room", items[place].score) for place in free if place not in kept])
    stay = sorted(kept)
    made = replace(found, items=tuple([items[place] for place in stay]), left=(*left, *found.left)[:MOST_LEFT])
    basis = found.basis
    if basis is not None:
        made = replace(made, basis=replace(basis, places=tuple([basis.places[place] for place in stay])))
    return replace(made, tokens=count(block(made)))


def _linked(found: Recalled) -> list[set[int]]:
    """For each line those that change it, and the best one that it changes: however many they are, one tells what it is about."""
    items, basis = found.items, found.basis
    numbered: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        numbered.setdefault(item.number, []).append(place)
    pairs = [(place, other) for place, item in enumerate(items) if item.changed for other in numbered.get(item.changed, ())]
    if basis is not None:
        units = {unit: place for place, unit in enumerate(basis.places)}
        pairs += [(place, units[other]) for unit, place in units.items() if (other := mended_by(basis.index, unit)) in units]
    links: list[set[int]] = [set() for _ in items]
    best: dict[int, int] = {}
    for one, other in pairs:
        links[one].add(other)
        if items[one].score > items[best.setdefault(other, one)].score:
            best[other] = one
    for other, one in best.items():
        links[other].add(one)
    return links


def _together(links: list[set[int]], place: int) -> set[int]:
    """This line and all that are linked with it, by others, too."""
    found, rest = {place}, [place]
    while rest:
        more = links[rest.pop()] - found
        found |= more
        rest += more
    return found
