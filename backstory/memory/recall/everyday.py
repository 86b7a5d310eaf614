"""Words of everyday English, by their stems: what they say is said of everything, so that one of them is shared by chance.

Rule: listed are common words that name no topic: of time, place, size and degree, verbs that anything can be the subject of. "Build" and
"car" are none: a conversation may be about these.
"""

from __future__ import annotations

_STEMS = """
    abl activ add age agre air amount appear area arriv ask attend avail back bad begin believ big bodi bottom break bring busi call
    carri case catch caus certain chang choos clear close cold come common complet consid continu corner creat current cut dark day
    deal decid dev dif difficult draw drive drop earli easi edg end enjoy evening event experi explain face fact fail fall feel fill
    find fine finish first fit follow forc free front full general give good great group grow guy hand happen happi hard head hear
    help high hit hold hope hot hour huge hurt idea import includ increas info insid involv issu join keep kind larg last late lead
    learn leav level life like line list listen littl live long look lose lot love low main major man meet middl moment month morn
    move name natur need new next nice number offer old open outsid own part pass past pay person piec place point poor possibl power
    prepar present press privat problem produc public pull push question rais rate reach read readi real realiz reason receiv recent
    recommend rememb rest result return round same save section see seem send serious set shape short show side simpl singl sit size
    small space speak special spend stand start stay step stop strong style suggest sure tell thing throw time titl today togeth
    tomorrow top total touch tri true turn type understand use visit wait walk want watch way wear week weekend weigh whole win woman
    work world wrong yesterday young monday tuesday wednesday thursday friday saturday sunday
"""
EVERYDAY = frozenset(_STEMS.split())
