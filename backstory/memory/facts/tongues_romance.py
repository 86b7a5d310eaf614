"""French, Spanish, Italian and Portuguese. See tongue.py."""

from __future__ import annotations

from functools import cache

from backstory.memory.facts.tongue import NAME, NO_THING, NO_WORK, Tongue, plain, rules, tongue, when

FR_DAYS = "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|aujourd'hui|demain|après-demain"
FR_MONTHS = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
FR_HOUR = r"\d{1,2} ?h(?: ?\d\d)?(?!\w)"
ES_DAYS = "lunes|martes|miércoles|miercoles|jueves|viernes|sábado|sabado|domingo|hoy|mañana|pasado mañana"
ES_MONTHS = "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
ES_HOUR = r"las \d{1,2}(?::\d\d)?"
IT_DAYS = "lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica|oggi|domani|dopodomani"
IT_MONTHS = "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre"
IT_HOUR = r"(?:le|alle) \d{1,2}(?::\d\d)?"
PT_DAYS = (
    "segunda(?:-feira)?|terça(?:-feira)?|quarta(?:-feira)?|quinta(?:-feira)?|sexta(?:-feira)?|sábado|domingo|hoje|amanhã|depois de amanhã"
)
PT_MONTHS = "janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro"
PT_HOUR = r"(?:as|às) \d{1,2}(?::\d\d|h)?"
OFF = r"annulée?|cancelad[oa]|cancel(?:ó|aron)|suspendi(?:ó|eron)|annullat[oa]|suspendid[oa]"


@cache
def french() -> Tongue:
    """Its forms."""
    no = "je|tu|il|elle|on|nous|vous|ils|qui|que|où|dont|si|et|ou|mais|pas|plus|est|sont|quand|idée|façon|fait|manière"
    kin = (
        r"(?:chien|chienne|chat|chatte|cheval|lapin|frère|sœur|soeur|mère|père|femme|mari|fils|fille|ami|amie|copain|copine"
        r"|chef|cheffe|patron"
        r"|voisin|voisine|tante|oncle|grand-mère|grand-père)"
    )
    owned = r"(?:chiens?|chats?|chevaux|cheval|enfants?|fils|filles?|frères?|sœurs?|soeurs?|voitures?|maison|appartement|vélos?|jardin)"
    time = when(FR_DAYS, FR_MONTHS, "le|à|au|ce|dès|maintenant|pour", FR_HOUR, "prochain")
    lately, put = r"(?: finalement| encore| déjà| juste)* ?", r"(?:déplac|report|décal|avanc|repouss)(?:ée?|er)"
    thing = rf"(?i:(?:le|la|mon|ma|notre) |l')(?P<s>{NO_THING}{plain(no, 1, 5)})"
    liked = rf"(?:le |la |les |l'){plain(no, 1, 3)}"
    we, now = r"(?:on|nous)", r"(?: maintenant| désormais| actuellement| aussi)?"
    being = (
        r"(?:végétarien(?:ne)?|végane?|diabétique|mariée?|divorcée?|célibataire|veu(?:f|ve)|enceinte"
        rf"|allergique (?:à la |au |aux |à l'|à ){plain(no, 1, 2)})"
    )
    made = rules(
        "",
        ("identity", "is called", rf"(?i:je m'appelle|mon nom est) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:mon|ma|notre) (?P<s>{kin}) (?i:s'appelle) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:(?:j'habite|je vis){now} (?:à|au|en|aux)) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:j'ai déménagé (?:à|au|en)) (?P<o>{NAME})"),
        ("plan", "+will live in", rf"(?i:je (?:déménage|vais déménager) (?:à|au|en)) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:je (?:n'habite|ne vis) plus (?:à|au|en)) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:je travaille{now} (?:chez|pour)) (?P<o>{NO_WORK}{NAME})"),
        ("identity", "-works at", rf"(?i:je ne travaille plus (?:chez|pour)) (?P<o>{NO_WORK}{NAME})"),
        ("correction", "-works at", rf"(?i:j'ai (?:quitté|démissionné (?:de|d'|chez)|été licenciée? (?:de|par|chez))) ?(?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:hier,? c'était mon dernier jour chez) (?P<o>{NAME})"),
        ("correction", "works at", rf"(?i:je suis (?:maintenant|désormais) chez) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:j'(?:aime|adore)(?: beaucoup)?) (?P<o>{liked})"),
        ("preference", "-likes", rf"(?i:je n'aime (?:pas|plus)) (?P<o>{liked})"),
        ("preference", "dislikes", rf"(?i:je déteste) (?P<o>{liked})"),
        ("preference", "-drinks", rf"(?i:je ne bois (?:pas|plus) (?:de |d'))(?P<o>{plain(no, 1, 2)})"),
        ("preference", "-eats", rf"(?i:je ne mange (?:pas|plus) (?:de |d'))(?P<o>{plain(no, 1, 2)})"),
        ("identity", "is", rf"(?i:je suis(?: maintenant)?) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:je ne suis (?:finalement )?(?:pas|plus)) (?P<o>{being})"),
        ("identity", "is aged", r"(?i:j'ai) (?P<o>\d{1,3}) ans"),
        ("identity", "'is", rf"(?i:mon|ma) (?P<s>\w+ (?:préférée?|favorite?|favori)) est (?P<o>{plain(no, 1, 3)})"),
        ("schedule", "'is", rf"(?i:mon) (?P<s>anniversaire) est (?P<o>{time})"),
        ("identity", "lives in", rf"(?i:mon|ma|notre) {kin} (?P<s>{NAME}) (?:habite|vit){now} (?:à|au|en) (?P<o>{NAME})"),
        (
            "possession",
            "has",
            rf"(?i:j'ai|nous avons|on a) (?P<o>(?:une?|deux|trois|quatre|cinq|\d+) (?:\w+ )?{owned}(?: (?!à\b|de\b|qui\b)\w+)?"
            rf"(?: (?:qui s'appelle|nommée?) {NAME})?)",
        ),
        ("decision", "~uses", rf"(?i:{we} utilis(?:e|ons){now}) (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:j'utilise{now}) (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:{we} n'utilis(?:e|ons) plus) (?P<o>{NAME})"),
        (
            "decision",
            "~switched to",
            rf"(?i:(?:on est|nous sommes)(?: \w+)? passée?s?|(?:on a|nous avons)(?: \w+)? migré)(?: (?:de |d')(?P<x>{NAME}))?"
            rf" (?:à|sur|vers) (?P<o>{NAME})",
        ),
        ("preference", "switched to", rf"(?i:je suis passée?)(?: (?:de |d')(?P<x>{NAME}))? (?:à|sur) (?P<o>{NAME})"),
        ("decision", "~switched to", rf"(?i:on a|nous avons) remplacé (?P<x>{NAME}) par (?P<o>{NAME})"),
        ("schedule", "is", rf"{thing} (?:est|a lieu|aura lieu|commence|sera)(?: maintenant| finalement)? (?P<o>{time})"),
        ("schedule", "is", rf"{thing} (?:est|a été) (?P<o>annulée?)"),
        ("schedule", "is", rf"{thing} (?:est|a été) (?:déplacée?|reportée?|décalée?|avancée?) (?P<o>(?:à |au ){time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) (?:habite|vit)(?: maintenant)? (?:à|au|en) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) travaille(?: maintenant)? chez (?P<o>{NAME})"),
    )
    return tongue(
        made,
        hedge=r"si|s'il|s'ils|peut-être|probablement|sans doute|pense|crois|suppos\w*|imagin\w*|paraît|semble|dit|disent|racont\w*|affirme"
        r"|prétend|selon|aimerais?|voudrais?|pourr\w*|serai[ts]|demande|espère|autrefois|presque|faillis?|par exemple|rêve|roman",
        cut=r",? (?:et|mais|car|parce que|puisque|donc|alors que) |,? (?:parce qu|puisqu)'"
        r"|, (?=(?:je |j'|on |nous |mon |ma |notre |le |la |l'))",
        lead=r"(?:(?:bonjour|salut|oui|maintenant|au fait|ok|d'accord|merci|pour info|info|et|mais|aussi|voilà)[,!.:]? )"
        r"|(?:n'oublie pas|souviens-toi|note|rappelle-toi|retiens)(?: bien)?[,:]? (?:que |qu')",
        under=r"parce que|puisque|comme",
        fix=r"(?:ah )?(?:non|pardon|correction|désolée?|erreur(?: de ma part)?|en fait|finalement"
        r"|c'(?:était|est) (?:faux|une erreur)|ce n'est (?:plus|pas) (?:vrai|ça)|je me suis trompée?(?: de jour| d'heure)?|mauvais jour"
        r"|je (?:voulais|veux) dire)",
        it_is=r"(?:c'est |c'était |ce sera |il est |elle est |plutôt |je voulais dire )*",
        named=r"(?:il|elle) s'appelle ",
        time=time,
        not_but=rf"(?i:(?:non, )?(?:ce n'est )?pas) (?P<x>{time}),? mais (?P<o>{time})",
        no="pas|et pas|et non(?: pas)?|non pas",
        behind="en fait|finalement|en réalité|je (?:voulais|veux) dire|plutôt|pardon",
        points=(
            rf"(?i:(?:ils|elles|on|il|elle|nous|je) (?:l'(?:ont|a|avons|ai)|(?:ont|a|avons|ai) dû (?:le |la |l')){lately}"
            rf"{put})(?: (?:de|du) \w+)? (?P<o>{time})",
            rf"(?i:(?:il|elle|ça|ce|c') ?(?:est|a été|vient d'être){lately}{put})(?: (?:de|du) \w+)? (?P<o>{time})",
            r"(?i:(?:il|elle|ça|ce|c') ?(?:est|a été|vient d'être)(?: finalement| maintenant)*) (?P<o>annulée?)",
            r"(?i:(?:ils|elles|on|il|elle|nous|je) l'(?:ont|a|avons|ai)) (?P<o>annulée?)",
        ),
    )


@cache
def spanish() -> Tongue:
    """Its forms."""
    no = "yo|tú|él|ella|nosotros|que|quien|donde|si|y|o|pero|no|es|son|cuando|idea|forma|manera|hecho"
    kin = (
        r"(?:perro|perra|gato|gata|caballo|conejo|hermano|hermana|madre|padre|mujer|esposa|marido|esposo|hijo|hija|amigo|amiga|novio|novia"
        r"|jefe|jefa|vecino|vecina|tía|tío|abuela|abuelo)"
    )
    owned = (
        r"(?:perr[oa]s?|gat[oa]s?|caballos?|hij[oa]s?|niñ[oa]s|hermanos?|hermanas?|coches?|carros?|casas?|piso|apartamento"
        r"|bicicletas?|jardín)"
    )
    time = when(ES_DAYS, ES_MONTHS, "el|al|a|este|próximo|para|ahora|por la", ES_HOUR, "próximo")
    thing = rf"(?i:el|la|mi|nuestro|nuestra) (?P<s>{NO_THING}{plain(no, 1, 5)})"
    put = r"(?:movid|aplazad|pospuest|cambiad|pasad|adelantad|retrasad)[oa]"
    moved = r"(?:se ha (?:movido|aplazado|pospuesto|cambiado)|se (?:movió|aplazó|pospuso|cambió)|ha sido (?:movid|aplazad|pospuest)[oa])"
    liked = rf"(?:el|la|los|las) {plain(no, 1, 3)}"
    now = r"(?: ahora| actualmente| también)?"
    switch = r"(?:hemos (?:pasado|cambiado|migrado)|nos hemos (?:pasado|cambiado)|(?:nos )?(?:pasamos|cambiamos)|migramos)"
    being = (
        r"(?:vegetarian[oa]|vegan[oa]|celíac[oa]|diabétic[oa]|casad[oa]|divorciad[oa]|solter[oa]|jubilad[oa]|embarazada"
        rf"|alérgic[oa] (?:al |a la |a los |a las |a ){plain(no, 1, 2)})"
    )
    made = rules(
        "",
        ("identity", "is called", rf"(?i:me llamo|mi nombre es) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:mi|nuestro|nuestra) (?P<s>{kin}) se llama (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:(?:(?:yo|ahora) )?vivo{now} en) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:me (?:he mudado|mudé) a) (?P<o>{NAME})"),
        ("plan", "+will live in", rf"(?i:me (?:mudo|voy a mudar) a) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:ya no vivo en) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:(?:(?:yo|ahora) )?trabajo{now} (?:en|para)) (?P<o>{NO_WORK}{NAME})"),
        ("identity", "-works at", rf"(?i:ya no trabajo (?:en|para)) (?P<o>{NAME})"),
        (
            "correction",
            "-works at",
            rf"(?i:(?:he dejado|dejé|renuncié a|he renunciado a|me fui de|me he ido de"
            rf"|me han despedido de|me despidieron de)(?: la| el)?) (?P<o>{NAME})",
        ),
        ("correction", "-works at", rf"(?i:ayer fue mi último día en) (?P<o>{NAME})"),
        ("correction", "works at", rf"(?i:ahora estoy en) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:me (?:gustan?|encantan?)(?: mucho)?) (?P<o>{liked})"),
        ("preference", "-likes", rf"(?i:(?:ya )?no me gustan?) (?P<o>{liked})"),
        ("preference", "dislikes", rf"(?i:odio|detesto) (?P<o>{liked})"),
        ("preference", "-drinks", rf"(?i:(?:ya )?no bebo) (?P<o>{plain(no, 1, 2)})"),
        ("preference", "-eats", rf"(?i:(?:ya )?no como) (?P<o>{plain(no + '|el|la|tú|ayer|antes|siempre', 1, 2)})"),
        ("identity", "is", rf"(?i:soy|estoy|ahora soy|ahora estoy) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:(?:ya )?no (?:soy|estoy)) (?P<o>{being})"),
        ("identity", "is aged", r"(?i:tengo) (?P<o>\d{1,3}) años"),
        ("identity", "'is", rf"(?i:mi) (?P<s>\w+ (?:favorit|preferid)[oa]) es (?P<o>{plain(no, 1, 3)})"),
        ("schedule", "'is", rf"(?i:mi) (?P<s>cumpleaños) es (?P<o>{time})"),
        ("identity", "lives in", rf"(?i:mi|nuestro|nuestra) {kin} (?P<s>{NAME}) vive{now} en (?P<o>{NAME})"),
        (
            "possession",
            "has",
            rf"(?i:tengo|tenemos) (?P<o>(?:una?|dos|tres|cuatro|cinco|\d+) {owned}(?: (?!que\b|para\b|a\b|de\b)\w+)?"
            rf"(?: (?:que se llama|llamad[oa]) {NAME})?)",
        ),
        ("decision", "~uses", rf"(?i:(?:nosotros )?usamos{now}) (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:yo uso{now}) (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:ya no usamos) (?P<o>{NAME})"),
        ("decision", "~switched to", rf"(?i:{switch})(?: de (?P<x>{NAME}))? a (?P<o>{NAME})"),
        ("decision", "~switched to", rf"(?i:hemos (?:reemplazado|sustituido)) (?P<x>{NAME}) por (?P<o>{NAME})"),
        ("schedule", "is", rf"{thing} (?:es|será|empieza)(?: ahora)? (?P<o>{time})"),
        ("schedule", "is", rf"{thing} (?:está|fue|ha sido|se ha|queda) (?P<o>cancelad[oa]|suspendid[oa])"),
        ("schedule", "is", rf"{thing} se (?P<o>canceló|suspendió)"),
        ("schedule", "is", rf"{thing} {moved} (?P<o>(?:a |al |para ){time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) vive(?: ahora)? en (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) trabaja(?: ahora)? (?:en|para) (?P<o>{NO_WORK}{NAME})"),
    )
    return tongue(
        made,
        hedge=r"si|quizás?|tal vez|a lo mejor|probablemente|creo|pienso|supongo|imagin\w*|parece|dice|dijo|dicen|cuenta|según"
        r"|gustaría|quisiera"
        r"|podría\w*|debería\w*|sería|ojalá|antes|casi|por ejemplo|pregunto|espero que|sueño|novela",
        cut=r",? (?:y|e|pero|porque|ya que|aunque|mientras|así que|pues) |, (?=(?:yo|mi|me|el|la|nuestr[oa]) )",
        lead=r"(?:(?:hola|sí|bueno|por cierto|ok|vale|gracias|pues|y|pero|además|info)[,!.:]? )"
        r"|(?:recuerda|no olvides|ten en cuenta|apunta|anota)[,:]? que ",
        under=r"porque|como|ya que",
        fix=r"(?:ay )?(?:no|perdón|perdona|corrección|en realidad|al final|espera|mejor"
        r"|me (?:equivoqué|he equivocado|confundí|he confundido)(?: de (?:día|hora|fecha))?|(?:eso )?(?:era|estaba|es|está) (?:falso"
        r"|incorrecto|mal)"
        r"|ya no(?: es así)?|(?:quería|quise) decir|día equivocado)",
        it_is=r"(?:es |era |será |mejor |quise decir )*",
        named=r"se llama ",
        time=time,
        not_but=rf"(?i:no (?:es )?)(?P<x>{time}),? sino (?P<o>{time})",
        no="(?:y )?no",
        behind="en realidad|de hecho|al final|(?:quería|quise) decir|perdón",
        points=(
            rf"(?i:(?:l[oa] (?:han|hemos|he|ha) {put}|(?:tuvieron|tuvimos) que (?:mover|aplazar|posponer|cambiar|pasar|adelantar"
            rf"|retrasar)l[oa]"
            rf"|l[oa] (?:movieron|aplazaron|pospusieron|cambiaron|pasaron|adelantaron|retrasaron|movimos"
            rf"|cambiamos))(?: del \w+)?) (?P<o>{time})",
            rf"(?i:(?:se ha|ha sido|fue) {put}|se (?:movió|aplazó|pospuso|cambió|pasó|adelantó|retrasó))(?: del \w+)? (?P<o>{time})",
            r"(?i:(?:se ha|ha sido|está|fue|l[oa] han)) (?P<o>cancelad[oa])",
            r"(?i:se|l[oa]) (?P<o>cancel(?:ó|aron))",
        ),
    )


@cache
def italian() -> Tongue:
    """Its forms."""
    no = "io|tu|lui|lei|noi|voi|loro|che|chi|dove|se|e|o|ma|non|è|sono|quando|idea|modo|fatto|quello|quella"
    kin = (
        r"(?:cane|cagna|gatto|gatta|cavallo|coniglio|fratello|sorella|madre|padre|mamma|papà|moglie|marito|figlio|figlia|amico"
        r"|amica|ragazzo|ragazza"
        r"|capo|vicino|vicina|zia|zio|nonna|nonno|collega)"
    )
    owned = r"(?:can[ei]|gatt[oaie]|figli[oae]?|bambin[oaie]|fratell[oi]|sorell[ae]|macchin[ae]|auto|casa|bici|giardino|cavall[oi])"
    time = when(IT_DAYS, IT_MONTHS, "il|a|al|alle|questo|prossimo|per|ora|di", IT_HOUR, "prossimo|mattina|sera|pomeriggio")
    the = r"(?:il |lo |la |i |gli |le |l')"
    thing = rf"(?i:(?:il|lo|la|il mio|la mia|il nostro|la nostra) |l')(?P<s>{NO_THING}{plain(no, 1, 4)})"
    now = r"(?: ora| adesso| attualmente| anche)?"
    being = r"(?:vegetarian[oa]|vegan[oa]|celiac[oa]|diabetic[oa]|sposat[oa]|divorziat[oa]|single|incinta|in pensione)"
    made = rules(
        "",
        ("identity", "is called", rf"(?i:mi chiamo|il mio nome è) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:(?:il |la )?(?:mio|mia|nostro|nostra)) (?P<s>{kin}) si chiama (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:(?:(?:io|ora|adesso) )?(?:abito|vivo){now} (?:a|ad|in)) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:mi sono trasferit[oa](?: da poco)? (?:a|ad|in)) (?P<o>{NAME})"),
        ("plan", "+will live in", rf"(?i:mi trasferisco (?:a|ad|in)) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:non (?:abito|vivo) più (?:a|ad|in)) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:(?:(?:io|ora|adesso) )?lavoro{now} (?:per|in|da|alla|presso)) (?P<o>{NO_WORK}{NAME})"),
        ("identity", "-works at", rf"(?i:non lavoro più (?:per|in|da|alla|presso)) (?P<o>{NAME})"),
        (
            "correction",
            "-works at",
            rf"(?i:(?:ho lasciato(?: la| il)?|mi sono licenziat[oa] (?:da|dalla|dal)"
            rf"|mi sono dimess[oa] (?:da|dalla|dal)"
            rf"|sono stat[oa] licenziat[oa] (?:da|dalla|dal))) (?P<o>{NAME})",
        ),
        ("correction", "-works at", rf"(?i:ieri è stato il mio ultimo giorno (?:in|da|alla|presso)) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:mi (?:piace|piacciono)(?: molto)?|amo|adoro) (?P<o>{the}{plain(no, 1, 3)})"),
        ("preference", "-likes", rf"(?i:non mi (?:piace|piacciono)) (?P<o>{the}{plain(no, 1, 3)})"),
        ("preference", "dislikes", rf"(?i:odio|detesto) (?P<o>{the}{plain(no, 1, 3)})"),
        ("preference", "-drinks", rf"(?i:non bevo)(?: più)? (?P<o>{plain(no, 1, 2)})"),
        ("preference", "-eats", rf"(?i:non mangio)(?: più)? (?P<o>{plain(no, 1, 2)})"),
        ("identity", "is", rf"(?i:sono) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:non sono(?: più)?) (?P<o>{being})"),
        ("identity", "is aged", r"(?i:ho) (?P<o>\d{1,3}) anni"),
        ("identity", "'is", rf"(?i:il mio|la mia) (?P<s>\w+ preferit[oa]) è (?P<o>{plain(no, 1, 3)})"),
        (
            "possession",
            "has",
            rf"(?i:ho|abbiamo) (?P<o>(?:una?|un'|uno|due|tre|quattro|cinque|\d+) {owned}(?: (?!che\b|da\b|di\b)\w+)?(?: di nome {NAME})?)",
        ),
        ("decision", "~uses", rf"(?i:(?:noi )?usiamo{now}) (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:io uso{now}) (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:non usiamo più) (?P<o>{NAME})"),
        ("decision", "~switched to", rf"(?i:siamo passati|abbiamo migrato)(?: da (?P<x>{NAME}))? (?:a|ad) (?P<o>{NAME})"),
        ("schedule", "is", rf"{thing} (?:è|sarà|inizia)(?: ora)? (?P<o>{time})"),
        ("schedule", "is", rf"{thing} (?:è|è stat[oa]|fu) (?P<o>annullat[oa])"),
        ("schedule", "is", rf"{thing} è stat[oa] (?:spostat|rinviat|rimandat|posticipat|anticipat)[oa] (?P<o>{time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) (?:abita|vive)(?: ora)? (?:a|ad|in) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) lavora(?: ora)? (?:per|in|da|alla|presso) (?P<o>{NO_WORK}{NAME})"),
    )
    return tongue(
        made,
        hedge=r"se|forse|magari|probabilmente|credo|penso|suppongo|immagin\w*|sembra|dice|dicono|disse|secondo|vorrei"
        r"|piacerebbe|potre\w*|dovre\w*"
        r"|sarebbe|quasi|ad esempio|per esempio|spero|sogno|romanzo|chiedo",
        cut=r",? (?:e|ed|ma|perché|poiché|dato che|siccome|mentre|quindi|però) |, (?=(?:io|mi|il|la|l'|abito|vivo|lavoro) ?)",
        lead=r"(?:(?:ciao|salve|buongiorno|sì|allora|comunque|a proposito|ok|grazie|inoltre|e|ma|info)[,!.:]? )"
        r"|(?:ricorda|ricordati|non dimenticare|tieni presente|annota)[,:]? che ",
        under=r"perché|siccome|dato che|poiché",
        fix=r"(?:ah )?(?:no|scusa|scusami|anzi|correzione|errore|in realtà|aspetta)",
        it_is=r"(?:è |era |sarà |meglio |intendevo |volevo dire )*",
        named=r"si chiama ",
        time=time,
        not_but=rf"(?i:non (?:è )?)(?P<x>{time}),? ma (?P<o>{time})",
    )


@cache
def portuguese() -> Tongue:
    """Its forms."""
    no = "eu|tu|ele|ela|nós|vós|que|quem|onde|se|e|ou|mas|não|é|são|quando|ideia|idéia|forma|facto|fato|isso|isto|você|ti"
    kin = (
        r"(?:cão|cachorro|cadela|gato|gata|cavalo|coelho|irmão|irmã|mãe|pai|mulher|esposa|marido|filho|filha|amigo|amiga|namorado|namorada"
        r"|chefe|vizinho|vizinha|tia|tio|avó|avô|colega)"
    )
    owned = r"(?:cães|cão|cachorros?|gat[oa]s?|filh[oa]s?|irmãos?|irmãs?|carros?|casas?|apartamento|bicicletas?|jardim|cavalos?)"
    time = when(PT_DAYS, PT_MONTHS, "a|o|à|ao|na|no|em|próxima|próximo|para|agora|dia|de", PT_HOUR, "próxima|de manhã|à tarde|à noite")
    thing = rf"(?i:(?:o|a|o meu|a minha|meu|minha|o nosso|a nossa)) (?P<s>{NO_THING}{plain(no, 1, 4)})"
    to = r"(?:de |do |da |dos |das )"
    now = r"(?: agora| atualmente| também)?"
    being = r"(?:vegetarian[oa]|vegan[oa]|celíac[oa]|diabétic[oa]|casad[oa]|divorciad[oa]|solteir[oa]|grávida)"
    made = rules(
        "",
        ("identity", "is called", rf"(?i:chamo-me|(?:eu )?me chamo|(?:o )?meu nome é) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:(?:o |a )?(?:meu|minha|nosso|nossa)) (?P<s>{kin}) (?:chama-se|se chama) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:(?:(?:eu|agora) )?(?:moro|vivo){now} (?:em|no|na)) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:(?:eu )?(?:mudei-me|me mudei|mudei) para(?: o| a)?) (?P<o>{NAME})"),
        ("plan", "+will live in", rf"(?i:(?:eu )?(?:vou mudar|vou mudar-me|vou me mudar|mudo-me) para(?: o| a)?) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:(?:eu )?(?:já )?não (?:moro|vivo)(?: mais)? (?:em|no|na)) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:(?:(?:eu|agora) )?trabalho{now} (?:na|no|em|para a?)) (?P<o>{NO_WORK}{NAME})"),
        ("identity", "-works at", rf"(?i:(?:eu )?(?:já )?não trabalho(?: mais)? (?:na|no|em|para a?)) (?P<o>{NAME})"),
        (
            "correction",
            "-works at",
            rf"(?i:(?:eu )?(?:saí d[aoe]|deixei(?: a| o)?|pedi demissão d[aoe]|me demiti d[aoe]"
            rf"|demiti-me d[aoe]|fui demitid[oa] d[aoe])) (?P<o>{NAME})",
        ),
        ("correction", "-works at", rf"(?i:ontem foi (?:o )?meu último dia (?:na|no|em)) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:(?:eu )?gosto(?: muito)? {to}|(?:eu )?adoro (?:o |a |os |as )?)(?P<o>{plain(no, 1, 3)})"),
        ("preference", "-likes", rf"(?i:(?:eu )?(?:já )?não gosto {to})(?P<o>{plain(no, 1, 3)})"),
        ("preference", "dislikes", rf"(?i:(?:eu )?(?:odeio|detesto)) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-drinks", rf"(?i:(?:eu )?(?:já )?não bebo) (?P<o>{plain(no, 1, 2)})"),
        ("identity", "is", rf"(?i:(?:eu )?(?:sou|estou)) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:(?:eu )?(?:já )?não (?:sou|estou)(?: mais)?) (?P<o>{being})"),
        ("identity", "is aged", r"(?i:(?:eu )?tenho) (?P<o>\d{1,3}) anos"),
        ("identity", "'is", rf"(?i:(?:o |a )?(?:meu|minha)) (?P<s>\w+ (?:favorit|preferid)[oa]) é (?P<o>{plain(no, 1, 3)})"),
        (
            "possession",
            "has",
            rf"(?i:(?:eu )?(?:tenho|temos)) (?P<o>(?:uma?|dois|duas|três|quatro|cinco|\d+) {owned}(?: chamad[oa] {NAME})?)",
        ),
        ("decision", "~uses", rf"(?i:(?:nós )?usamos{now})(?: o| a)? (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:eu uso{now})(?: o| a)? (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:já não usamos|não usamos mais)(?: o| a)? (?P<o>{NAME})"),
        (
            "decision",
            "~switched to",
            rf"(?i:(?:nós )?(?:mudámos|mudamos|migrámos|migramos|passámos|passamos|trocámos|trocamos))(?: (?:de|do|da) (?P<x>{NAME}))?"
            rf" (?:para|pelo|pela)(?: o| a)? (?P<o>{NAME})",
        ),
        ("schedule", "is", rf"{thing} (?:é|será|começa|fica)(?: agora)? (?P<o>{time})"),
        ("schedule", "is", rf"{thing} (?:foi|está) (?P<o>cancelad[oa])"),
        ("schedule", "is", rf"{thing} foi (?:adiad|movid|mudad|transferid|antecipad|remarcad)[oa] para(?: a| o)? (?P<o>{time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) (?:mora|vive)(?: agora)? (?:em|no|na) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) trabalha(?: agora)? (?:na|no|em) (?P<o>{NO_WORK}{NAME})"),
    )
    return tongue(
        made,
        hedge=r"(?<!-)se(?! chama)|talvez|provavelmente|acho|penso|creio|suponho|imagin\w*|parece|diz|disse|dizem|segundo"
        r"|gostaria|queria|poderia\w*|deveria\w*"
        r"|seria|oxalá|antes|quase|por exemplo|espero|sonho|romance|pergunto",
        cut=r",? (?:e|mas|porque|pois|já que|embora|enquanto|então) |, (?=(?:eu|o|a|meu|minha) )",
        lead=r"(?:(?:olá|oi|sim|bom|a propósito|ok|obrigad[oa]|e|mas|também|info)[,!.:]? )"
        r"|(?:lembra-te|lembre-se|não te esqueças|não esqueça|anota|anote)(?: de)?[,:]? que ",
        under=r"porque|como|já que",
        fix=r"(?:ah )?(?:não|desculpa|desculpe|aliás|afinal|correção|erro|espera|na verdade)",
        it_is=r"(?:é |era |será |foi |melhor |quis dizer |queria dizer )*",
        named=r"(?:chama-se|se chama) ",
        time=time,
        not_but=rf"(?i:não (?:é )?)(?P<x>{time}),? mas(?: sim)? (?P<o>{time})",
    )
