"""Which places lie in which: "I live in Germany" and "I live in Berlin" can both hold.

Rule: a row is a place with its other names and what lies in it, of which only some are named. What is in no row is an unknown place, which
may lie in any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from backstory.memory.text import fold

_ROWS = """
europe | germany, austria, switzerland, france, spain, portugal, italy, netherlands, belgium, luxembourg, united kingdom, ireland
 , denmark, norway, sweden, finland, iceland, poland, czechia, slovakia, hungary, romania, bulgaria, greece, croatia, slovenia, serbia
 , bosnia, montenegro, albania, north macedonia, kosovo, moldova, ukraine, belarus, russia, estonia, latvia, lithuania, malta, cyprus
 , monaco, liechtenstein, andorra
asia | china, japan, south korea, north korea, taiwan, mongolia, vietnam, thailand, laos, cambodia, myanmar, malaysia, singapore
 , indonesia, philippines, brunei, india, pakistan, bangladesh, sri lanka, nepal, bhutan, maldives, afghanistan, kazakhstan, uzbekistan
 , turkmenistan, kyrgyzstan, tajikistan, iran, iraq, turkey, syria, lebanon, israel, palestine, jordan, saudi arabia, yemen, oman
 , united arab emirates, qatar, bahrain, kuwait, armenia, azerbaijan, georgia, hong kong
africa | egypt, libya, tunisia, algeria, morocco, sudan, ethiopia, eritrea, somalia, kenya, uganda, tanzania, rwanda, burundi, congo
 , nigeria, ghana, ivory coast, senegal, mali, niger, chad, cameroon, gabon, angola, zambia, zimbabwe, botswana, namibia, south africa
 , mozambique, madagascar, malawi, mauritius, gambia, guinea, liberia, sierra leone, togo, benin, burkina faso, mauritania
north america | united states, canada, mexico
south america = latin america | brazil, argentina, chile, uruguay, paraguay, bolivia, peru, ecuador, colombia, venezuela, guyana, suriname
central america = latin america | guatemala, belize, honduras, el salvador, nicaragua, costa rica, panama
caribbean | cuba, jamaica, haiti, dominican republic, puerto rico, barbados, bahamas, trinidad
oceania | australia, new zealand, fiji, samoa, papua new guinea
scandinavia = skandinavien | norway, sweden, denmark
germany = deutschland = allemagne = alemania = germania = alemanha = duitsland = niemcy | berlin, hamburg, munich, cologne, frankfurt
 , stuttgart, dusseldorf, leipzig, dortmund, essen, bremen, dresden, hanover, nuremberg, bonn, munster, karlsruhe, mannheim, freiburg
 , heidelberg, kiel, bavaria, saxony, hesse, thuringia, brandenburg, lower saxony, north rhine-westphalia, baden-wurttemberg
 , schleswig-holstein, potsdam, rostock, erfurt, ulm, aachen
bavaria = bayern | munich, nuremberg, augsburg, regensburg, wurzburg, passau, ingolstadt, bamberg
munich = munchen = muenchen |
cologne = koln = koeln |
nuremberg = nurnberg = nuernberg |
hanover = hannover |
saxony = sachsen | leipzig, dresden, chemnitz
hesse = hessen | frankfurt, wiesbaden, kassel, darmstadt
austria = osterreich = oesterreich = autriche | vienna, graz, linz, salzburg, innsbruck, tyrol
vienna = wien |
switzerland = schweiz = suisse = svizzera = suiza | zurich, geneva, basel, bern, lausanne, lucerne, winterthur, lugano
geneva = genf = geneve |
france = frankreich = francia = frankrijk | paris, marseille, lyon, toulouse, nice, nantes, strasbourg, bordeaux, lille, rennes
 , montpellier, grenoble, brittany, normandy, provence
spain = espana = spanien = espagne = spagna = spanje | madrid, barcelona, valencia, seville, zaragoza, malaga, bilbao, granada, catalonia
 , andalusia, palma, mallorca
seville = sevilla |
catalonia = cataluna = catalunya | barcelona, girona, tarragona
andalusia = andalucia | seville, malaga, granada, cordoba, cadiz
portugal | lisbon, porto, coimbra, braga, faro, algarve, madeira
lisbon = lisboa = lissabon |
italy = italia = italien = italie | rome, milan, naples, turin, palermo, genoa, bologna, florence, venice, verona, bari, sicily, sardinia
 , tuscany, lombardy
rome = roma = rom |
milan = milano = mailand |
naples = napoli |
turin = torino |
florence = firenze = florenz |
venice = venezia = venedig |
tuscany = toscana | florence, pisa, siena
sicily = sicilia | palermo, catania
netherlands = nederland = holland = niederlande = pays-bas | amsterdam, rotterdam, the hague, utrecht, eindhoven, groningen, delft
 , leiden, haarlem
belgium = belgien = belgique = belgie | brussels, antwerp, ghent, bruges, leuven, liege, flanders
united kingdom = uk = great britain = britain | england, scotland, wales, northern ireland
england | london, manchester, birmingham, leeds, liverpool, bristol, sheffield, newcastle, nottingham, oxford, cambridge, brighton, york
 , leicester, southampton, cornwall, yorkshire, kent, reading, norwich
scotland | edinburgh, glasgow, aberdeen, dundee, inverness
wales | cardiff, swansea
northern ireland | belfast, derry
london | hackney, camden, islington, brixton, shoreditch, croydon, wimbledon, clapham
ireland | dublin, cork, galway, limerick
denmark = danemark | copenhagen, aarhus, odense
norway = norge = norwegen | oslo, bergen, trondheim, stavanger, tromso
sweden = sverige = schweden | stockholm, gothenburg, malmo, uppsala, lund
finland = suomi = finnland | helsinki, tampere, turku, espoo, oulu
iceland | reykjavik
poland = polska = polen = pologne | warsaw, krakow, gdansk, wroclaw, poznan, lodz
warsaw = warszawa |
krakow = cracow |
czechia = czech republic = tschechien | prague, brno, ostrava
prague = praha = prag |
slovakia | bratislava, kosice
hungary = ungarn | budapest, szeged, debrecen
romania | bucharest, cluj, timisoara, iasi, transylvania
bulgaria | sofia, plovdiv, varna
greece = griechenland | athens, thessaloniki, patras, crete
croatia | zagreb, split, rijeka, dubrovnik
slovenia | ljubljana, maribor
serbia | belgrade, novi sad
ukraine | kyiv, kiev, lviv, odesa, odessa, kharkiv
russia = россия | moscow, saint petersburg, st petersburg, novosibirsk, kazan
moscow = москва |
estonia | tallinn, tartu
latvia | riga
lithuania | vilnius, kaunas
turkey = turkiye = turkei | istanbul, ankara, izmir, antalya
georgia | tbilisi, batumi, atlanta, savannah
israel | tel aviv, jerusalem, haifa
united arab emirates = uae = emirates | dubai, abu dhabi, sharjah
china = 中国 | beijing, shanghai, shenzhen, guangzhou, chengdu, hangzhou, wuhan, xi'an, nanjing
japan = 日本 | tokyo, osaka, kyoto, yokohama, nagoya, sapporo, fukuoka, kobe
south korea = korea | seoul, busan, incheon
taiwan | taipei, kaohsiung
india | mumbai, delhi, new delhi, bangalore, bengaluru, hyderabad, chennai, kolkata, pune, ahmedabad, jaipur, goa, kerala
pakistan | karachi, lahore, islamabad
bangladesh | dhaka
vietnam | hanoi, ho chi minh city, saigon, da nang
thailand | bangkok, chiang mai, phuket
indonesia | jakarta, bali, surabaya, bandung
philippines | manila, cebu, davao
malaysia | kuala lumpur, penang, johor
egypt | cairo, alexandria
morocco | casablanca, rabat, marrakesh
kenya | nairobi, mombasa
nigeria | lagos, abuja, kano
ghana | accra, kumasi
ethiopia | addis ababa
south africa | cape town, johannesburg, durban, pretoria
canada | toronto, montreal, vancouver, calgary, ottawa, edmonton, winnipeg, halifax, ontario, quebec, british columbia, alberta, manitoba
 , nova scotia, saskatchewan
ontario | toronto, ottawa, hamilton, waterloo
quebec | montreal, quebec city
british columbia = bc | vancouver, victoria
alberta | calgary, edmonton
mexico | mexico city, guadalajara, monterrey, tijuana, oaxaca, merida
brazil = brasil | sao paulo, rio de janeiro, rio, brasilia, salvador, fortaleza, belo horizonte, porto alegre, curitiba, recife
argentina | buenos aires, cordoba, rosario, mendoza
chile | santiago, valparaiso
colombia | bogota, medellin, cali, cartagena
peru | lima, cusco, arequipa
venezuela | caracas
australia | sydney, melbourne, brisbane, perth, adelaide, canberra, hobart, darwin, queensland, new south wales, victoria, tasmania
new zealand | auckland, wellington, christchurch, dunedin
united states = us = usa = america = united states of america = states | alabama, alaska, arizona, arkansas, california, colorado
 , connecticut, delaware, florida, georgia, hawaii, idaho, illinois, indiana, iowa, kansas, kentucky, louisiana, maine, maryland
 , massachusetts, michigan, minnesota, mississippi, missouri, montana, nebraska, nevada, new hampshire, new jersey, new mexico, new york
 , north carolina, north dakota, ohio, oklahoma, oregon, pennsylvania, rhode island, south carolina, south dakota, tennessee, texas, utah
 , vermont, virginia, washington, west virginia, wisconsin, wyoming, new england, bay area, midwest, washington dc
new england | maine, new hampshire, vermont, massachusetts, rhode island, connecticut, boston
bay area | san francisco, oakland, san jose, berkeley, palo alto
california = ca | los angeles, san francisco, san diego, san jose, sacramento, oakland, berkeley, fresno, palo alto, pasadena, la, sf
 , bay area
los angeles = la | hollywood, santa monica
texas = tx | houston, dallas, austin, san antonio, fort worth, el paso
florida = fl | miami, orlando, tampa, jacksonville
new york = ny = nyc = new york city | new york city, nyc, buffalo, rochester, albany, ithaca, brooklyn, manhattan, queens, bronx
 , staten island, harlem
illinois = il | chicago, springfield
massachusetts = ma | boston, cambridge, worcester
washington = wa | seattle, tacoma, spokane
washington dc = dc = d c |
oregon = or | portland, eugene, salem
colorado = co | denver, boulder
georgia = ga |
pennsylvania = pa | philadelphia, pittsburgh
arizona = az | phoenix, tucson
nevada = nv | las vegas, reno
michigan = mi | detroit, ann arbor
minnesota = mn | minneapolis, saint paul
ohio = oh | columbus, cleveland, cincinnati
north carolina = nc | charlotte, raleigh, durham
tennessee = tn | nashville, memphis
louisiana = la | new orleans, baton rouge
missouri = mo | kansas city, st louis
utah = ut | salt lake city, provo
maryland = md | baltimore
virginia = va | richmond, arlington
wisconsin = wi | madison, milwaukee
maine = me | portland
hawaii = hi | honolulu, maui
new jersey = nj | newark, jersey city, princeton
indiana = in | indianapolis
"""
_QUARTERS = """
berlin | kreuzberg, prenzlauer berg, neukolln, friedrichshain, charlottenburg, schoneberg, pankow, moabit, mitte, wedding, wilmersdorf
 , steglitz, tempelhof, treptow, lichtenberg, spandau, kopenick, weissensee
hamburg | altona, eimsbuttel, st pauli, ottensen, winterhude, barmbek, eppendorf, wandsbek
munich | schwabing, sendling, haidhausen, giesing, maxvorstadt, neuhausen, pasing
cologne | ehrenfeld, nippes, sulz, kalk
vienna | leopoldstadt, ottakring, neubau, favoriten, dobling
paris | montmartre, belleville, le marais, montparnasse
"""
"""Parts of towns. A town is no land: of an unknown place it is not supposed that it lies there."""
_PART = re.compile(r"\s*,\s*|\s+in\s+")


def refines(new: str, old: str, *, moved: bool) -> bool:
    """Whether two places may both be where somebody is, because one lies in the other: as far as that is known, or, where nobody has
    moved, one of them is a land and of the other nothing is known."""
    ours, theirs = _parts(new), _parts(old)
    if not ours or not theirs:
        return False
    if ours[0] == theirs[0]:
        return ours != theirs and not _elsewhere(ours[1:], theirs[1:])
    around, about = _around(ours), _around(theirs)
    if theirs[0] in around or ours[0] in about:
        return True
    if moved:
        return False
    contains = _contains()
    return (theirs[0] in contains and not around and ours[0] not in contains) or (
        ours[0] in contains and not about and theirs[0] not in contains
    )


def _parts(text: str) -> list[str]:
    """A place and what is said of where it lies, by their first names."""
    found = [part.replace(".", "").removeprefix("the ").strip() for part in _PART.split(fold(text).removeprefix("in "))]
    return [_first_names().get(part, part) for part in found if part]


def _elsewhere(ours: list[str], theirs: list[str]) -> bool:
    """Whether two places of one name are said to lie in different ones."""
    return bool(ours) and bool(theirs) and ours[0] != theirs[0] and ours[0] not in _around(theirs) and theirs[0] not in _around(ours)


def _around(parts: list[str]) -> set[str]:
    """All places in which one lies. What is said of it decides between those of one name."""
    found: set[str] = set()
    wanted = parts[1:] or list(_within().get(parts[0], ()))
    while wanted:
        place = wanted.pop()
        if place not in found:
            found.add(place)
            wanted.extend(_within().get(place, ()))
    return found


@cache
def _rows() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    rows = (row.partition(" |") for row in (_ROWS.strip() + _QUARTERS.rstrip()).replace("\n ,", ",").splitlines())
    return tuple((tuple(name.split(" = ")), tuple(one.strip() for one in within.split(",") if one.strip())) for name, _, within in rows)


@cache
def _first_names() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for names, _ in _rows():
        for name in names:
            found.setdefault(name, names[0])
    return found


@cache
def _within() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for names, parts in _rows():
        for part in parts:
            inner = _first_names().get(part, part)
            if inner != names[0]:
                found[inner] = found.get(inner, frozenset()) | {names[0]}
    return found


@cache
def _contains() -> frozenset[str]:
    """Places that are lands or parts of them: those in which others lie."""
    towns = {row.partition(" |")[0] for row in _QUARTERS.strip().splitlines()}
    return frozenset(names[0] for names, parts in _rows() if parts and names[0] not in towns) | frozenset(
        part for _, parts in _rows()[:9] for part in parts
    )
