"""Which facts of a branch hold: the facts of its turns, in the order of the turns, each of which may change what earlier ones said.

Rule: order is by turn, never by time, so clocks that go backwards change nothing. Nothing is stored of what is decided here: it follows
from the facts of the turns that are there, so a forgotten correction gives back what it had corrected. What is superseded stays, with
the turn that did it. An assistant never supersedes what a person said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import Fact, Stance
from backstory.memory.facts import ends as fact_ends
from backstory.memory.facts import over_forms, slots
from backstory.memory.facts.alike import called_off, classes, key, subject_key
from backstory.memory.facts.amended import amended, is_beside
from backstory.memory.facts.asked import answers
from backstory.memory.facts.choices import kind_of
from backstory.memory.facts.correction_forms import POINTED, RATHER
from backstory.memory.facts.ends import within
from backstory.memory.facts.entries import (
    NAMES,
    NEAR_TURNS,
    ONE_VALUE,
    OPEN,
    REACH_TURNS,
    Entry,
    bears_on,
    is_meant,
    is_of_part,
    is_said_as,
    likeliest,
    may_be,
    names_it,
    one_thing,
    replaces_value,
    says_he_meant,
    says_the_same,
    serves,
    takes_place,
    thing,
)
from backstory.memory.facts.versions import changes, outdates

Status: TypeAlias = Literal["current", "superseded", "negated", "planned"]
STATUSES: tuple[Status, ...] = ("current", "superseded", "negated", "planned")
_STANDS: Mapping[Stance, Status] = {"stated": "current", "negated": "negated", "planned": "planned"}

_CHOSEN = frozenset({"uses", "prefers"})
_BESIDE = {"likes": ("dislikes",), "dislikes": ("likes",), "prefers": ("likes", "uses")}
_COMPARED = ONE_VALUE | {"uses", "prefers", "wants", "notes"}
"""Relations of which every fact about a subject is compared with a new one; of others, only those that share its words."""
_PRUNED_EACH = 64
_MOST_OPEN = 512
"""Among so many of the newest things that somebody has or plans, or that are said of one subject in one relation, is looked for what one
ends."""
_CORRECTABLE = ONE_VALUE | {"will", "plans to", "has"}
_THERE = frozenset({"there", "here"})
_WE = key("we")
_QUIT = "quit"
_RESIGNS = frozenset({"notice", "resignation", "resigned", "quit"})


class Known(Struct, frozen=True):
    """A fact as it stands on a branch. `number`: of its turn, 1-based, as shown. `by`: the turn id that superseded it and `by_number` that
    turn's number, 0 for none. `again`: numbers of later turns that say the same. `subject`, `verb`, `object`: those of the fact, or, of a
    correction, of the fact that it corrects where it only points to it ("it's Tuesday", "not there any more"). `corrects`: numbers of the
    turns whose facts it superseded, and `was`: the object of the last of these, "" for none."""

    fact: Fact
    number: int
    status: Status
    subject: str
    verb: str
    object: str
    by: int = 0
    by_number: int = 0
    again: tuple[int, ...] = ()
    corrects: tuple[int, ...] = ()
    was: str = ""


class Ledger:
    """The facts of one branch so far. `add` takes them in the order of the turns; the same facts give the same ledger, in one go or one by
    one. Cost of each: the facts that share its subject or its object, and those of the last few turns."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._about: dict[tuple[str, ...], dict[str, dict[str, list[Entry]]]] = {}
        self._names: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        self._open: list[Entry] = []
        self._chosen: dict[int, list[Entry]] = {}
        self._versions: dict[tuple[str, ...], list[Entry]] = {}

    def add(self, facts: Iterable[Fact], number: int, asked: str = "") -> None:
        """The facts of the next turn, which has this number. `asked`: the question that an assistant asked right before it."""
        for fact in facts:
            if fact.kind == "correction":
                self._correct(fact, number, asked)
                continue
            entry = Entry(fact, number, fact.subject, fact.verb)
            if (old := self._named_less(entry)) is not None:
                self._keep(old.made_way(fact, number))
                continue
            entry = self._with_rest(entry)
            self._name(entry)
            same = self._supersede(entry)
            if same is not None:
                same.again.append(number)
            else:
                self._keep(entry)

    def known(self) -> list[Known]:
        """Every fact with its status, in the order of the turns; what was said again stands once."""
        ended: dict[int, list[Entry]] = {}
        for entry in self._entries:
            if entry.by is not None:
                ended.setdefault(id(entry.by), []).append(entry)
        return [
            Known(
                entry.fact,
                entry.number,
                _status(entry),
                entry.subject,
                entry.verb,
                entry.meant.object,
                entry.by.fact.turn if entry.by is not None else 0,
                entry.by.number if entry.by is not None else 0,
                tuple(entry.again),
                tuple(dict.fromkeys(old.number for old in ended.get(id(entry), ()))),
                next((old.meant.object for old in reversed(ended.get(id(entry), ()))), ""),
            )
            for entry in self._entries
        ]

    def changed(self) -> dict[int, tuple[tuple[str, int], ...]]:
        """What was said and does not hold any more, by turn id: each sentence, and the number of the later turn that changed it."""
        found: dict[int, tuple[tuple[str, int], ...]] = {}
        for entry in self._entries:
            if entry.by is not None and entry.by.fact.turn != entry.fact.turn:
                found[entry.fact.turn] = (*found.get(entry.fact.turn, ()), (entry.fact.text, entry.by.number))
        return found

    def _keep(self, entry: Entry) -> None:
        self._entries.append(entry)
        about = self._about.setdefault(entry.whose, {}).setdefault(entry.relation, {})
        for term in ("",) if entry.relation in _COMPARED else dict.fromkeys(entry.terms):
            _put(about.setdefault(term, []), entry)
        if entry.version is not None:
            _put(self._versions.setdefault(entry.version.name, []), entry)
        if entry.relation in _CHOSEN and not entry.denies and (kind := kind_of(entry.terms)) is not None:
            _put(self._chosen.setdefault(kind, []), entry)
        if entry.relation in OPEN or entry.meant.kind == "schedule":
            self._open.append(entry)
            if len(self._open) >= 2 * _MOST_OPEN:
                self._open[:] = [old for old in self._open if old.by is None][-_MOST_OPEN:]

    def _correct(self, fact: Fact, number: int, asked: str) -> None:
        """Take in a correction, if there is what it corrects."""
        if fact.subject and fact.stance != "negated":
            entry = Entry(fact, number, fact.subject, fact.verb)
            if fact.verb == "has":
                gone = self._dead(entry)
            elif fact.verb == "lives in" and fact.replaces:
                gone = self._homes(entry)
            elif fact.verb == "is" and not called_off(fact.object):
                gone = self._valued(entry)
                entry = gone[-1].made_way(fact, number) if gone else entry
            else:
                gone = self._holding(entry) or self._called_off(fact, number)
        else:
            gone = self._over(fact, number) if fact.subject else []
            old = gone[0] if gone else None if fact.subject else self._corrected(fact, number, asked)
            if old is not None:
                gone = gone or [old]
                said = old.meant.object if fact.subject else amended(old.meant.object, fact, whole=old.relation in ONE_VALUE)
                if said == old.meant.object and not fact.subject:
                    old.again.append(number)
                    return
                stance = fact.stance if fact.stance == "negated" or called_off(fact.object) else old.meant.stance
                meant = replace(fact, kind=old.meant.kind, subject=old.subject, verb=old.verb, object=said, stance=stance)
                entry = Entry(fact, number, old.subject, old.verb, meant)
        if gone:
            for old in gone:
                old.by = entry
            self._keep(entry)

    def _valued(self, new: Entry) -> list[Entry]:
        """What a new value of a thing takes the place of."""
        named = self._named_less(new)
        return [old for old in self._holding(new) if replaces_value(new, old)] or ([named] if named is not None else [])

    def _over(self, fact: Fact, number: int) -> list[Entry]:
        """What is denied by one that names it by less: "not there any more", "I gave notice", "Jenkins is gone", "we broke up"."""
        new = Entry(fact, number, fact.subject, fact.verb)
        match fact.verb:
            case over_forms.OUT_OF:
                jobs = self._jobs(new)
                if fact.object.lower() == _QUIT:
                    # Out of the blue it may be a game that he quits.
                    return jobs if any(number - old.number <= NEAR_TURNS for old in jobs) else []
                firm = [old for old in jobs if fact_ends.is_named(new.terms, old.terms)]
                return jobs if any(word in _RESIGNS for word in fact.object.lower().split()) else firm
            case over_forms.WITH:
                return self._couple(new)
            case "uses":
                about = (self._about.get(whose, {}).get("uses", {}).get("", []) for whose in {new.whose, _WE})
                return [old for held in about for old in held if old.by is None and not old.denies and slots.is_thing(new.terms, old.fact)]
            case "has":
                held = [old for old in self._held(new) if fact_ends.is_sold(fact.object, new.terms, old.meant, old.relation, old.terms)]
                return held if one_thing(held) else []
        held = [old for old in self._holding(new) if fact.object.lower() in _THERE or fact_ends.is_named(new.terms, old.terms)]
        return [max(held, key=lambda old: old.number)] if held else []

    def _couple(self, new: Entry) -> list[Entry]:
        """What says that who speaks and somebody are a couple: of "we" only where one such is known."""
        said = new.fact.object.lower()
        mates = [old for kin in fact_ends.MATES for old in self._mates((*new.whose, "'s", kin))]
        mates += [old for old in self._held(new) if fact_ends.is_mate(old.meant, old.relation)]
        tied = [old for old in self._about.get(new.whose, {}).get("is", {}).get("", []) if old.by is None and fact_ends.is_tied(old.terms)]
        if said == "we":
            return mates + tied if fact_ends.one_mate([old.meant for old in mates], [old.terms for old in tied]) else []
        if (kin := key(said)[0]) in fact_ends.MATES:
            mates = [old for old in mates if kin in (*old.whose, fact_ends.head(old.meant.object))]
            names = [name for old in mates if (name := fact_ends.named(old.meant, old.relation))]
            return mates + [old for old in tied if old.terms[1:] in names]
        return [old for old in mates if fact_ends.named(old.meant, old.relation) == new.terms] + [
            old for old in tied if old.terms[1:] == new.terms
        ]

    def _mates(self, whose: tuple[str, ...]) -> list[Entry]:
        about = self._about.get(whose, {})
        return [old for relation in ("is", "is called") for old in about.get(relation, {}).get("", []) if old.by is None and not old.denies]

    def _homes(self, new: Entry) -> list[Entry]:
        """Where who speaks, or "we", are known to live: from there they moved."""
        left = key(new.fact.replaces)
        held = [*self._holding(new), *self._holding(Entry(new.fact, new.number, "we", new.verb))]
        return [old for old in {id(old): old for old in held}.values() if fact_ends.is_named(left, old.terms)]

    def _holding(self, new: Entry) -> list[Entry]:
        """What holds of the same relation of the same subject."""
        about = (self._about.get(each, {}).get(new.relation, {}).get("", []) for each in self._kin(new.whose))
        return [old for entries in about for old in entries if old.by is None and not old.denies]

    def _called_off(self, fact: Fact, number: int) -> list[Entry]:
        """What "they cancelled the meeting" is about where it is known as "a meeting on Friday"; or the job that was left in this turn."""
        if fact.verb == "is":
            return self._ended(Entry(replace(fact, kind="schedule"), number, fact.subject, fact.verb))
        about = (self._about.get(each, {}).get(fact.verb, {}).get("", []) for each in self._kin(subject_key(fact.subject)))
        return [old for entries in about for old in entries if old.by is not None and old.by.number == number][-1:]

    def _dead(self, new: Entry) -> list[Entry]:
        """What does not hold any more of somebody who has died."""
        gone: list[Entry] = []
        for whose in self._kin(new.whose):
            for relation, by_term in self._about.get(whose, {}).items():
                for old in {id(old): old for entries in by_term.values() for old in entries}.values():
                    if old.by is None and fact_ends.ends_with_life(old.meant, relation):
                        gone.append(old)
        owner, mark, kin = new.subject.partition("'s ")
        if mark:
            held = [old for old in self._held(new) if fact_ends.owned_died(kin, old.meant, old.relation, old.terms)]
            gone += held if subject_key(owner) == subject_key(new.fact.author) and one_thing(held) else []
        for name in self._kin(new.whose):
            gone += [old for old in self._held(new) if old not in gone and fact_ends.named_died(name, old.meant, old.relation, old.terms)]
        return gone

    def _held(self, new: Entry) -> list[Entry]:
        """The newest things that the one who says this has or plans, of those that hold."""
        return [old for old in self._open[-_MOST_OPEN:] if old.by is None and old.fact.author == new.fact.author]

    def _ended(self, new: Entry) -> list[Entry]:
        """What this ends though it has another relation, or another subject."""
        match new.fact.kind:
            case "event":
                gone = [old for old in self._jobs(new) if fact_ends.leaves(new.fact, new.terms, old.relation, old.terms)]
                held = [old for old in self._held(new) if fact_ends.parts_with(new.fact, new.terms, old.meant, old.relation, old.terms)]
                return gone + (held if one_thing(held) else [])
            case "identity" if new.relation == "is" and not new.denies and fact_ends.without_work(new.terms):
                return self._jobs(new)
            case "preference" if new.relation == "eats" and not new.denies:
                held = self._about.get(new.whose, {}).get("is", {}).get("", [])
                return [old for old in held if old.by is None and not old.denies and fact_ends.ends_diet(new.terms, old.terms)]
            case "decision" | "setting" if is_of_part(new) and (new.verb == "switched to" or (new.verb == "runs on" and changes(new.fact))):
                return self._served(new)
            case "schedule" if new.relation == "is":
                subject = thing(new.whose)
                # What is known by this very name is what is meant: "the deadline" is not that of the other project.
                known = bool(self._about.get(new.whose, {}).get("is"))
                held = [
                    old
                    for old in self._held(new)
                    if old.whose != new.whose
                    and (not known or (old.verb == "has" and len(subject) > 1))
                    and fact_ends.moves(new.fact, subject, old.meant, thing(old.whose), key(old.meant.object))
                ]
                return held if one_thing(held) else []
        return []

    def _served(self, new: Entry) -> list[Entry]:
        """What "We moved billing to MySQL" leaves: what is known to be in use for billing."""
        about = (self._about.get(whose, {}).get("uses", {}).get("", []) for whose in {new.whose, _WE, subject_key(new.fact.author)})
        return [old for held in about for old in held if old.by is None and not old.denies and serves(new, old)]

    def _jobs(self, new: Entry) -> list[Entry]:
        about = self._about.get(new.whose, {})
        held = [old for relation in ("works at", "works as") for old in about.get(relation, {}).get("", [])]
        return [old for old in held if old.by is None and not old.denies]

    def _name(self, entry: Entry) -> None:
        """ "My sister Anna": what is said of one of the two is said of the other, while there is one sister only."""
        if entry.fact.kind == "relation" and entry.verb == "is called" and not entry.denies:
            self._names.setdefault(entry.whose, set()).add(entry.terms)

    def _kin(self, whose: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The keys under which this subject goes."""
        found = [whose]
        for owner, names in self._names.items():
            if len(names) == 1:
                (name,) = names
                if whose == owner:
                    found.append(name)
                elif whose == name:
                    found.append(owner)
        return found

    def _supersede(self, new: Entry) -> Entry | None:
        """Mark what the new fact takes the place of; the earlier fact that says the same, if one still holds."""
        replaced = key(new.fact.replaces) if new.fact.replaces else ()
        same: Entry | None = None
        for old in self._candidates(new, replaced):
            if old.by is not None or (new.spoken_by_assistant and not old.spoken_by_assistant) or slots.of_another(new.fact, old.fact):
                continue
            if says_the_same(new, old):
                same = old
            elif takes_place(new, old, replaced):
                old.by = new
        outdated = self._outdated(new)
        for old in outdated or self._ended(new):
            old.by = new
        if same is None and new.relation in _CHOSEN and not new.denies:
            if replaced or new.fact.corrects:
                self._choose_again(new, replaced)
            elif not outdated and new.verb == "switched to" and (left := self._left(new)) is not None:
                left.by = new
        return same

    def _named_less(self, new: Entry) -> Entry | None:
        """What "Correction: Kontor's limit is 80" is about where it is known as "the rate limit for partner Kontor": the one thing said
        lately that has all the words of its subject, with a value of the same kind and unit."""
        # "The deadline is Monday for the visa" says itself of which thing.
        said = new.fact.corrects and new.relation == "is" and not new.denies and " for " not in new.fact.object
        if not said or "is" in self._about.get(new.whose, {}):
            return None
        held: list[Entry] = []
        for old in reversed(self._entries):
            if new.number - old.number > REACH_TURNS:
                break
            if old.by is None and old.relation == "is" and not old.denies and names_it(new, old) and replaces_value(new, old):
                held.append(old)
        return held[0] if len({old.whose for old in held}) == 1 else None

    def _with_rest(self, new: Entry) -> Entry:
        """What "No, the demo is on Friday" says where it is known at which time: the day changes, the time is as it was. Also where it
        stands behind "No, it's Friday." in one turn."""
        if new.relation != "is" or new.denies or len(new.classes & {"day", "time"}) != 1:
            return new
        held = [old for old in self._holding(new) if old.classes == {"day", "time"} and takes_place(new, old, ())]
        if len(held) != 1 or new.fact.replaces or not (new.fact.corrects or (held[0].number == new.number and held[0].fact.corrects)):
            return new
        said = amended(held[0].meant.object, new.fact, whole=True)
        return new if is_beside(said) else Entry(new.fact, new.number, new.subject, new.verb, replace(new.fact, object=said))

    def _candidates(self, new: Entry, replaced: tuple[str, ...]) -> list[Entry]:
        """Facts about the same subject that the new one can change: of its relation and those beside it, or, where it says what it
        replaces, of every relation."""
        relations = (new.relation, *_BESIDE.get(new.relation, ()))
        found: list[Entry] = []
        for whose in self._kin(new.whose):
            about = self._about.get(whose, {})
            for relation in about if replaced else relations:
                by_term = about.get(relation, {})
                for terms in (("",),) if relation in _COMPARED else (new.terms, replaced, fact_ends.counted(new.terms)[-1:]):
                    shared = [by_term.get(term, []) for term in terms]
                    fewest: list[Entry] = min(shared, key=len) if shared else []
                    found.extend(fewest[-_MOST_OPEN:])
        return found

    def _left(self, new: Entry) -> Entry | None:
        """What "we switched to PostgreSQL" leaves: the one thing of that kind that is in use."""
        kind = kind_of(new.terms)
        if kind is None:
            return None
        held = [
            old
            for old in self._chosen.get(kind, ())
            if old.by is None
            and (old.whose == new.whose or (old.fact.author == new.fact.author and not (is_of_part(new) or is_of_part(old))))
            and not (new.spoken_by_assistant and not old.spoken_by_assistant)
            and not slots.other_purpose(new.fact.object, old.fact.object)
        ]
        return held[0] if len(held) == 1 else None

    def _outdated(self, new: Entry) -> list[Entry]:
        """What "We upgraded to PostgreSQL 16" outdates: the one version of that thing that is in use, or the one that is used for this."""
        if new.version is None or not changes(new.fact):
            return []
        held = [
            old
            for old in self._versions.get(new.version.name, ())
            if old.by is None
            and old.version is not None
            and outdates(new.version, old.version)
            and (old.whose == new.whose or "is" in (old.relation, new.relation))
            and not (new.spoken_by_assistant and not old.spoken_by_assistant)
        ]
        return held if len({old.version.purpose for old in held if old.version is not None}) == 1 else []

    def _choose_again(self, new: Entry, replaced: tuple[str, ...]) -> None:
        """ "Let's go with MySQL instead": the last choice that this can be about, whoever made it."""
        choice = kind_of(new.terms)
        for old in reversed(self._entries):
            if old.by is not None or old.relation not in _CHOSEN or (new.spoken_by_assistant and not old.spoken_by_assistant):
                continue
            if replaced:
                if old.terms == replaced or within(replaced, old.terms):
                    old.by = new
            elif bears_on(new, old) and (choice is None or kind_of(old.terms) in (choice, None)):
                old.by = new
                return

    def _corrected(self, fact: Fact, number: int, asked: str) -> Entry | None:
        """The fact that a correction without a subject is about: the last one that has what it says is wrong, or an object of its kind."""
        if fact.verb == RATHER:
            return self._rather(fact, number, asked)
        wanted, replaced = classes(fact.object), key(fact.replaces) if fact.replaces else ()
        terms = key(fact.object)
        reach = NEAR_TURNS if fact.verb == POINTED else REACH_TURNS
        likely: list[Entry] = []
        for old in reversed(self._entries):
            if number - old.number > reach or (likely and old.number != likely[0].number and wanted != NAMES):
                break
            if old.by is not None or old.denies or old.terms == terms or (fact.author == "assistant" and not old.spoken_by_assistant):
                continue
            if fact.author != old.fact.author == old.subject:
                continue
            if replaced:
                if old.terms == replaced or within(replaced, old.terms):
                    new = replace(fact, replaces="")
                    answered = not wanted & {"day", "time"} and answers(asked, new, old.subject, old.relation, old.meant.object)
                    return None if answered else old
            elif old.relation in _CORRECTABLE and may_be(fact, wanted, old, number):
                likely.append(old)
        found = likeliest(fact, wanted, likely, number)
        return None if found is None or answers(asked, fact, found.subject, found.relation, found.meant.object) else found

    def _rather(self, fact: Fact, number: int, asked: str) -> Entry | None:
        """What "Mimo, not Momo" is about: the last one of which the second is all that was said."""
        left, wanted = key(fact.replaces), classes(fact.object)
        for old in reversed(self._entries):
            if number - old.number > REACH_TURNS:
                break
            if old.by is None and not old.denies and old.relation in ONE_VALUE and old.classes == wanted and is_said_as(left, fact, old):
                new = replace(fact, replaces="")
                answered = not says_he_meant(fact) and answers(asked, new, old.subject, old.relation, old.meant.object)
                return old if is_meant(fact, old) and not answered else None
        return None


def _put(held: list[Entry], entry: Entry) -> None:
    held.append(entry)
    if len(held) % _PRUNED_EACH == 0:
        held[:] = [old for old in held if old.by is None]


def fold_facts(turns: Iterable[tuple[int, Iterable[Fact], str]]) -> Ledger:
    """The ledger of a branch: number and facts of each of its turns, in order, and what an assistant asked right before it."""
    ledger = Ledger()
    for number, facts, asked in turns:
        ledger.add(facts, number, asked)
    return ledger


def _status(entry: Entry) -> Status:
    return "superseded" if entry.by is not None else _STANDS[entry.meant.stance]
