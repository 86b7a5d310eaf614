"""Small words of languages other than English: they say what is asked, not what it is asked about.

Rule: they count as small only in a text of their own language, which is told by how many of them it has: "die" is an article in German.
"""

from __future__ import annotations

from collections.abc import Sequence

from backstory.memory.text import fold

_SETS = tuple(
    frozenset(fold(words).split())
    for words in (
        # German
        """der die das den dem des ein eine einen einem einer eines und oder aber nicht kein keine keinen ich du er sie es wir
        ihr mich dich ihn uns euch mir dir ihm ihnen mein meine meinen meiner meinem dein deine sein seine ihre unser unsere
        ist sind war waren bin bist wird werden wurde wurden hat habe haben hatte hatten kann konnen konnte muss soll sollte
        will wollte wann wo wer was wie warum wieso wem wen welche welcher welches welchen woher wohin wieviel von vom zu zum
        zur mit bei beim fur auf an am im in aus nach uber unter vor um durch gegen ohne seit bis als wenn dass ob denn doch
        noch schon auch nur so da hier dort mal gerade etwas""",
        # French
        """le la les un une des du de et ou mais ne pas je tu il elle on nous vous ils elles me te se lui leur mon ma mes ton ta
        tes son sa ses notre nos votre vos est es suis sont etait etais etaient sera a ai as avons avez ont avait avais quand
        ou qui que quoi quel quelle quels quelles comment pourquoi combien dans sur sous avec sans pour par chez vers entre
        depuis pendant avant apres au aux en ce cet cette ces c d j l m n s t qu y si plus tres bien deja encore aussi ca cela
        fait faire est-ce""",
        # Spanish
        """el la los las un una unos unas y o pero no yo tu el ella nosotros ellos me te se le les nos mi mis tu tus su sus
        nuestro nuestra es son era eran fue fui soy eres esta estan estaba he has ha hemos han habia cuando donde quien
        quienes que cual cuales como por cuanto cuanta cuantos de del a al en con sin para sobre entre desde hasta antes
        despues durante este esta estos estas ese esa lo ya mas muy tambien si hay hice hizo""",
        # Italian
        """il lo la i gli le un uno una e o ma non io tu lui lei noi voi loro mi ti si ci vi mio mia miei mie tuo tua suo sua
        nostro e sono era erano sei siamo ho hai ha abbiamo hanno aveva quando dove chi che cosa quale quali come perche
        quanto quanta quanti di del della dei delle dello a al alla ai in nel nella con senza per su sul sulla tra fra da dal
        dalla prima dopo durante questo questa quello quella piu molto anche gia ancora fatto""",
        # Portuguese
        """o a os as um uma uns umas e ou mas nao eu tu ele ela nos eles me te se lhe meu minha meus minhas teu tua seu sua nosso
        nossa e sao era foi fui sou esta estava tenho tem temos havia quando onde quem que qual quais como porque quanto
        quantos de do da dos das em no na nos nas com sem para por pelo pela sobre entre desde ate antes depois este esta esse
        essa isto isso mais muito tambem ja ainda fiz fez""",
        # Dutch
        """de het een en of maar niet geen ik jij je hij zij ze wij we jullie mij me jou hem haar ons mijn jouw zijn onze is was
        waren ben bent wordt werd heb hebt heeft had hadden kan kon moet wil wanneer waar wie wat hoe waarom welke welk van
        tot met bij voor op aan in uit naar over onder om door tegen zonder sinds als dat dit die deze dan nog al ook maar er
        hier daar""",
        # Russian
        """и или но не я ты он она оно мы вы они меня тебя его ее нас вас их мне тебе ему ей нам вам им мой моя мое мои твой твоя
        наш наша был была было были есть будет когда где кто что как почему зачем сколько какой какая какие чей в во на с со к
        ко у о об от до из за под над для без при через после перед это этот эта эти тот та те же бы ли уже еще только так там
        тут""",
    )
)
# Of a text's words, at least so many and this share are small ones of its language.
_LEAST, _SHARE = 2, 0.34


def small_in(words: Sequence[str]) -> frozenset[str]:
    """Those of these folded words that are small ones of the language that they are in; none where that cannot be told."""
    known = set(words)
    best = max((known & small for small in _SETS), key=len)
    return frozenset(best) if len(best) >= max(_LEAST, _SHARE * len(known)) else frozenset()
