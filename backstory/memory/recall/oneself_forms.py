"""The forms of questions about whoever asks, and of sentences in which people tell of themselves, by kind and language.

Rule: source text only (oneself.py reads it). Questions are sentences without marks and capitals, apostrophes are spaces; what stands
before and behind them in passing is in LEADS and TRAILS. What is told keeps its capitals: a name is known by them.
"""

from __future__ import annotations

_UP = "A-ZÀ-ÖØ-ÞĄĆĘŁŃÓŚŹŻА-ЯЁ"
_NAMED = rf"[{_UP}][^\W\d_]+"
# What a capital after "I'm" says instead of a name.
_NO_NAME = (
    r"(?!(?:I|OK|Okay|Not|So|Sorry|Just|The|A|An|In|On|At|From|Going|Using|Trying|Looking|[A-Z]\w*(?:ish|ese|[^o]ian|ican|ing|ist|er))\b)"
)

SELF = """
    i my me myself user users ich mein meine meinen mich mir je j m mon ma moi me mi mí soy vivo trabajo tengo dedico nací cumplo hago estoy
    mio mia abito vivo sono lavoro ho faccio compio io meu minha mim eu moro trabalho tenho faço nasci sou ik mijn mij mam się jestem ja
    moje mój moja mieszkam pracuję mnie robię я меня мне моя мое моё мой мои мной обо
"""
"""Every such question has one of these words."""
SIGNS = "im we bin hier this it chiamami llámame noem nazywam urodziny hallo hi hello hey"
"""Of sentences in which people tell of themselves, nearly every one has one of these words, of those above or of CUES."""

LEADS = {
    "en": "hey|hi|hello|please|ok|okay|so|and|now|well|sorry|again|then|but"
    "|(?:do|did|can|could|would|will) you (?:still |please |also |even |just |maybe )?"
    "(?:remember|recall|know|tell me|remind me(?: of)?|say|guess)"
    "|you (?:still )?(?:remember|know)|(?:tell|remind) me(?: again)?(?: of)?|i (?:forgot|forget|wonder)|what about|by the way|btw",
    "de": "hallo|hi|hey|bitte|sag mal|sag mir(?: bitte)?|und|also|ach|weißt du(?: noch| eigentlich)?|weisst du(?: noch| eigentlich)?"
    "|erinnerst du dich (?:noch )?(?:an|daran)?|kennst du(?: noch)?|(?:kannst|könntest) du (?:mir )?(?:bitte )?sagen",
    "fr": "bonjour|salut|alors|et|au fait|dis moi|dites moi|rappelle moi|(?:est ce que )?(?:tu|vous) (?:te |vous )?"
    "(?:sais|savez|connais|connaissez|souviens|souvenez|rappelles)(?: encore| toujours)?(?: de)?"
    "|(?:te souviens|vous souvenez|sais|savez|connais|connaissez) (?:tu|vous)(?: encore| toujours)?(?: de)?|peux tu me (?:dire|rappeler)",
    "es": "hola|oye|dime|y|pues|por favor|(?:tú )?(?:sabes|recuerdas|te acuerdas de|sabe usted|conoces)(?: todavía| aún)?"
    "|puedes decirme|me puedes decir|recuérdame",
    "it": "ciao|dimmi|e|allora|scusa|(?:ti ricordi|ricordi|sai|conosci|sa)(?: ancora)?(?: di)?|puoi dirmi|ricordami",
    "pt": "olá|oi|e|diga me|me diga|diz me|por favor|(?:você |tu )?(?:sabe|sabes|lembra|se lembra|lembras te|te lembras|conhece)"
    "(?: ainda)?(?: d[eo])?|pode me dizer",
    "nl": "hallo|hoi|en|zeg|zeg eens|weet (?:je|u)(?: nog)?|ken je|kun je (?:me|mij) (?:zeggen|vertellen)|herinner je je",
    "pl": "cześć|hej|a|i|powiedz mi|(?:czy )?(?:wiesz|pamiętasz|znasz)(?: jeszcze)?",
    "ru": "привет|а|и|скажи|напомни|(?:ты )?(?:помнишь|знаешь)(?: ли)?(?: ещё)?",
}
TRAILS = (
    "again|please|actually|so far|already|anyway|still|though|btw|by the way|exactly|really|bitte|noch|nochmal|noch mal|noch einmal"
    "|eigentlich|denn|gleich|schon|déjà|s il te plaît|s il vous plaît|encore|au fait|por favor|otra vez|ya|per favore|ancora|já|ainda"
    "|ook alweer|alweer|nog|proszę|jeszcze|ещё|пожалуйста"
)
AND = "and|und|et|y|e|en|i|и"

ASKED = {
    "name": {
        "en": r"(?:(?:what|who) (?:is|s|was|are) )?my (?:(?:full|first|last|real|own|given|family|middle) )?(?:name|surname|nickname)"
        r"(?: is| was)?|what my (?:\w+ )?name is|whats my (?:\w+ )?name|what (?:am i|i am) called|what (?:do|should|can|will"
        r"|would) you call me"
        r"|(?:the )?(?:user s?|users) (?:(?:full|first|last) )?name|(?:what is |what s )?the name of the user",
        "de": r"wie (?:heiße|heisse|heiss|heiß) ich|wie ich (?:heiße|heisse)|(?:(?:wie|was) (?:ist|war|lautet) (?:noch )?)?"
        r"(?:mein|meinen) (?:(?:voller|vollen|ganzer|richtiger) )?(?:name|namen|vorname|vornamen|nachname|nachnamen)",
        "fr": r"comment (?:est ce que )?je m appelle|comment m appel(?:le|l|é)? ?je|(?:quel (?:est|était) )?mon (?:nom|prénom"
        r"|nom de famille)"
        r"|je m appelle comment",
        "es": r"c[oó]mo me llamo(?: yo)?|(?:cuál (?:es|era) )?mi (?:nombre|apellido)(?: completo)?",
        "it": r"come mi chiamo(?: io)?|(?:qual è |qual era )?il mio (?:nome|cognome)",
        "pt": r"como (?:é que )?(?:eu )?me chamo|como (?:é que )?(?:eu )?chamo me|(?:qual é )?(?:o )?meu (?:nome|apelido|sobrenome)",
        "nl": r"hoe heet ik|(?:wat (?:is|was) )?mijn (?:naam|voornaam|achternaam)",
        "pl": r"jak (?:ja )?mam na imię|jak (?:ja )?się nazywam|(?:jakie jest )?moje imię",
        "ru": r"как меня зовут|(?:какое )?(?:моё|мое) имя",
    },
    "who": {
        "en": r"who (?:am i|i am)",
        "de": r"wer (?:bin ich|ich bin)",
        "fr": r"qui (?:suis je|je suis|est ce que je suis)",
        "es": r"quién soy(?: yo)?",
        "it": r"chi sono(?: io)?",
        "pt": r"quem (?:é que )?(?:eu )?sou(?: eu)?",
        "nl": r"wie (?:ben ik|ik ben)",
        "pl": r"kim (?:ja )?jestem",
        "ru": r"кто я(?: такой| такая)?",
    },
    "work": {
        "en": r"what (?:do i do|i do|am i doing) (?:for (?:a )?(?:work|living)|professionally|at work)"
        r"|(?:what (?:is|s|was) )?my (?:job|occupation|profession|job title|role|work)(?: title)?(?: is)?"
        r"|where (?:do i|i|am i) (?:work|working|employed)|(?:who|which company|what company) (?:do i|i) work for|what kind of work do i do"
        r"|where i work",
        "de": r"was (?:mache|tue|arbeite|bin) ich(?: so)? (?:beruflich|von beruf|in der arbeit)|was arbeite ich|als was arbeite ich"
        r"|wo(?:rin|ran)? (?:arbeite ich|ich arbeite)|(?:bei|für) (?:wem|wen|welcher firma) arbeite ich|was ich (?:beruflich )?mache"
        r"|(?:was ist |wie ist )?mein(?:en)? (?:beruf|job)",
        "fr": r"(?:quel est )?mon (?:métier|travail|boulot|job|emploi)|(?:quelle est )?ma profession|où (?:est ce que )?je travaille"
        r"|où travaille je|qu est ce que je fais (?:dans la vie|comme (?:travail|métier|boulot))|que fais je dans la vie"
        r"|je fais quoi dans la vie|je travaille où|pour qui (?:est ce que )?je travaille",
        "es": r"(?:dónde|en qué|de qué|para quién|en qué empresa) trabajo(?: yo)?|a qué me dedico"
        r"|(?:cuál es )?mi (?:trabajo|profesión|oficio|empleo)|qué hago(?: yo)? en el trabajo",
        "it": r"(?:dove|per chi|in che azienda) lavoro(?: io)?|che (?:lavoro|mestiere) faccio|(?:qual è )?(?:il mio lavoro"
        r"|la mia professione)"
        r"|(?:che )?cosa faccio (?:nella vita|di lavoro)",
        "pt": r"(?:onde|com que|em que|para quem)(?: é que)? (?:eu )?trabalho|o que (?:é que )?(?:eu )?faço(?: da vida)?"
        r"|(?:qual é )?(?:o )?meu (?:trabalho|emprego)|(?:qual é )?(?:a )?minha profissão",
        "nl": r"waar werk ik|voor wie werk ik|bij (?:wie|welk bedrijf) werk ik|wat doe ik voor werk|(?:wat is )?mijn (?:beroep|werk|baan)",
        "pl": r"gdzie (?:ja )?pracuję|(?:jaki jest )?mój zawód|co robię w życiu|kim jestem z zawodu",
        "ru": r"где я работаю|кем я работаю|(?:какая )?моя (?:работа|профессия)|чем я занимаюсь",
    },
    # Asked by itself only: in a story, "and what do I do?" asks for advice.
    "doing": {
        "en": r"what (?:do i do|i do|am i doing)",
        "de": r"was (?:mache|tue|bin) ich",
        "fr": r"qu est ce que je fais|que fais je|je fais quoi",
        "es": r"qué hago(?: yo)?",
        "it": r"(?:che )?cosa faccio",
        "pt": r"o que (?:é que )?(?:eu )?faço",
        "nl": r"wat doe ik",
        "pl": r"co robię",
    },
    "home": {
        "en": r"where (?:do i|i|am i) (?:live|living|based|reside|from|come from|come|located)(?: in)?|where i (?:live|am from)"
        r"|(?:in )?(?:what|which) (?:city|town|country|place) (?:do i live|am i|am i based|am i living|am i from)(?: in)?"
        r"|(?:(?:what|where) (?:is|s) )?my (?:home|hometown|home town|home address|address)",
        "de": r"wo (?:wohne|lebe) ich|wo ich (?:wohne|lebe|zuhause bin)|woher (?:komme|bin) ich|wo (?:komme ich her"
        r"|bin ich (?:zu ?hause|daheim))"
        r"|in welche[rm] (?:stadt|ort|land) (?:wohne|lebe) ich|(?:was ist |wie ist |wie lautet )?meine (?:adresse|heimat|anschrift)",
        "fr": r"où (?:est ce que )?j habite|où (?:habite|vis) je|où (?:est ce que )?je vis|j habite où|d où (?:je viens|viens je)"
        r"|dans quelle ville (?:est ce que )?(?:j habite|je vis|habite je|vis je)|(?:quelle est )?mon adresse",
        "es": r"(?:en )?dónde (?:vivo|estoy viviendo)(?: yo)?|de dónde soy(?: yo)?|en qué (?:ciudad|país) vivo|(?:cuál es )?mi dirección",
        "it": r"dove (?:abito|vivo)(?: io)?|di dove sono|in (?:che|quale) città (?:abito|vivo)|(?:qual è )?il mio indirizzo",
        "pt": r"onde (?:é que )?(?:eu )?(?:moro|vivo)|de onde (?:é que )?(?:eu )?sou|em que cidade (?:eu )?(?:moro|vivo)"
        r"|(?:qual é )?(?:a )?minha morada|(?:qual é )?(?:o )?meu endereço",
        "nl": r"waar woon ik|waar kom ik vandaan|in welke stad woon ik|(?:wat is )?mijn adres",
        "pl": r"gdzie (?:ja )?mieszkam|skąd (?:ja )?jestem|w jakim mieście mieszkam",
        "ru": r"где я живу|откуда я|в каком городе я живу",
    },
    "age": {
        "en": r"how old (?:am i|i am)|(?:what (?:is|s) )?my (?:age|birthday|birth ?date|date of birth)|when (?:is|s) my birthday"
        r"|when (?:was i|i was) born",
        "de": r"wie alt (?:bin ich|ich bin)|wann (?:habe ich|hab ich|ist mein) geburtstag|wann (?:bin|wurde) ich geboren"
        r"|(?:was ist )?mein (?:alter|geburtstag)",
        "fr": r"quel âge (?:ai je|j ai|est ce que j ai)|j ai quel âge|(?:quand (?:est|c est) |c est quand )?mon anniversaire"
        r"|quand (?:suis je|est ce que je suis|je suis) née?",
        "es": r"cuántos años tengo|qué edad tengo|cuándo (?:es mi cumpleaños|nací|cumplo años)|mi (?:edad|cumpleaños)",
        "it": r"quanti anni ho|quando (?:è il mio compleanno|sono nat[oa]|compio gli anni)|il mio compleanno",
        "pt": r"quantos anos (?:eu )?tenho|que idade (?:eu )?tenho|quando (?:é )?(?:que )?(?:é )?(?:(?:o )?meu aniversário"
        r"|(?:eu )?(?:nasci|faço anos))",
        "nl": r"hoe oud ben ik|wanneer (?:ben ik (?:jarig|geboren)|is mijn verjaardag)|mijn (?:leeftijd|verjaardag)",
        "pl": r"ile (?:ja )?mam lat|kiedy (?:mam|są moje) urodziny",
        "ru": r"сколько мне лет|когда (?:у меня |мой )?день рождения",
    },
    "all": {
        "en": r"(?:what|everything|anything|something|all)(?: else)?(?: (?:that )?(?:do|did|have|can))?(?: you)?"
        r"(?: (?:already|still|even|really))?(?: (?:know|remember|learn|learned|learnt|recall|stored?|saved?|remembered|got|have|tell me))?"
        r"(?: so far)? (?:about|of|on) (?:me|myself|the user)|(?:describe|introduce) me|what (?:i have|i ve) told you about (?:me|myself)"
        r"|what have i told you about (?:me|myself)|do you (?:know|remember) (?:me|anything about me)|about me",
        "de": r"(?:was|alles|alles was|etwas|was alles)(?: (?:weißt|weisst|kennst|hast|merkst) du)?(?: dir)?(?: alles| schon"
        r"| noch| bisher| so)?"
        r" (?:über|von) mi(?:ch|r)(?: (?:weißt|weisst|gespeichert|gemerkt|hast))?(?: du)?(?: hast)?|erzähl(?:e)? mir (?:was"
        r"|etwas) über mich"
        r"|(?:kennst du|erinnerst du dich an) mich",
        "fr": r"(?:qu est ce que|que|ce que|tout ce que) (?:tu |vous )?(?:sais|savez|te rappelles|te souviens)(?: tu| vous)?"
        r" (?:de|sur|à propos de) moi"
        r"|(?:tu sais|vous savez) quoi (?:de|sur) moi|parle moi de moi",
        "es": r"(?:qué|lo que|todo lo que) (?:más )?(?:sabes|recuerdas|sabe|tienes guardado) (?:de|sobre|acerca de) mí|háblame de mí",
        "it": r"(?:che cosa|cosa|che|quello che|tutto quello che) (?:sai|ricordi|ti ricordi) (?:di|su) (?:me)|parlami di me",
        "pt": r"o que (?:é que )?(?:você |tu |mais )?(?:sabe|sabes|lembra|lembras) (?:sobre|de|acerca de) mim",
        "nl": r"wat (?:weet|onthoud) (?:je|u)(?: allemaal| al| nog| nu)? (?:over|van) (?:mij|me)|wat je (?:over|van) (?:mij|me) weet",
        "pl": r"co (?:(?:o mnie|ty o mnie) (?:wiesz|pamiętasz)|(?:wiesz|pamiętasz) o mnie)",
        "ru": r"что ты (?:обо мне (?:знаешь|помнишь)|(?:знаешь|помнишь) обо мне)",
    },
}

_IM = r"\b(?:I['’]m|I am|i['’]m|i am|Im|im)"
TOLD = {
    "name": {
        "en": r"(?i:\bmy (?:\w+ )?name(?:['’]?s| is|:))|(?i:\b(?:please|just|can|may|people|everyone|they|friends"
        r"|all) (?:\w+ )?call(?:s)? me )"
        rf"|\b[Cc]all me {_NAMED}|(?i:{_IM} called )|(?i:\bi go by )",
        "de": r"(?i:\bich (?:hei(?:ß|ss)e)\b|\bhei(?:ß|ss)e ich\b|\bmein (?:\w+ )?name (?:ist|lautet)\b)|\b[Nn]enn(?:t|e)? mich ",
        "fr": r"(?i:\bje m['’]appelle\b|\bmon (?:pré)?nom (?:est|c['’]est)\b|\bappelle[- ]moi )",
        "es": r"(?i:\bme llamo\b|\bmi nombre (?:completo )?es\b|\bll[aá]mame )",
        "it": r"(?i:\bmi chiamo\b|\bil mio nome è\b|\bchiamami )",
        "pt": r"(?i:\bme chamo\b|\bchamo-me\b|\bmeu nome é\b)",
        "nl": r"(?i:\bik heet\b|\bmijn (?:voor)?naam is\b|\bnoem me )",
        "pl": r"(?i:\bmam na imię\b|\bnazywam się\b|\bmoje imię )",
        "ru": r"(?i:\bменя зовут\b|\bмо[её] имя )",
    },
    "likely": {
        "en": rf"(?:{_IM}|\b[Tt]his is|\b[Ii]t['’]s me,?) {_NO_NAME}{_NAMED}\b(?! (?:and|to) (?:was|is)\b)"
        rf"|(?i:^(?:hi|hello|hey)[,! ]+(?:there[,! ]+)?{_IM} \w+)",
        "de": rf"\b[Ii]ch bin (?:der |die |es, )?{_NAMED}\b|(?i:^(?:hallo|hi|servus|moin|guten tag)[,! ]+(?:ich bin|hier ist"
        rf"|hier spricht) )",
        "fr": rf"\b[Jj]e suis {_NAMED}\b|\b[Mm]oi,? c['’]est {_NAMED}",
        "es": rf"\b[Ss]oy {_NAMED}\b",
        "it": rf"\b(?:[Ii]o )?[Ss]ono {_NAMED}\b",
        "pt": rf"\b[Ss]ou (?:o |a )?{_NAMED}\b",
        "nl": rf"\b[Ii]k ben (?:de |het )?{_NAMED}\b",
        "pl": rf"\b[Jj]estem {_NAMED}\b",
        "ru": rf"^\W*(?:[Пп]ривет\W+)?[Яя] {_NAMED}\b",
    },
    "work": {
        "en": r"(?i:\bi(?:['’]m| am|['’]ve been| also)? (?:currently |now |mostly )?(?:work|working|employed|run|manage|lead"
        r"|teach|study|studying"
        r"|own) (?:at|as|for|in|the|an?|my|our|with)\b|\bmy (?:job|profession|occupation|role|employer|company)\b"
        rf"|{_IM} (?:an?|the) (?:[\w-]+ ){{0,3}}?[\w-]*(?:er|or|ist|ian|ant|eer|yst|ect|nurse|lead|student|chef|c[etof]o|dev"
        rf"|pilot|clerk|head)\b"
        r"|\b(?:i|and) work(?:ed)? (?:at|as|for|in)\b|\bby profession\b)",
        "de": r"(?i:\bich (?:arbeite|jobbe|studiere|leite|unterrichte)\b|\bund arbeite\b|\barbeite ich\b|\bmein (?:beruf"
        r"|job)\b|\bvon beruf\b)"
        r"|\b[Ii]ch bin (?:(?:ein|eine|der|die) )?[\w-]*(?:er|erin|or|ist|istin|ent|entin|eur|arzt|ärztin|wirt|frau|mann|kraft|leiter)\b",
        "fr": r"(?i:\bje (?:travaille|bosse|dirige|gère|enseigne)\b|\bmon (?:métier|travail|boulot)\b)"
        r"|(?i:\bje suis )[\w-]*(?:eur|euse|ien|ienne|iste|ier|ière|ecin|ecte|ant|ante|prof)\b",
        "es": r"(?i:\btrabajo (?:en|de|para|como)\b|\bme dedico a\b|\bmi (?:trabajo|profesión)\b)"
        r"|(?i:\bsoy (?:una? )?)[\w-]*(?:or|ora|ero|era|ista|ante|ico|ica|ado|ada|ente)\b",
        "it": r"(?i:\blavoro (?:in|per|da|come|a|alla|presso)\b|\bil mio lavoro\b|\bfaccio (?:il|la|l['’])|\bdi professione\b)",
        "pt": r"(?i:\btrabalho (?:na|no|em|para|como|com)\b|\bminha profissão\b|\bmeu (?:trabalho|emprego)\b)",
        "nl": r"(?i:\bik werk\b|\ben werk (?:bij|als)\b|\bmijn (?:beroep|baan|werk)\b|\bvan beroep\b)",
        "pl": r"(?i:\bpracuję\b|\bz zawodu\b|\bmój zawód\b)",
        "ru": r"(?i:\bя работаю\b|\bработаю\b|\bмоя (?:работа|профессия)\b)",
    },
    "home": {
        "en": r"(?i:\b(?:i|and|i['’]m|i am|we) (?:(?:now|still|currently|just|recently|have|both) )*(?:live|living|moved"
        r"|based|reside|relocated)"
        rf" (?:in|to|at|near|on|outside|from|there|here|with)\b|{_IM} from |\bi come from\b|\bi (?:was born|grew up) in\b"
        rf"|\bmy (?:home|hometown|address) )",
        "de": r"(?i:\b(?:wohne|lebe)\b|\bich (?:komme|bin) aus\b|\bzuhause in\b|\bumgezogen\b|\bich ziehe\b|\bmeine (?:adresse|heimat)\b)",
        "fr": r"(?i:\bj['’]habite\b|\bje (?:vis|viens de|réside)\b|\bdéménagé\b)",
        "es": r"(?i:\bvivo (?:en|cerca|con)\b|\bsoy de\b|\bme (?:mudé|he mudado)\b)",
        "it": r"(?i:\b(?:abito|vivo) (?:a|ad|in|con|vicino)\b|\bsono di\b|\bmi sono trasferit[oa]\b)",
        "pt": r"(?i:\b(?:moro|vivo) (?:em|no|na|com|perto)\b|\bsou d[eoa]\b|\bmudei\b)",
        "nl": r"(?i:\bik (?:woon|kom uit)\b|\ben woon\b|\bverhuisd\b)",
        "pl": r"(?i:\bmieszkam\b|\bjestem z\b|\bprzeprowadzi)",
        "ru": r"(?i:\bживу\b|\bя из\b|\bпереехал)",
    },
    "age": {
        "en": rf"(?i:{_IM} \d{{1,3}}\b(?! (?:%|percent|minutes?|hours?|days?|weeks?|km|miles?))|\bi (?:turned|turn) \d"
        rf"|\bmy (?:birthday|age)\b|\bi was born\b)",
        "de": r"(?i:\bbin (?:ich )?\d{1,3}\b|\bich werde \d|\bmein geburtstag\b|\bhabe (?:ich )?(?:am .{1,30})?geburtstag\b|\bgeboren\b)",
        "fr": r"(?i:\bj['’]ai \d{1,3} ans\b|\bmon anniversaire\b|\bje suis née?\b)",
        "es": r"(?i:\btengo \d{1,3} años\b|\bmi cumpleaños\b|\bnací\b)",
        "it": r"(?i:\bho \d{1,3} anni\b|\bmio compleanno\b|\bsono nat[oa]\b)",
        "pt": r"(?i:\btenho \d{1,3} anos\b|\bmeu aniversário\b|\bnasci\b)",
        "nl": r"(?i:\bik ben \d{1,3}\b|\bmijn verjaardag\b|\bik ben (?:geboren|jarig)\b)",
        "pl": r"(?i:\bmam \d{1,3} lat\b|\burodzi)",
        "ru": r"(?i:\bмне \d{1,3}\b|\bдень рождения\b|\bродил)",
    },
    "kin": {
        "en": rf"(?i:{_IM} (?:married|single|divorced|engaged|widowed)\b"
        r"|\bmy (?:\w+ )?(?:wife|husband|partner|girlfriend|boyfriend|son|daughter|kids?|children|sister|brother|mother|mum"
        r"|mom|father|dad|dog|cat)\b"
        r"|\b(?:i|we) have (?:an?|one|two|three|four|five|\d) (?:\w+ )?(?:kids?|child|children|sons?|daughters?|dogs?|cats?"
        r"|sisters?|brothers?)\b)",
        "de": r"(?i:\bbin (?:verheiratet|ledig|geschieden|verlobt)\b|\bmein(?:e|en)? (?:\w+ )?(?:frau|mann|partner(?:in)?"
        r"|freundin|freund|sohn|tochter"
        r"|kinder|schwester|bruder|mutter|vater|hund|katze)\b|\bhaben? \w+ (?:kind|kinder|sohn|tochter|söhne|töchter|hund|katze)\b)",
        "fr": r"(?i:\bje suis (?:mariée?|célibataire|divorcée?)\b|\b(?:ma|mon|mes) (?:femme|mari|fils|fille|enfants?|sœur"
        r"|frère|mère|père|chien|chat)\b)",
        "es": r"(?i:\bestoy (?:casad|solter|divorciad)[oa]\b|\bmis? (?:mujer|esposa|marido|esposo|hij[oa]s?|herman[oa]s?"
        r"|madre|padre|perr[oa]|gat[oa])\b)",
        "it": r"(?i:\bsono (?:sposat|divorziat)[oa]\b|\bmi[aoe] (?:moglie|marito|figli[oa]?|sorella|fratello|madre|padre|cane|gatto)\b)",
        "pt": r"(?i:\bsou (?:casad|solteir)[oa]\b|\b(?:minha|meu)s? (?:mulher|esposa|marido|filh[oa]s?|irm[ãa]o?s?|mãe|pai"
        r"|cão|cachorro|gat[oa])\b)",
        "nl": r"(?i:\bben (?:getrouwd|gescheiden|single)\b|\bmijn (?:vrouw|man|zoon|dochter|kinderen|zus|broer|moeder|vader|hond|kat)\b)",
    },
    "taste": {
        "en": rf"(?i:{_IM} (?:an? )?(?:vegetarian|vegan|allergic|diabetic|coeliac|celiac|left-handed|color-?blind|colour-?blind|dyslexic)\b"
        r"|\bi (?:really |don['’]?t |do not |always )?(?:like|love|hate|prefer|enjoy|speak|play) |\bmy (?:\w+ )?(?:favou?rite"
        r"|hobby|hobbies)\b)",
        "de": r"(?i:\bbin (?:vegetarier(?:in)?|veganer(?:in)?|vegetarisch|vegan|allergisch)\b|\bich (?:mag|liebe|hasse"
        r"|bevorzuge|spreche|spiele)\b"
        r"|\bmein(?:e|en)? (?:lieblings\w+|hobby|hobbys)\b|\besse kein\w*\b)",
        "fr": r"(?i:\bje suis (?:végétari|végan|végétalien|allergique)\w*|\bj['’](?:aime|adore)\b|\bje (?:déteste|préfère|parle|joue)\b)",
        "es": r"(?i:\bsoy (?:vegetarian|vegan|celíac|alérgic)[oa]\b|\bme (?:gusta|encanta)n?\b|\b(?:odio|prefiero)\b)",
        "it": r"(?i:\bsono (?:vegetarian|vegan|celiac|allergic)[oa]\b|\bmi piac(?:e|ciono)\b|\b(?:odio|preferisco)\b)",
        "pt": r"(?i:\bsou (?:vegetarian|vegan|celíac|alérgic)[oa]\b|\bgosto d[eoa]s?\b|\b(?:odeio|prefiro)\b)",
        "nl": r"(?i:\bben (?:vegetari\w+|veganist|allergisch)\b|\bik (?:hou van|haat|speel|spreek)\b)",
    },
}
CUES = {
    "name": "name call called heiße heisse nenn appelle prénom nom llamo nombre chiamo nome heet naam imię nazywam зовут имя",
    "work": "work job employed profession company arbeite beruf travaille métier trabajo dedico lavoro mestiere"
    " trabalho werk beroep pracuję"
    " работаю",
    "home": "live living moved based hometown address wohne lebe habite vis vivo abito moro woon mieszkam живу",
    "age": "birthday born age geburtstag geboren jahre anniversaire né cumpleaños años compleanno anni aniversário anos"
    " verjaardag urodziny",
    "kin": "married wife husband son daughter kid child sister brother verheiratet frau mann sohn tochter kinder mari femme fils",
    "taste": "vegetarian vegan allergic favourite prefer love vegetarier allergisch végétarien vegetariano",
}
"""Words that sentences have in which such things are told."""
