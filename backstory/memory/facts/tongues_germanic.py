"""German and Dutch. See tongue.py."""

from __future__ import annotations

from functools import cache

from backstory.memory.facts.clock import DE_HOUR as SAID_HOUR
from backstory.memory.facts.german_values import changed_rows
from backstory.memory.facts.tongue import NAME, NO_THING, NO_WORK, UP, VERSION, Tongue, plain, rules, tongue, when

DE_DAYS = "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|heute|morgen|übermorgen"
DE_MONTHS = "januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
DE_HOUR = rf"(?:\d{{1,2}} [Uu]hr(?: \d\d)?|{SAID_HOUR})"
NL_DAYS = "maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|vandaag|morgen|overmorgen"
NL_MONTHS = "januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december"
NL_HOUR = r"\d{1,2} uur(?: \d\d)?"
DE_FALLS = r"fällt(?: \w+)? aus"
DE_OFF, NL_OFF = "abgesagt|ausgefallen|gestrichen", "geannuleerd|afgelast|afgezegd"


@cache
def german() -> Tongue:
    """Its forms."""
    no_place = (
        r"(?!(?:\w+(?:heit|keit|ung|schaft|mut)|Angst|Frieden|Sünde|Luxus|Ruhe|Not|Elend|Teilzeit|Vollzeit|Miete|Untermiete"
        r"|Schichten|Gefahr"
        r"|Harmonie|Panik|Sorge|Stille|Träumen|Gedanken|Regen|Hitze|Kälte|Nacht|Tag|Licht|Musik|Geld|Spaß|Freunden|Sie|Dich"
        r"|Euch|Ihn|Ihnen|Dir"
        r"|Es|Mama|Oma|Papa|Opa|Python|Java|Linux|Windows|Excel|Word|Wolken)\b)"
    )
    no_tool = r"(?!(?:Sie|Ihre?n?|Dich|Es|Zeit|Gelegenheit|\w+(?:heit|keit|ung|schaft))\b)"
    name, tool = no_place + NAME, no_tool + NAME + VERSION
    kin = (
        r"(?:Hund|Hündin|Katze|Kater|Pferd|Hamster|Kaninchen|Papagei|Bruder|Schwester|Mutter|Vater|Frau|Mann|Sohn|Tochter|Freund|Freundin"
        r"|Chef|Chefin|Nachbar|Nachbarin|Partner|Partnerin|Oma|Opa|Tante|Onkel|Kollege|Kollegin)"
    )
    owned = (
        r"(?:Hunde?|Katzen?|Kater|Pferde?|Kind(?:er)?|Sohn|Söhne|Tochter|Töchter|Br[uü]der|Schwestern?|Autos?|Haus|Wohnung|Fahrrad|Garten)"
    )
    no_pronoun = r"(?!(?:keine?n?|deine?n?|eure?n?|ihre?n?|diese?n?|seine?n?|alle|viele|Sie|Dich|Euch|Ihn|Ihnen|Es)\b)"
    noun = rf"(?:[a-zäöüß]+e[nrs]? )?[{UP}][\wäöüß-]+"
    no = "ich|er|sie|es|wir|ihr|du|dass|was|wer|wo|wenn|und|oder|aber|nicht|kein|keine|ist|sind|war"
    thing = rf"(?i:der|die|das|meine?|unsere?) (?P<s>{NO_THING}[{UP}][\w-]+(?: {plain(no)})?)"
    it, off = r"(?:es|er|sie|das|der termin)", rf"(?P<o>{DE_OFF})"
    lately = r"(?: jetzt| nun| doch| gerade| leider| wieder| heute)*"
    put = r"(?:verschoben|verlegt|vorgezogen|verschieben|verlegen|vorziehen|geändert|ändern|gelegt|umgelegt)"
    time = when(DE_DAYS, DE_MONTHS, "am|um|den|dem|der|nächsten|kommenden|diesen|erst|jetzt|ab|bis|schon", DE_HOUR)
    now = r"(?: jetzt| nun| inzwischen| derzeit| zurzeit| aktuell| weiterhin| noch)?"
    on = r"(?: jetzt| nun| gerade| letzte Woche| letzten Monat| inzwischen| vor kurzem| kürzlich| komplett| endlich)*"
    over = r"(?:umgestiegen|aktualisiert|gewechselt|migriert|umgestellt|umgezogen|gegangen)"
    being = (
        rf"(?:Vegetarier(?:in)?|Veganer(?:in)?|Diabetiker(?:in)?|verheiratet|geschieden|ledig|verwitwet|schwanger|allergisch gegen {noun})"
    )
    few = r"[\w.'&+/:@-]+(?: [\w.'&+/:@-]+){0,2}?"
    meant = (
        r"(?P<it>(?:(?:nein|sorry|ach|doch|halt|moment|entschuldigung),? )*(?:ich (?:meine|meinte)(?: natürlich| eigentlich)?"
        r"|(?:er|sie|es|das) (?:heißt|heisst|ist)(?: doch| eigentlich)?|gemeint war|nein|sorry|korrektur),? )?"
    )
    made = rules(
        "ich",
        ("identity", "is called", rf"(?i:ich hei(?:ß|ss)e|mein name ist) (?P<o>{name})"),
        ("relation", "'is called", rf"(?i:meine?|unsere?) (?P<s>{kin}) (?i:hei(?:ß|ss)t) (?P<o>{name})"),
        ("identity", "lives in", rf"(?i:ich (?:wohne|lebe){now} in) (?P<o>{name})"),
        ("identity", "lives in", rf"(?i:ich{now} in) (?P<o>{name}) (?i:wohne|lebe)"),
        ("identity", "lives in", rf"(?i:ich bin (?:\w+ ){{0,2}}nach) (?P<o>{name}) (?i:(?:um)?gezogen)"),
        ("plan", "+will live in", rf"(?i:ich ziehe (?:\w+ ){{0,2}}nach) (?P<o>{name})(?: um)?"),
        ("identity", "-lives in", rf"(?i:ich (?:wohne|lebe) nicht mehr in) (?P<o>{name})"),
        ("identity", "works at", rf"(?i:ich arbeite{now} (?:bei|für)(?: der| dem)?) (?P<o>{name})"),
        ("identity", "works at", rf"(?i:ich{now} (?:bei|für)(?: der| dem)?) (?P<o>{name}) (?i:arbeite)"),
        ("identity", "-works at", rf"(?i:ich arbeite nicht mehr (?:bei|für)(?: der| dem)?) (?P<o>{name})"),
        ("correction", "-works at", rf"(?i:(?:mir wurde|ich wurde) (?:bei|beim)(?: der| dem)?) (?P<o>{name}) (?i:gekündigt|entlassen)"),
        (
            "correction",
            "-works at",
            rf"(?i:ich habe(?: meine Stelle| meinen Job)? (?:bei|beim)(?: der| dem)?) (?P<o>{name}) (?i:gekündigt|aufgehört)",
        ),
        (
            "correction",
            "-works at",
            rf"(?i:(?:gestern|letzte Woche|(?:am )?\w+tag) war mein letzter (?:Arbeits)?tag (?:bei|beim)(?: der| dem)?) (?P<o>{name})",
        ),
        ("correction", "-works at", rf"(?i:ich habe) (?P<o>{name}) (?i:verlassen)"),
        ("correction", "-works at", rf"(?i:ich bin nicht mehr (?:bei|beim)(?: der| dem)?) (?P<o>{name})"),
        ("correction", "works at", rf"(?i:ich bin (?:jetzt|nun|inzwischen) (?:bei|beim)(?: der| dem)?) (?P<o>{name})"),
        ("preference", "likes", rf"(?i:ich (?:mag|liebe)(?: sehr)?) (?P<o>{no_pronoun}{noun})"),
        ("preference", "-likes", rf"(?i:ich mag keine?n?) (?P<o>{no_pronoun}{noun})"),
        ("preference", "dislikes", rf"(?i:ich hasse) (?P<o>{no_pronoun}{noun})"),
        ("preference", "drinks", rf"(?i:ich trinke (?:gern|gerne|am liebsten)) (?P<o>{no_pronoun}{noun})"),
        ("preference", "-drinks", rf"(?i:ich trinke keine?n?) (?P<o>{noun})(?: mehr)?"),
        ("preference", "-eats", rf"(?i:ich esse keine?n?) (?P<o>{noun})(?: mehr)?"),
        ("identity", "is", rf"(?i:ich bin(?: jetzt| seit kurzem)?) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:ich bin(?: jetzt| doch)? (?:nicht|keine?)(?: mehr)?) (?P<o>{being})(?: mehr)?"),
        ("identity", "is aged", r"(?i:ich bin(?: jetzt)?) (?P<o>\d{1,3})(?: Jahre(?: alt)?)?"),
        ("identity", "'is", rf"(?i:meine?) (?P<s>Lieblings[a-zäöüß]+) ist (?P<o>{plain(no, 1, 3)})"),
        ("schedule", "'is", rf"(?i:mein) (?P<s>Geburtstag|Hochzeitstag) ist (?P<o>{time})"),
        ("identity", "lives in", rf"(?i:meine?|unsere?) {kin} (?P<s>{NAME}) (?:wohnt|lebt){now} in (?P<o>{name})"),
        ("identity", "works at", rf"(?i:meine?|unsere?) {kin} (?P<s>{NAME}) arbeitet{now} bei (?P<o>{name})"),
        (
            "possession",
            "has",
            rf"(?i:ich habe|wir haben) (?P<o>(?:einen?|zwei|drei|vier|fünf|\d+) (?:[a-zäöüß]+ )?{owned}(?: namens {NAME})?)",
        ),
        (
            "decision",
            "~uses",
            rf"(?i:wir (?:nutzen|verwenden|benutzen){now}) (?P<o>{tool}(?: für (?:die |das |den |unsere?n? )?[{UP}][\w-]+)?)",
        ),
        (
            "preference",
            "uses",
            rf"(?i:ich (?:nutze|verwende|benutze){now}) (?P<o>{tool}(?: für (?:die |das |den |meine?n? )?[{UP}][\w-]+)?)",
        ),
        ("decision", "~-uses", rf"(?i:wir (?:nutzen|verwenden|benutzen) kein(?:e|en)?) (?P<o>{tool}) mehr"),
        ("decision", "~-uses", rf"(?i:wir (?:nutzen|verwenden|benutzen)) (?P<o>{tool}) nicht mehr"),
        ("decision", "~uses", rf"(?i:wir haben uns{on} für) (?P<o>{tool}) (?i:entschieden)"),
        ("decision", "~switched to", rf"(?i:wir (?:sind|haben){on})(?: von (?P<x>{NAME}))? (?i:auf|zu) (?P<o>{tool}) (?i:{over})"),
        ("preference", "switched to", rf"(?i:ich (?:bin|habe){on})(?: von (?P<x>{NAME}))? (?i:auf|zu) (?P<o>{tool}) (?i:{over})"),
        ("decision", "~switched to", rf"(?i:wir haben) (?P<x>{NAME}) (?i:durch) (?P<o>{tool}) (?i:ersetzt)"),
        *changed_rows(thing, time, put, tool=tool, over=over, on=on, kin=kin),
        ("schedule", "is", rf"{thing} (?:ist|findet|beginnt|startet)(?: jetzt| doch| nun)? (?P<o>{time})(?: statt)?"),
        ("schedule", "is", rf"{thing} (?:ist|wurde|musste) (?P<o>{DE_OFF})(?: worden| werden)?"),
        ("schedule", "is", rf"{thing} (?P<o>{DE_FALLS})"),
        ("schedule", "is", rf"{thing} (?:ist|wurde)(?: jetzt| nun| doch)? auf (?P<o>{time}) (?:verschoben|verlegt|vorgezogen)"),
        ("identity", "lives in", rf"(?P<s>{NAME}) (?:wohnt|lebt){now} in (?P<o>{name})"),
        ("identity", "works at", rf"(?P<s>{NAME}) arbeitet{now} bei (?P<o>{name})"),
    )
    return tongue(
        made,
        hedge=r"wenn|falls|ob|vielleicht|eventuell|wahrscheinlich|vermutlich|möglicherweise|angeblich|angenommen|könnte\w*|würde\w*|wäre\w*"
        r"|hätte\w*|sollte\w*|dürfte\w*|glaube|denke|vermute|schätze|hoffe|wünsch\w*|sag(?:t|te|en|ten)|meint|behaupte\w*"
        r"|erzähl\w*|schreibt"
        r"|schrieb|laut|früher|damals|nehmen wir|stell dir|beinahe|fast|zum beispiel|träum\w*|roman|geschichte|würd",
        cut=r",? (?:und|aber|sondern|doch|weil|da|denn|obwohl|während|wobei|sodass|nachdem|seit|seitdem) "
        r"|, (?=(?:ich|wir|meine?|unsere?|der|die|das) )",
        lead=r"(?:(?:hallo|hi|hey|ja|also|übrigens|ach|genau|okay|ok|danke|gut|zur info|info|moin|servus|außerdem|und|aber)[,!.:]? )"
        r"|(?:bitte )?(?:merke? dir|denke? daran|denk dran|vergiss nicht|notiere?(?: dir)?)(?: bitte)?[,:]? (?:dass )?",
        under="weil|da",
        fix=r"(?:ach )?(?:nein|nee|ne|nö|quatsch|falsch|korrektur|sorry|entschuldigung|moment|halt|doch nicht|stimmt nicht"
        r"|das (?:war|ist) (?:falsch|verkehrt|nicht richtig)|das stimmt(?:e)? nicht(?: mehr)?|mein fehler|falscher tag|ich (?:meine"
        r"|meinte|wollte)"
        r"(?: natürlich| eigentlich)?(?: sagen| schreiben)?|(?:da )?habe? ich mich (?:vertan|geirrt|verschrieben|vertippt)"
        r"|ich habe? mich (?:vertan|geirrt|verschrieben|vertippt))",
        it_is=r"(?:(?:es|er|sie|das|die|der|der termin) (?:ist|war|wäre) (?!(?:schon|gerade|bereits) (?!am |um )|jetzt \d"
        r"|(?:jetzt|erst) (?:halb |viertel |\w+(?::\d\d)? uhr))"
        r"|doch |erst |eher |ich meinte |lieber )*",
        named=r"(?:er|sie|es) hei(?:ß|ss)t ",
        time=time,
        not_but=rf"(?i:(?:nein, )?(?:es ist )?nicht) (?P<x>{time}),? sondern (?P<o>{time})",
        no="(?:und )?nicht",
        closing=r"wie gesagt|wie immer|diesmal|dieses mal|sorry|entschuldigung|tut mir leid|mein fehler|glaub mir|gleiche (?:uhr)?zeit"
        r"|(?:ich )?habe? (?:gerade |eben |noch mal )?nachge(?:sehen|schaut)|ich habe? es (?:gerade |eben )?nachge(?:sehen|schaut)",
        behind="(?:meinte|meine) ich(?: natürlich| eigentlich)?|wollte ich (?:sagen|schreiben)|eigentlich",
        rather=(
            rf"{meant}(?P<o>{few}),? (?:und )?(?:nicht|statt) (?P<x>{few})(?:,? sorry)?",
            rf"{meant}nicht (?P<x>{few}),? sondern (?P<o>{few})",
        ),
        points=(
            rf"(?i:(?:sie|wir|man|er|ich|die) (?:haben|hat|habe|mussten|musste) (?:es|ihn|sie|das|den termin){lately}(?: von \w+)?) "
            rf"(?i:auf |zu )?(?P<o>{time}) (?i:{put})",
            rf"(?i:{it} (?:wurde|ist|wird|musste){lately}(?: von \w+)? auf) (?P<o>{time}) (?i:{put})(?: worden| werden)?",
            rf"(?i:(?:jetzt |nun |doch )?(?:auf)) (?P<o>{time}) (?i:verschoben|verlegt|vorgezogen)",
            rf"(?i:(?:jetzt |nun |doch )?(?:verschoben|verlegt|vorgezogen) auf) (?P<o>{time})",
            rf"(?i:{it} (?:ist|findet|war)(?: nun| jetzt)? (?:doch|eigentlich)(?: erst| schon)?) (?P<o>(?=am |um |erst "
            rf"|den ){time})(?: statt)?",
            rf"(?i:{it} (?:ist|wurde){lately}) {off}(?: worden)?",
            rf"(?i:{it}) (?P<o>{DE_FALLS})",
            rf"(?i:(?:sie|wir|man|er|ich) (?:haben|hat|habe) (?:es|ihn|sie|das|den termin){lately}) {off}",
        ),
    )


@cache
def dutch() -> Tongue:
    """Its forms."""
    no = (
        "ik|hij|zij|ze|het|wij|we|jij|je|dat|die|deze|dit|wat|wie|waar|als|en|of|maar|niet|geen|is|zijn|was|jou|jullie|u|hem|haar|idee|feit"
    )
    kin = (
        r"(?:hond|kat|poes|paard|konijn|broer|zus|moeder|vader|vrouw|man|zoon|dochter|vriend|vriendin|baas|buurman|oma|opa"
        r"|tante|oom|collega)"
    )
    owned = (
        r"(?:honden|hond|katten|kat|kinderen|kind|zonen|zoon|dochters|dochter|broers?|zussen|zus|auto's?|huis|appartement"
        r"|fietsen|fiets|tuin)"
    )
    time = when(NL_DAYS, NL_MONTHS, "op|om|de|aanstaande|volgende|komende|nu|pas|al|vanaf", NL_HOUR)
    thing = rf"(?i:de|het|mijn|onze|ons) (?P<s>{NO_THING}{plain(no, 1, 4)})"
    now = r"(?: nu| tegenwoordig| momenteel| inmiddels| nog)?"
    being = r"(?:vegetariër|vegetarisch|veganist|getrouwd|gescheiden|zwanger|diabeet)"
    made = rules(
        "ik",
        ("identity", "is called", rf"(?i:ik heet|mijn naam is) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:mijn|onze) (?P<s>{kin}) (?i:heet) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:ik woon{now} in) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:ik{now} in) (?P<o>{NAME}) (?i:woon)"),
        ("identity", "lives in", rf"(?i:ik ben (?:\w+ ){{0,2}}naar) (?P<o>{NAME}) (?i:verhuisd)"),
        ("identity", "lives in", rf"(?i:ik ben (?:\w+ ){{0,2}}verhuisd naar) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:ik woon niet meer in) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:ik werk{now} (?:bij|voor)(?: de| het)?) (?P<o>{NO_WORK}{NAME})"),
        ("identity", "works at", rf"(?i:ik{now} (?:bij|voor)) (?P<o>{NO_WORK}{NAME}) (?i:werk)"),
        ("identity", "-works at", rf"(?i:ik werk niet meer (?:bij|voor)) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:ik heb (?:mijn )?ontslag genomen bij) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:(?:gisteren|vorige week|\w+dag) was mijn laatste (?:werk)?dag bij) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:ik (?:ben weg|werk niet langer) bij) (?P<o>{NAME})"),
        ("correction", "works at", rf"(?i:ik (?:zit|ben) (?:nu|inmiddels) bij) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:ik hou(?:d)?(?: erg| veel)? van) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-likes", rf"(?i:ik hou(?:d)? niet van) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "dislikes", rf"(?i:ik haat) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-drinks", rf"(?i:ik drink geen) (?P<o>{plain(no, 1, 2)})"),
        ("preference", "-eats", rf"(?i:ik eet geen) (?P<o>{plain(no, 1, 2)})"),
        ("identity", "is", rf"(?i:ik ben(?: nu)?) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:ik ben(?: nu| toch)? (?:niet|geen)(?: meer)?) (?P<o>{being})(?: meer)?"),
        ("identity", "is aged", r"(?i:ik ben(?: nu)?) (?P<o>\d{1,3})(?: jaar(?: oud)?)?"),
        ("possession", "has", rf"(?i:ik heb|we hebben|wij hebben) (?P<o>(?:een|twee|drie|vier|vijf|\d+) {owned}(?: genaamd {NAME})?)"),
        ("decision", "~uses", rf"(?i:(?:we|wij) gebruiken{now}) (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:ik gebruik{now}) (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:(?:we|wij) gebruiken (?:geen )?)(?P<o>{NAME}) (?:niet )?meer"),
        (
            "decision",
            "~switched to",
            rf"(?i:(?:we|wij) zijn(?: \w+)?)(?: van (?P<x>{NAME}))? (?i:overgestapt|overgegaan|gemigreerd) (?i:op|naar) (?P<o>{NAME})",
        ),
        ("schedule", "is", rf"{thing} (?:is|begint|start)(?: nu| toch)? (?P<o>{time})"),
        ("schedule", "is", rf"{thing} is (?P<o>{NL_OFF})"),
        ("schedule", "is", rf"{thing} is(?: nu)? (?:verplaatst|verzet|uitgesteld|verschoven) naar (?P<o>{time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) woont{now} in (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) werkt{now} bij (?P<o>{NAME})"),
    )
    return tongue(
        made,
        hedge=r"als|indien|of|misschien|wellicht|waarschijnlijk|vermoedelijk|denk|geloof|hoop|vermoed|zou|zouden|zegt|zei"
        r"|zeggen|vertelde|beweert"
        r"|volgens|vroeger|ooit|bijna|stel|bijvoorbeeld|wens|droom",
        cut=r",? (?:en|maar|want|omdat|aangezien|hoewel|terwijl|dus|waar) |, (?=(?:ik|we|wij|mijn|onze|de|het) )",
        lead=r"(?:(?:hallo|hoi|hi|hey|ja|dus|trouwens|oké|ok|bedankt|ter info|info|ook|en|maar)[,!.:]? )"
        r"|(?:onthoud|vergeet niet|denk eraan|noteer)(?: alsjeblieft)?[,:]? (?:dat )?",
        under="omdat|aangezien|doordat",
        fix=r"(?:oh )?(?:nee|sorry|oeps|correctie|wacht|fout|eigenlijk)",
        it_is=r"(?:(?:het|hij|ze|die|dat) (?:is|was) |toch |pas |ik bedoelde |liever )*",
        named=r"(?:hij|zij|ze) heet ",
        time=time,
        not_but=rf"(?i:(?:nee, )?(?:het is )?niet) (?P<x>{time}),? maar (?P<o>{time})",
    )
