"""Words: folding, tokens, stop words and stems.

Rule: the same text gives the same terms wherever it is read (a turn when it is indexed, a question when it is asked). English is
stemmed; words of other languages pass as they are (what they are without their endings: recall/inflected.py); scripts that put no spaces
between words become overlapping pairs of characters.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from threading import local

from snowballstemmer import stemmer

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_VOWELS = (
    "\u0900-\u0963\u0980-\u09e3\u0a00-\u0a65\u0a80-\u0ae3\u0b00-\u0b63\u0b80-\u0bd7\u0c00-\u0c63\u0c80-\u0ce3\u0d00-\u0d63\u0d80-\u0df3"
)
"""Of the scripts of India, where the signs of vowels are no letters by themselves."""
_WORD = re.compile(f"(?:[^\\W_]|[{_VOWELS}])+")
_PLAIN = re.compile(r"[^\W_]+")
_RUN = re.compile(f"[{_UNSPACED}]+|(?:[^\\W_{_UNSPACED}]|[{_VOWELS}])+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_HIRAGANA = re.compile("[\u3041-\u309f]")
_LONE_KANJI = re.compile("(?<![\u3400-\u4dbf\u4e00-\u9fff])[\u3400-\u4dbf\u4e00-\u9fff](?![\u3400-\u4dbf\u4e00-\u9fff])")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_ORDINAL = re.compile(r"\d+(?=(?:st|nd|rd|th|s)$)")
_LONGEST_WORD = 40
"""Longer runs of letters and digits are hashes and encoded data: cut, so that they do not fill the vocabulary."""

_STOPS = """
    a an the all and or but nor so yet if then else than as at by for from in into of off on onto out over to up upon with without within
    about above across after again against along also although am among amp an any anybody anyone anything are aren around as aside
    away back be became because become becomes been before being below between both can cannot could couldn did didn do does doesn
    doing don done down during each either ever every everybody everyone everything few further had hadn has hasn have haven having he
    her here hers herself him himself his how however i im if instead is isn it its itself ive just let lets like likely ll lot lots
    may maybe me might mine more most much must mustn my myself near needn neither no none not nothing now often oh ok okay once
    ones only other others our ours ourselves own per perhaps quite rather re really s said same say says shall shan she should
    shouldn since some somebody someone something sometimes soon still such sure t than that thats the their theirs them themselves
    there these they thing things this those though through thus till too toward towards under until us ve very was wasn way we well
    were weren what whatever when whenever where whether which while who whom whose why will won would wouldn yeah yep yes you your
    yours yourself yourselves hey hi hello wow haha thanks thank please gonna wanna gotta kinda d m o
    """
STOP_WORDS = frozenset(_STOPS.split())
"""Words that do not say what a text is about."""

_FORMS = """
    sow sowed sown|arise arose arisen|awake awoke|beat beaten|begin began begun|bend bent|bind bound|bite bit bitten|bleed bled
    blow blew blown|break broke broken|breed bred|bring brought|build built|burn burnt|buy bought|catch caught
    choose chose chosen choice|come came|creep crept|deal dealt|dig dug|draw drew drawn|dream dreamt|drink drank drunk
    drive drove driven|eat ate eaten|fall fell fallen
    feed fed|feel felt|fight fought|find found|flee fled|fly flew flown flight|forget forgot forgotten|forgive forgave forgiven
    freeze froze frozen|get got gotten|give gave given|go went gone|grow grew grown growth|hang hung|hear heard|hide hid hidden
    hold held|keep kept|kneel knelt|know knew known|lay laid|lead led|leap leapt|learn learnt|leave left|lend lent|light lit
    lose lost loss|make made|mean meant|meet met|pay paid|prove proven proof|ride rode ridden|ring rang rung|rise rose risen|run ran
    see saw seen|seek sought|sell sold sale|send sent|sew sewn|shake shook shaken|shine shone|shoot shot|show shown|shrink shrank shrunk
    sing sang sung song|sink sank sunk|sit sat|sleep slept asleep|slide slid|speak spoke spoken speech|spend spent|spin spun
    stand stood|steal stole stolen|stick stuck|sting stung|strike struck|swear swore sworn|sweep swept|swim swam swum|swing swung
    take took taken|teach taught|tear tore torn|tell told|think thought|throw threw thrown|understand understood|wake woke woken
    wear wore worn|weave wove woven|weep wept|win won|write wrote written|child children|man men|woman women|person people|foot feet
    tooth teeth|mouse mice|goose geese|life lives|wife wives|leaf leaves|knife knives|shelf shelves|half halves|wolf wolves
    loaf loaves|thief thieves|good better best|bad worse worst|die dead death died dying|marry marriage|weigh weight|advise advice
    believe belief|succeed success successful successfully|receive receipt|describe description|decide decision|destroy destruction
    explain explanation|compete competition competitive competitor|explore exploration|inspire inspiration inspirational
    organize organise organised organising organisation organization organizer organiser|athlete athletic athletics|long length
    strong strength|high height|wide width|deep depth|health healthy|true truth|young youth|able ability|argue argument
    favorite favourite fav fave|color colour|neighbor neighbour neighborhood neighbourhood|center centre|theater theatre
    photograph photo photography photographer pic|fridge refrigerator|phone telephone cellphone|tv television|ad ads advertisement advert
    exam examination|math maths mathematics|gym gymnasium|mom mum mother mama mommy mummy|dad father papa daddy
    grandma grandmother granny gran|grandpa grandfather granddad|puppy pup|kitten kitty|college uni university|doctor dr|movie film
    plane airplane aeroplane|burger hamburger|sis sister|bro brother|grey gray|realize realise|apologize apologise apology
    analyze analyse analysis|practice practise|defense defence|license licence|program programme|travel traveled travelled traveling
    travelling traveler traveller|cancel canceled cancelled|app application|config configuration configure|repo repository
    db database|auth authentication authenticate authorization authorize|admin administrator|env environment|param parameter
    dev develop development developer|docs documentation document|perf performance|msg message|info information|pro professional
    veg vegetable veggie|specs specification|apt apartment|comfy comfort comfortable|fam family|congrats congratulations congratulate
    bday birthday|bike bicycle biking cycling cyclist|choir choral|religion religious|music musical musician|politics political politician
    science scientific scientist|art artist artistic artwork|history historic historical historian|finance financial
    economy economic economics|technology technological tech|psychology psychological psychologist|nation national|hope hopeful
"""
_IRREGULAR = {form: row[0] for line in _FORMS.replace("\n", "|").split("|") if (row := line.split()) for form in row[1:]}
"""Irregular forms, spellings and everyday short forms that a stemmer does not bring together."""

_NUMBER_NAMES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
    twenty thirty forty fifty sixty seventy eighty ninety hundred thousand twice thrice
"""
_NUMBERS = dict(zip(_NUMBER_NAMES.split(), [*map(str, range(21)), *map(str, range(30, 100, 10)), "100", "1000", "2", "3"], strict=True))
_AGENTS = (("ers", 4), ("er", 4), ("or", 5), ("ist", 4))
"""Endings of doers that the stemmer leaves (teacher, runner, collector, guitarist), and how much must be left of the word."""
_NO_DOER_WORDS = """
    number summer corner letter member dinner winter weather career flower shower tower power matter center counter brother sister father
    mother daughter doctor computer offer remember order register error author honor color favor flavor labor neighbor consider discover
    deliver together partner customer consumer answer later never paper water river silver copper rubber ladder bladder shoulder soldier
    chapter character quarter october november december september monster master minister minor major mirror motor tutor sector vector
    factor actor doctor harbor humor rumor tumor visor exist list twist insist consist persist assist mist fist whether either neither
    rather other another under over after ever wonder hunger anger danger finger ginger tiger eager spider feather leather pepper
    supper copper slipper zipper hammer grammar bitter butter better twitter litter glitter gutter shutter buffer differ suffer prefer
    refer transfer infer confer premier barrier carrier frontier chocolatier easter oyster cluster filter foster roster poster
    disaster semester trimester lobster hamster sweater theater meter liter diameter parameter perimeter thermometer kilometer cheer
    career volunteer engineer pioneer beer deer steer peer veer sheer queer header folder border cinder tender gender slender calendar
    lavender hyper super proper temper whisper cancer officer grocer soccer layer prayer player lawyer buyer fever lever clever forever
    however cover recover uncover hover shiver sliver quiver beaver weaver cadaver saver favor tailor sailor trailer boiler cellar collar
    dollar solar polar popular regular similar singular particular cellular muscular interior exterior superior inferior prior senior junior
    """
_NO_DOERS = frozenset(_NO_DOER_WORDS.split())
"""Words with such an ending that stand for themselves."""

_stemmers = local()


def _stem(word: str) -> str:
    """The English stem. A stemmer holds the word it works on, so each thread has its own."""
    try:
        stemmed = _stemmers.english(word)
    except AttributeError:
        _stemmers.english = stemmer("english").stemWord
        stemmed = _stemmers.english(word)
    return str(stemmed)


def fold(text: str) -> str:
    """Lower case, compatibility forms and accents folded, "1,000" as "1000"."""
    if "," in text:
        text = _GROUPED.sub("", text)
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFKC", "".join(c for c in plain if not unicodedata.combining(c))).lower()


def words(text: str) -> list[str]:
    """Folded words in order, stop words included; names in camelCase are followed by their parts, unspaced scripts are cut in pairs. In
    Japanese a sign that is a word by itself follows them."""
    if _INNER_CAPITAL.search(text):
        text = _WORD.sub(_with_humps, text)
    folded = fold(text)
    if folded.isascii():
        return _PLAIN.findall(folded)
    if not _IS_UNSPACED.search(folded):
        return _WORD.findall(folded)
    found: list[str] = []
    for run in _RUN.findall(folded):
        if _IS_UNSPACED.match(run):
            found.extend(run[i : i + 2] for i in range(max(1, len(run) - 1)))
            if len(run) > 1 and _HIRAGANA.search(run):
                found.extend(_LONE_KANJI.findall(run))
        else:
            found.append(run)
    return found


def has_hiragana(word: str) -> bool:
    """Whether a pair of characters has one of those that Japanese writes particles and endings with."""
    return not word.isascii() and _HIRAGANA.search(word) is not None


def terms(text: str) -> list[str]:
    """Index terms of a text, in order, with repeats: stems of all words but stop words."""
    return terms_of(words(text))


def terms_of(said: Iterable[str]) -> list[str]:
    """The same of words that are folded."""
    return [term for word in said if word not in STOP_WORDS and (term := stem(word))]


def forget() -> None:
    """Hold no words any more."""
    stem.cache_clear()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The index term of a folded word; "" for one that is no term (a lone letter)."""
    word = word[:_LONGEST_WORD]
    if word in _NUMBERS:
        return _NUMBERS[word]
    if not word.isascii():
        return word
    if not word.isalpha():
        ordinal = _ORDINAL.match(word)
        return ordinal.group().lstrip("0") or "0" if ordinal else word.lstrip("0") or "0"
    if len(word) == 1:
        return ""
    root = _IRREGULAR.get(word) or _IRREGULAR.get(word.removesuffix("s"))
    if root:
        return str(_stem(root))
    return str(_stem(word)) if word in _NO_DOERS or word.removesuffix("s") in _NO_DOERS else _doing(str(_stem(word)))


def _doing(term: str) -> str:
    """The stem of what a doer does: dancer, runner and painter beside dance, run and paint."""
    for ending, least in _AGENTS:
        if term.endswith(ending) and len(term) >= len(ending) + least:
            left = term.removesuffix(ending)
            if left[-1] == left[-2] and left[-1] not in "sl":
                left = left[:-1]
            return str(_stem(left))
    return term


def _with_humps(match: re.Match[str]) -> str:
    word = match.group()
    if not _INNER_CAPITAL.search(word):
        return word
    parts = _HUMP.findall(word)
    return f"{word} {' '.join(parts)}" if len(parts) > 1 else word


def stands(short: str, long: str, most: int = sys.maxsize) -> bool:
    """Whether a text stands in another between gaps, and not within a word. Looks at `most` places; an empty one stands everywhere."""
    at = long.find(short)
    while at >= 0 and most > 0:
        end = at + len(short)
        torn = (at and long[at - 1].isalnum() and short[:1].isalnum()) or (long[end : end + 1].isalnum() and short[-1:].isalnum())
        if not torn:
            return True
        at, most = long.find(short, at + 1), most - 1
    return False
