"""The forms of English sentences that state a fact: one rule each, tried on a clause by its first word.

Rule: a form is listed only where nearly all that has it is a fact. Groups: `o` the object, `s` the subject where it is not who speaks,
`x` what the object takes the place of, `n` marks a denial, `f` a word that only some authors' statements may have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.core.records import FactKind, Stance
from backstory.memory.forms import ALWAYS, Form

Needs: TypeAlias = Literal[
    "", "value", "datum", "name", "date", "place", "person", "choice", "swapped", "traded", "product", "pick", "colour", "make"
]
"""What an object has to be: anything that says something, a value (a number, date, path, address, code or name), a value that is no name,
a proper name, something with a date or time in it, a place, a value unless the subject is a thing of a person's own, something that
people choose one of, the same or what it takes the place of ("traded": by a name), one of a known kind, one of several by its colour or
size, or a colour or a make ("a Volvo") of a thing."""

_ADV = (
    r"(?:(?:really|generally|usually|always|personally|still|now|also|just|actually|definitely|mostly|strongly|absolutely|currently|recently"
    r"|finally|simply|only|already|normally|typically|rather|much|have|both|all|officially) ){0,3}"
)
_O = r"(?P<o>.+)"
_NOUN = r"[\w./@#&'+-]+"
_PREPOSITION = (
    r"(?:from|to|of|for|with|without|at|on|in|into|onto|by|as|than|about|after|before|between|until|till|since|during|over|under|up|down"
    r"|off|out|back|away|ahead|forward|together)"
)
# A thing has no name that begins with a preposition: "switched from A to B" says nothing of a "from A".
_S = rf"(?P<s>(?!{_PREPOSITION}\b)(?:{_NOUN} ){{0,5}}?{_NOUN})"
_WE = r"(?:we(?:'ll|'re| will| are|'ve| have)?(?: now| all| just| then)*|let's|let us)"
_TOGETHER = "meet|ship|launch|release|go live|leave|fly|present|start|deploy|move|deliver|demo"
_I = r"(?:i(?:'ve| have)?)"
_IM = r"(?:i'm|i am|im)"
KIN = (
    r"(?:(?:older|younger|big|little|twin|elder|eldest|youngest|best|ex|step|late|new|old)[ -])?(?:sister|brother|mother|mom|mum|father|dad"
    r"|wife|husband|son|daughter|partner|girlfriend|boyfriend|fianc[eé]e?|aunt|uncle|cousin|niece|nephew|grandmother|grandma|grandfather"
    r"|grandpa|friend|boss|manager|colleague|coworker|co-worker|neighbou?r|roommate|flatmate|teacher|doctor|dentist|therapist|landlord"
    r"|dog|cat|puppy|kitten|horse|parrot|rabbit|hamster|pet|baby|kid|child)"
)
NAME = r"[A-ZÀ-ÖØ-Þ][\w'’-]*(?: [A-ZÀ-ÖØ-Þ][\w'’-]*)?"
_USE = r"(?:use|go with|stick with|stay with|stick to|adopt|build on|build with|host on|host it on|deploy on|deploy to|deploy it on|run on)"
_USING = r"(?:using|going with|sticking with|staying with|adopting|building on|hosting on|deploying on|deploying to|running on)"
_TO = r"(?:switch|switched|switching|move|moved|moving|migrate|migrated|migrating|change|changed|changing)(?: over)?"
_ADOPT = r"(?:(?:up|down)grad(?:e|ed|ing)|switch|switched|switching|migrate|migrated|migrating|change|changed|changing)(?: over)?"
_CHANGED = (
    r"(?:moved|postponed|rescheduled|pushed(?: back)?|brought forward|delayed|shifted|changed|bumped|switched"
    r"|extended|slipped|renamed|increased|raised|lowered|upgraded|downgraded|updated)"
    r"(?: by [\w ]{1,20}?)?"
)
_OWNED = (
    r"(?:dogs?|cats?|puppy|kitten|horses?|parrot|rabbits?|hamster|pets?|car|bike|bicycle|motorbike|boat|house|flat|apartment|garden|piano|guitar"
    r"|violin|sons?|daughters?|sisters?|brothers?|twins?|kids?|child|children|wife|husband|boyfriend|girlfriend|macbook|laptop|pc|iphone|pixel"
    r"|tablet|ipad|nas|printer|camera|allergy|degree|phd|raspberry pi)"
)
_DO_WORDS = """
    use write answer reply respond add include put call ask run commit push merge format explain show give return make avoid mention start
    end begin translate quote cite test check delete remove change touch edit create generate assume suggest say speak be deploy install
    import refer address keep offer apologize apologise summarize summarise send share modify log print follow prefer convert round sort
    skip reveal
"""
_DO = f"(?:{'|'.join(_DO_WORDS.split())})"
# Where, when and how, not for whom.
_NO_WORK = r"(?!(?:\d|home\b|nights?\b|weekends?\b|noon|dawn|free\b|fun\b|money\b|hours\b|now\b|once\b|an? \w+ (?:pace|speed|rate)\b))"
# What somebody has is named at once: "a question about my dog" is none.
_HAD = rf"(?:(?!(?:{_PREPOSITION}|had|been|never|owned|my|your|his|her|our|their|about|that)\b)[\w'-]+,? ){{0,4}}"
# What no home is, though its name is one: what people program in.
_TOOL = (
    r"(?-i:Rust|Go|Golang|Python|Java|Kotlin|Swift|Ruby|Elixir|Scala|Haskell|TypeScript|JavaScript|Julia|Linux|Ubuntu|Debian|Fedora|Arch"
    r"|Windows|Neovim|Vim|Emacs|Postgres|PostgreSQL|MySQL|SQLite|React|Vue|Svelte|Docker|Kubernetes|GitLab|GitHub)(?: \d[\d.]*)?"
)
_PAST = r"(?: (?:today|yesterday|recently|already|(?:last|this|on) \w+|(?:an?|two|three|\d+|a few|some) \w+ ago))?"
_TIME_ONLY = r"(?:yesterday|today|recently|already|last \w+|this \w+|(?:an?|two|three|\d+|a few) \w+ ago)(?:$|[.,;!])"
_NOT_THIS = r" (?:is not|isn't|are not|aren't) (?P<x>[^,;]{1,60}?)(?:[,;](?: but| rather| it's| it is| they're)+| but(?: rather| it's)*)"
_SOON = r"(?:bed|sleep|try|see|be|need|assume|guess|say|lunch|dinner|have to|want|ask|check|do that|the)"
_EVENT = (
    r"(?:meeting|appointment|interview|exam|call|flight|train|deadline|demo|presentation|dentist|doctor|party"
    r"|wedding|trip|review|workshop|class|test)"
)


class Rule(Struct, frozen=True):
    """`pattern` is matched at the beginning of a clause. `verb`: as facts name it. `subject`: "" = who speaks, "we", or from group `s`.
    `both`: an assistant's statement counts too. `owned`: the subject is a thing of the speaker's ("my")."""

    kind: FactKind
    verb: str
    pattern: Form
    needs: Needs = ""
    stance: Stance = "stated"
    subject: str = ""
    both: bool = False
    owned: bool = False
    longest: int = 12


def gist(pattern: str) -> str:
    """A pattern without what may be anything."""
    return pattern.replace(_ADV, "").replace(_S, "[s]").replace(_HAD, "").replace(KIN, "[k]").replace(NAME, "[n]")


def _rule(kind: FactKind, verb: str, pattern: str, needs: Needs = "", **more: object) -> Rule:
    # Typed in haste, the apostrophe is left out.
    loose = pattern.replace("n't", "n'?t").replace("let's", "let'?s")
    return Rule(kind, verb, Form(loose, re.I, gist(loose)), needs, **more)  # type: ignore[arg-type]


_ME = (
    _rule("preference", "prefers", rf"(?:{_I}|i'd|i would) {_ADV}prefer (?:to use |using )?{_O}"),
    _rule("preference", "likes", rf"{_I} {_ADV}(?:like|love|enjoy|adore) {_O}"),
    _rule("preference", "likes", rf"{_I} (?:don't|do not|never|no longer) {_ADV}(?:like|love|enjoy|adore) {_O}", stance="negated"),
    _rule("preference", "dislikes", rf"{_I} {_ADV}(?:hate|dislike|detest|loathe|can't stand|cannot stand) {_O}"),
    _rule("preference", "uses", rf"{_I} {_ADV}use {_O}"),
    _rule("preference", "uses", rf"{_IM} (?:now |still |currently )?using {_O}"),
    _rule(
        "preference",
        "uses",
        rf"{_I} (?:don't|do not|never|no longer|won't|stopped|quit) {_ADV}(?:use|using) {_O}",
        stance="negated",
    ),
    *(
        _rule("preference", verb, rf"{_I} (?:don't|do not|never|no longer|can't|cannot) {_ADV}{word} {_O}", stance="negated")
        for verb, word in (
            ("eats", "eat"),
            ("drinks", "drink"),
            ("drives", "drive"),
            ("smokes", "smoke"),
            ("plays", "play(?: the)?"),
            ("works on", "work on"),
        )
    ),
    *(
        _rule("preference", verb, rf"{_I} {_ADV}(?:started|began) {word}ing (?!{_PREPOSITION}\b)(?P<o>.+?)(?: again)?")
        for verb, word in (("eats", "eat"), ("drinks", "drink"))
    ),
    *(
        _rule("preference", verb, rf"{_I} {_ADV}(?:stopped|quit|gave up) {word}ing {_O}", stance="negated")
        for verb, word in (("likes", "(?:lik|lov|enjoy)"), ("eats", "eat"), ("drinks", "drink"))
    ),
    _rule(
        "identity",
        "works at",
        rf"{_I} {_ADV}(?:(?:quit|left|lost) (?:my |the )?(?:job|position|work) (?:at|with)|resigned from) (?P<o>.+?){_PAST}",
        stance="negated",
    ),
    *(
        _rule("preference", verb, rf"{_I} {_ADV}{word} {_O}", "name")
        for verb, word in (("speaks", "speak"), ("studies", "study"), ("teaches", "teach"), ("drives", "drive"))
    ),
    _rule(
        "preference",
        "takes",
        rf"{_I} {_ADV}take (?P<o>\d[\d.,]* ?(?:mg|g|ml|mcg|µg|units?|drops?|pills?|tablets?|capsules?) (?:of )?(?!{_PREPOSITION}\b)\w.*)",
        longest=6,
    ),
    _rule("preference", "plays", rf"{_I} {_ADV}play (?!{_PREPOSITION}\b|around\b|along\b|games\b)(?:the )?{_O}", longest=3),
    *(
        _rule("event", word.split()[0], rf"{_I} {_ADV}{word} (?!{_PREPOSITION}\b|late\b|early\b|{_TIME_ONLY}){_O}")
        for word in ("joined", "adopted", "bought", "sold", "quit", "signed up for", "graduated from", "enrolled in")
    ),
    _rule("identity", "lives in", rf"{_I} {_ADV}(?:moved|relocated) from (?P<x>.+?) to {_O}", "name"),
    _rule("preference", "switched to", rf"{_I} {_ADV}{_TO} from (?P<x>.+?) to {_O}"),
    _rule("preference", "switched to", rf"{_I} {_ADV}switched(?: over)? (?:back )?to {_O}"),
    _rule("preference", "switched to", rf"{_I} {_ADV}(?:moved|migrated)(?: over)? (?:back )?to (?P<o>{_TOOL}){_PAST}"),
    _rule("identity", "lives in", rf"(?:{_I} {_ADV}live in|{_IM} {_ADV}(?:living|based) in) {_O}", "place"),
    _rule("identity", "lives in", rf"{_I} {_ADV}(?:moved|relocated)(?: back)? to {_O}", "name"),
    _rule("identity", "lives in", rf"{_I} (?:don't|do not|no longer) {_ADV}live in {_O}", "place", stance="negated"),
    _rule("plan", "will live in", rf"{_IM} {_ADV}(?:moving|relocating) to {_O}", "name", stance="planned"),
    _rule("identity", "works at", rf"(?:{_I} {_ADV}work|{_IM} {_ADV}working) (?:at|for) {_NO_WORK}(?P<o>.+?)(?: as (?:an? |the )?.+)?"),
    _rule("identity", "works at", rf"{_I} (?:don't|do not|no longer) {_ADV}work (?:at|for) {_O}", stance="negated"),
    _rule("identity", "works as", rf"(?:{_I} {_ADV}work|{_IM} {_ADV}working) as (?!\w+ as\b)(?:an? )?{_O}"),
    _rule("identity", "works at", rf"{_I} {_ADV}(?:started at|started working at|started working for) {_O}", "name"),
    _rule("identity", "was born", r"(?:i|i'm|i am) (?:was )?born (?P<o>(?:in|on) .+)"),
    _rule("identity", "grew up in", rf"i grew up in {_O}", "place"),
    _rule("identity", "is aged", rf"{_IM} {_ADV}(?P<o>\d{{1,3}})(?: years old)?"),
    _rule("identity", "is aged", rf"{_I} {_ADV}turned (?P<o>\d{{1,3}})(?: years old)?{_PAST}"),
    _rule("identity", "is called", rf"{_IM} (?:called|named) {_O}", "name"),
    _rule("identity", "is called", rf"(?:please |just |you can |everyone |everybody |people |friends ){{0,2}}calls? me {_O}", "person"),
    _rule("identity", "is from", rf"{_IM} {_ADV}(?:originally )?from {_O}", "name"),
    # "Im Haus, ..." is German.
    _rule("identity", "is", rf"(?:i'm|i am) {_ADV}(?P<o>(?!ok\b|okay\b|fine\b|good\b|sorry\b|sure\b|not\b){NAME})(?:, .+)?", "name"),
    _rule(
        "identity",
        "is",
        rf"{_IM} (?P<n>not |no longer )?{_ADV}(?P<o>(?:vegetarian|vegan|pescatarian|lactose intolerant|gluten[- ]free"
        rf"|diabetic|married|divorced"
        r"|retired|left-handed|colou?r-?blind|celiac|coeliac|dyslexic|deaf|autistic|pregnant|allergic to .+)\b.*)",
    ),
    _rule(
        "identity",
        "is",
        rf"{_IM} (?P<n>not |no longer )?{_ADV}(?P<o>an? (?!(?:bit|little|lot|tad|few|mess|mix|bundle|ball|big fan"
        rf"|huge fan|while|pleasure)\b).+)",
    ),
    _rule("possession", "has", rf"(?:{_I}|i've got|i have got) {_ADV}(?:have |own |got )(?P<o>{_HAD}{_OWNED}\b(?! to\b).*)"),
    _rule("possession", "has", rf"i (?:don't|do not|no longer) (?:have|own) (?:an? |any )?(?P<o>.*\b{_OWNED}\b.*)", stance="negated"),
    _rule(
        "schedule",
        "has",
        rf"(?:i|we)(?:'ve got|'ve| have) (?:got )?(?P<o>(?:an? |my |the |our )?.*\b{_EVENT}\b.+)",
        "date",
        stance="planned",
    ),
    _rule("plan", "will", rf"(?:i'll|i will|i shall) {_ADV}{_O}", "date", stance="planned", longest=16),
    _rule(
        "plan",
        "plans to",
        rf"(?:{_IM} {_ADV}(?:planning to|planning on|going to(?! {_SOON}\b))|i {_ADV}(?:plan|intend) to) {_O}",
        stance="planned",
    ),
    _rule("plan", "has to", rf"i {_ADV}(?:need|have|must|'ve got|have got) to {_O}", "date", stance="planned", longest=16),
    _rule(
        "setting",
        "is",
        rf"{_I} {_ADV}(?:changed|set|bumped|raised|increased|lowered|reduced|moved|updated|renamed|switched|(?:up|down)graded)"
        rf" (?:the |our |my )?{_S}"
        rf"(?: from (?P<x>.+?))? to {_O}",
        "value",
        both=True,
    ),
    _rule(
        "decision",
        "uses",
        rf"(?:{_I} {_ADV}(?:decided|chose|opted) to (?:{_USE}|switch to)|{_I} {_ADV}(?:went with|settled on)|(?:i'll|i will|{_IM} going to)"
        rf" (?:now )?{_USE}|{_IM} (?:now )?(?:going|sticking|staying) with) {_O}",
        both=True,
    ),
    _rule("decision", "decided", rf"{_I} {_ADV}(?:decided|opted|chose)(?: on| to| that| against| for)? {_O}", both=True),
)
_WE_RULES = (
    _rule(
        "schedule",
        "is",
        rf"(?:let's|we'll|we will|we(?:'ve| have)?) {_ADV}(?:{_CHANGED}|move|postpone|reschedule|push|shift|delay|change"
        rf"|set|bump|raise|lower)"
        rf" (?:the |our |my )?{_S}(?: from (?P<x>.+?))?(?: back)? to {_O}",
        "value",
    ),
    _rule(
        "possession",
        "has",
        rf"we(?:'ve got|'ve| have)(?: got)? (?P<o>{_HAD}{_OWNED}(?: (?:called|named|and|with|now)\b.*)?)",
        subject="we",
    ),
    _rule("decision", "uses", rf"{_WE} {_ADV}(?:be |going to )?(?:{_USE}|{_USING}) {_O}", subject="we", both=True),
    _rule("decision", "uses", rf"{_WE} {_ADV}(?:going to )?{_ADOPT} from (?P<x>.+?) to {_O}", subject="we", both=True),
    _rule("decision", "switched to", rf"{_WE} {_ADV}(?:going to )?{_ADOPT} (?:back )?to {_O}", subject="we", both=True),
    _rule(
        "decision",
        "uses",
        r"(?:we(?:'re| are|'ll| will|'ve| have)? (?:all )?(?:don't|do not|no longer|won't|not|not going to|never|aren't"
        r"|stopped|won't be|not be"
        r"|decided not to|agreed not to) (?:use|using|go with|going with)|let's not (?:use|go with)|we(?:'ve"
        r"| have)? (?:dropped|ditched|abandoned"
        r"|decided against|got rid of)) (?P<o>.+)",
        stance="negated",
        subject="we",
        both=True,
    ),
    _rule(
        "decision",
        "decided",
        rf"{_WE} {_ADV}(?:decided|agreed|concluded|chose|opted|settled|voted|picked)(?: that we(?:'ll| will)?| on| for"
        rf"| to| that)?(?: (?:{_USE}|switch to|{_USING}))? {_O}",
        subject="we",
        both=True,
        longest=16,
    ),
    _rule("decision", "is called", rf"let's (?:call|name) (?:it|this|the \w+) {_O}", "name", subject="we"),
    _rule("decision", "uses", rf"(?:we'll|we will|let's) {_ADV}keep {_O}", "value", subject="we"),
    # What is denied is a habit: "we won't deploy on Friday" says nothing of other Fridays.
    _rule(
        "schedule",
        "plans to",
        rf"we {_ADV}(?:don't|do not|never|no longer) {_ADV}(?P<o>(?:{_TOGETHER})\b.*)",
        "date",
        stance="negated",
        subject="we",
    ),
    _rule(
        "schedule",
        "plans to",
        rf"(?:we'll|we will|we|we're|we are|let's) {_ADV}(?P<o>(?:meeting|shipping|launching|releasing|going live|leaving|flying|presenting"
        rf"|starting|deploying|moving|{_TOGETHER})\b.*)",
        "date",
        stance="planned",
        subject="we",
    ),
)
_OFF = r"(?:is|was|has been|got|are|had to be|has to be|just got|is now|'s been) (?P<o>(?:cancel+ed|called off))"
_MY = (
    _rule("schedule", "is", rf"my {_S} {_OFF}", owned=True),
    _rule("relation", "is called", rf"my (?P<s>{KIN})(?:'s name is| is called| is named|, called) {_O}", "name", owned=True),
    _rule("identity", "is called", rf"my (?:first |full |last )?name(?: is|'s) {_O}", "person"),
    _rule("identity", "is", rf"my {_S}{_NOT_THIS} {_O}", "person", owned=True),
    _rule(
        "identity",
        "is",
        rf"my {_S}(?: is| are) (?P<n>not |no longer )?(?:now |still |currently )?(?:(?:called|named) )?{_O}",
        "person",
        owned=True,
    ),
    _rule(
        "schedule",
        "is",
        rf"my {_S}(?: is| has been| was| got|'s)? (?:now )?{_CHANGED}(?: from (?P<x>.+?))? to {_O}",
        "value",
        owned=True,
    ),
)
_ORDERS = (
    _rule("preference", "wants", rf"(?:please )?(?P<o>(?:always|never) {_DO}\b(?! up\b| smiling\b| going\b).*)", longest=20),
    _rule(
        "preference",
        "wants",
        rf"(?:please )?(?P<o>{_DO} .+?),? (?:from now on|in (?:the )?future|going forward|at all times|every time)",
        longest=20,
    ),
    _rule("preference", "wants", rf"from now on(?:,|:)? (?:please )?{_O}", longest=20),
    _rule(
        "preference",
        "wants",
        rf"(?:in (?:the )?future|going forward),? (?:please )?(?P<o>(?:(?:always|never|don't|do not) )?{_DO}\b.*)",
        longest=20,
    ),
    _rule("preference", "wants", r"i (?:always )?want you to (?P<o>(?:always|never) .+)", longest=20),
    _rule("decision", "decided", rf"(?:(?:final )?decision|decided|agreed|we agreed|conclusion):? {_O}", subject="we", longest=16),
    _rule(
        "setting",
        "is",
        rf"(?:please )?(?:set|change|bump|raise|increase|lower|reduce|rename|move|reschedule|postpone|update) (?:the |our |my )?{_S}"
        rf"(?: from (?P<x>.+?))? to {_O}",
        "value",
    ),
)
_TAKES_PLACE = _rule(
    "schedule",
    "is",
    rf"(?:the |our |my )?{_S} (?:now )?(?:takes place|starts|begins|ends|expires|happens|closes|opens|leaves|departs)"
    r" (?P<o>(?:on|at|in|by)? ?.+)",
    "date",
)
_CONTRACTED = _rule("schedule", "is", rf"(?:the |our |my )?{_S}'s (?:now )?(?P<o>(?:on|at|due) .+)", "datum")
_THINGS = (
    _rule("schedule", "is", rf"(?:the |our |my )?{_S} {_OFF}"),
    _rule(
        "schedule",
        "is",
        rf"(?:the |our )?{_S} (?:(?:is|has|was|got|has been|is being|was just|has now been) )?{_CHANGED}(?: from (?P<x>.+?))? to {_O}",
        "value",
    ),
    _rule(
        "setting",
        "runs on",
        rf"(?:the |our )?{_S} (?:now )?(?:runs|listens|is running|is listening|is now (?:running|listening)) (?:on|at) (?:port )?{_O}",
        "value",
    ),
    _TAKES_PLACE,
    _rule(
        "setting",
        "is called",
        rf"(?:the |our )?{_S}(?:'s name is|(?: is| are| will be) (?:called|named)) (?!once|twice|again|before|after|by|\w+ly\b){_O}",
        longest=2,
    ),
    _rule("setting", "is", rf"(?:the |our )?{_S}{_NOT_THIS} {_O}", "value"),
    _rule(
        "setting", "is", rf"(?:the |our )?{_S} (?:is|are|will be) (?P<n>not |no longer )?(?:now |currently |still |actually )?{_O}", "value"
    ),
    _CONTRACTED,
    _rule("setting", "is", rf"(?:the |our )?{_S} (?:isn't|aren't|won't be) {_O}", "value", stance="negated"),
)
_ON_THEM: tuple[tuple[FactKind, str, str, Needs], ...] = (
    ("identity", "lives in", r"(?:lives in|(?:has )?(?:moved|relocated)(?: back)? to|is based in)", "name"),
    ("plan", "will live in", r"(?:moves to|is moving to)", "name"),
    ("identity", "works at", rf"(?:works at|works for|joined) {_NO_WORK}", ""),
    ("identity", "works as", r"works as an?", ""),
    ("preference", "prefers", r"prefers", ""),
    ("preference", "likes", r"(?:likes|loves|enjoys)", ""),
    ("preference", "dislikes", r"(?:hates|dislikes|can't stand)", ""),
    ("identity", "is", r"is(?= allergic to| vegetarian| vegan| married| pregnant)", ""),
    ("identity", "is", r"is (?=\d+ years old)", ""),
    ("identity", "is from", r"is from", "name"),
    ("identity", "speaks", r"speaks", "name"),
    ("identity", "was born", r"was born(?= on| in)", ""),
)


def _on_them(who: str, owned: bool) -> Iterator[Rule]:
    """What is said of somebody: of a name, or of "my sister Anna"."""
    for kind, verb, words, needs in _ON_THEM:
        pattern = Form(rf"{who} (?:now |still |recently |just )*(?i:{words}) ?{_O}", gist=words)
        yield Rule(kind, verb, pattern, needs, "planned" if kind == "plan" else "stated", owned=owned)


_THEM = tuple(_on_them(rf"(?P<s>{NAME})", owned=False))
_OF_KIN = tuple(_on_them(rf"(?i:my )(?P<s>(?i:{KIN}))(?:,? (?P<who>{NAME}),?)?", owned=True))
_THEIR = (
    _rule("identity", "is", rf"(?P<o>.+?) (?:is|are) my (?P<s>(?:all-time )?favou?rite {_NOUN}(?: {_NOUN})?)", owned=True, longest=6),
    _rule("relation", "is called", rf"(?P<o>{NAME}) is my (?P<s>{KIN})", "name", owned=True),
    Rule("identity", "is", Form(rf"(?P<s>{NAME}'s {_NOUN}(?: {_NOUN})?) (?i:is|are) {_O}"), "person"),
)

CORRECTION = Form(
    r"(?:(?:it|that)(?:'s| has| was| is)? (?:just |now )?(?:been |being |got )?(?:moved|changed|postponed|rescheduled|pushed|switched)"
    r"(?: back)? to|(?:it|that|this)(?:'?s| is| was| will be| should be|'ll be)|(?:what )?i (?:meant|wanted)(?: to (?:say|write"
    r"|type))?(?: is| was)?|make (?:it|that)|it(?:'s)? now(?: is)?"
    r"|(?:it|that|this) (?:starts|begins|ends|takes place|happens|opens|closes|leaves|is due|is scheduled))? ?"
    r"(?:(?:actually|really|now|on|at|in|for|due|called|port|version) )*(?P<o>.+?)"
    # What it is about may come last: "it's Tuesday, the appointment".
    r"(?:, (?-i:the|my|our) (?-i:[a-z])[\w'-]*(?: [\w'-]+){0,4})?",
    re.I,
)
NOT_BUT = Form(r"(?:it's |that's )?not (?!only\b|just\b|all\b)(?P<x>.+?)(?:,|;| but) ?(?:but |it's |rather |on |at )*(?P<o>.+)", re.I)
IS_NOT_BUT = Form(rf"(?:my|our|the) [^,;]{{1,60}}?{_NOT_THIS} [^,;]+", re.I)
LEAD = Form(
    r"(?:(?:so|well|ok|okay|oh|and|also|but|btw|by the way|fyi|just so you know|for the record|please note(?: that)?"
    r"|note(?: that)?|hey|hi|hello|yes"
    r"|yeah|yep|right|anyway|listen|look|ah|h+m+|great|cool|perfect|good|alright|all right|sure|thanks|thank you|fine"
    r"|then|now|first|as i said|as you know|info|reminder|update|in fact|unfortunately|sadly|today|i said|again|in that case|one more thing"
    r"|good news|quick update|guess what|plus|anyways|so yeah|you know)\b[,:!.–—-]*\s+"
    r"|(?:because|since)\s+(?=(?:i|i'm|i've|we|we've|we're|my|our)\b)"
    r"|(?P<fix>(?:actually|sorry|scratch that|i was wrong|my mistake|my bad|oops|on second thoughts?|change of plans?|plans? changed"
    r"|i changed my mind|changed my mind|i misspoke|instead)\b ?[,:!.;–—-]*\s+"
    r"|(?:i|we)(?:'ve| have)? (?:just |recently |finally )*(?:moved|relocated|switched|changed)(?: house| again| jobs| it)?[,:!.;–—-]+\s+"
    r"|(?:nein|nee|nö)\b ?[,:!–—-]+\s+(?=\d)|(?:no+|nope|nah|wait|wrong|correction)\b(?: ?[,:!.;–—-]+\s+|[–—]"
    r"|\s+(?=(?:no|it|it'?s|that|that'?s|the|i|my|we|our|make|wait|sorry|actually|not|\d[\d.:]*|\w+day)\b)))"
    r"|(?P<keep>(?:please |can you |you should )?(?:remember|keep in mind|don't forget|do not forget|bear in mind"
    r"|make a note|for future reference)"
    r"(?: that|:| also| to)?\s+)(?!when\b|how\b|what\b|the time\b|me\b|why\b|who\b))",
    re.I,
    ALWAYS,
)
ONLY_FIX = Form(
    r"(?:no+|nope|nein|non|não|nie|nee|нет|不对|不對|不是|错了|錯了|いいえ|いえ|違います|nah|wait|sorry|oops|actually|correction"
    r"|scratch that|my mistake|my bad|i was wrong|wrong|not quite"
    r"|change of plans?|i changed my mind|changed my mind|that's wrong|that's not right|i misspoke"
    r"|on second thoughts?)(?: no| sorry| wait)*[.,!:…。，、！]*$",
    re.I,
)
LABELLED = Form(
    r"(?:(?P<s>(?!(?i:https?|ftp|see|url|link|e\.g|please|look|check|read|try|fix|visit|have|could|can)\b|(?i:go|open|run|take) )"
    r"[A-Za-z][\w.-]*(?P<more>(?: [\w.-]+){1,3})?):(?(more)\s+|(?!(?<=\d:)\d)\s*)(?!//)(?P<o>(?:[^:]|:(?! ))+)"
    r"|(?:export )?(?P<name>[A-Z_][A-Z0-9_]+|[a-z]+(?:_[a-z0-9]+)*)\s?=\s?(?P<value>[^=]+))",
)
_FEEL = (
    r"(?:(?:really|also|absolutely|usually|generally|much|rather) )*(?:(?P<not>hates?|dislikes?|detests?|loathes?|can't stand|cannot stand)"
    r"|(?P<rather>prefers?)|loves?|enjoys?|adores?)"
)
SINCE = Form(rf"(?:now )?(?:(?P<job>work) (?:at|for|with)|live in) (?P<o>(?-i:{NAME}))(?: now)?", re.I)
"""Where the person of the clause before this one is now, who has just said where he is no more."""
ALSO = Form(rf"{_FEEL} {_O}", re.I)
"""What the person of the clause before this one feels about something, too."""
CUT = Form(
    r"(?P<only>,?\s+(?:when|whenever|where|until|as soon as|in order to|so that)\b)|\s*;|\s[–—-]{1,2}\s|,?\s+(?:but"
    r"|because|cause|cuz|although|though|whereas|while|since)\b"
    r"|(?<!\bfrom now on)(?<!\bgoing forward)(?<!\bfuture),\s+(?:which|who|then|so|as|given|except|especially|please|thanks)\b|\s\("
    r"|,?\s+(?:and|so|or)\s+(?=(?:i|i'm|i've|i'll|we|we'll|we're|my|our|the|it|it's|he|she|they|let's|please|call|always|never|that|then|also|is|was"
    r"|has|will|would|can|need|want|am)\b)"
    r"|,?\s+and\s+(?=now (?:work (?:at|for|with)|live in)|(?:work (?:at|for|with)|live in) [^,;.]{1,40} now\b)"
    rf"|(?:,?\s+and|,)\s+(?={_FEEL.replace('?P<not>', '?:').replace('?P<rather>', '?:')}\s+[^\s,])"
    r"|,\s+(?=(?:i|i'm|i've|i'll|we|we'll|we're|my|our|it's|it is|the \w+ is off|let's|he|she|they|and)\b)",
    re.I,
    ALWAYS,
)

_ORDER_WORDS = """
    always never from in going final decision decided agreed conclusion set change bump raise increase lower reduce rename move reschedule
    postpone update
"""
_BY_WORD: Mapping[str, Sequence[Rule]] = {
    **dict.fromkeys((*_DO_WORDS.split(), *_ORDER_WORDS.split()), (*_ORDERS, *_THINGS)),
    **dict.fromkeys(("i", "i'm", "i've", "i'll", "i'd", "im"), (*_ME, *_ORDERS)),
    **dict.fromkeys(("call", "just", "you", "everyone", "everybody", "people", "friends"), (*_ME, *_ORDERS[2:3])),
    **dict.fromkeys(("we", "we'll", "we're", "we've", "let's", "lets", "let"), (*_WE_RULES, *_ME, *_ORDERS)),
    "my": (*_OF_KIN, *_MY, _CONTRACTED, _TAKES_PLACE),
    "please": (*_ME, *_ORDERS),
}
_OTHERS = (*_THEIR, *_THEM, *_THINGS)
_NOBODY_WORDS = """
    it this that there he she they what which who whose how when where why if these those everything something nothing anything someone
    anyone nobody everyone one you your his her their its here can could do does did is are was were has have will would should may might am
    to for with on at by of as not than such both all some any no every each most many much few because although while since though unless
    mine yours ours theirs let letting thank thanks please sorry good great nice ok okay yes or and but so then also even only
"""
_NOBODY = frozenset(_NOBODY_WORDS.split())


def rules_for(word: str) -> Sequence[Rule]:
    """The rules that a clause with this first word (lower case) may have the form of."""
    found = _BY_WORD.get(word)
    if found is not None:
        return found
    return () if word in _NOBODY else _OTHERS
