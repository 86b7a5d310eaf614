"""Full text in PostgreSQL: a vector of the index's own words for each row of `tags`, and BM25 over what a search finds.

Rule: it finds and ranks as SQLite's FTS5 does. No text-search configuration has a say: the words come as they are, cut at spaces and
control characters, ASCII letters folded. How often a word stands in a row is the number of its positions.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from backstory.stores.rows import Connection, Value, marks, slices
from backstory.stores.sqlite import fold

_SPACE = re.compile(r"[\x00-\x20\x7f]+")
# PostgreSQL takes words of up to 2,046 bytes; long before that nobody looks for them by a part.
_LONGEST_WORD = 500
# A vector has at most 1 MB, of one word at most 255 places.
_MOST_BYTES = 900_000
_MOST_PLACES = 255
# FTS5's: Robertson and Zaragoza's k1 and b, and the least weight of a word (sqlite.org/fts5.html, "the bm25() function").
_K1, _B, _LEAST = 1.2, 0.75, 1e-6

_TOTALS = "SELECT rows, size FROM word_totals"


def add_words(connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
    """See Dialect."""
    made: list[tuple[Value, ...]] = []
    total = 0
    for doc, terms, owner in rows:
        words = _words(terms)
        owners = owner.split()
        total += len(words) + len(owners)
        made.append((doc, len(words) + len(owners), _vector(words, owners)))
    connection.many("INSERT INTO words (doc, size, terms) VALUES (?, ?, CAST(CAST(? AS text) AS tsvector))", made)
    connection.run("UPDATE word_totals SET rows = rows + ?, size = size + ?", (len(made), total))


def drop_words(connection: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
    """See Dialect."""
    for some in slices(rows):
        docs = [row[0] for row in some]
        gone = connection.all(f"DELETE FROM words WHERE doc IN ({marks(len(docs))}) RETURNING size", docs)
        connection.run("UPDATE word_totals SET rows = rows - ?, size = size - ?", (len(gone), sum(row[0] for row in gone)))


def count_words(connection: Connection, words: Sequence[str]) -> dict[str, int]:
    """See Dialect."""
    found: dict[str, int] = {}
    for some in slices(words):
        values: list[Value] = []
        for place, word in enumerate(some):
            # Whose a row is, is asked in the same way.
            names = [_lexeme(word), *([" " + word] if word.startswith("=") else [])]
            values += (place, " | ".join(map(_quoted, names)))
        table = ",".join(["(CAST(? AS integer), CAST(CAST(? AS text) AS tsquery))"] * len(some))
        sql = f"SELECT q.place, (SELECT count(*) FROM words w WHERE w.terms @@ q.query) FROM (VALUES {table}) q (place, query)"
        found.update((some[place], count) for place, count in connection.all(sql, values) if count)
    return found


def find_words(
    connection: Connection, terms: Sequence[str], owners: Sequence[str], after: int, where: str, values: Sequence[Value], limit: int
) -> list[tuple[int, float]]:
    """See Dialect."""
    counts = count_words(connection, terms)
    rows, size = connection.all(_TOTALS)[0]
    if not counts or not rows:
        return []
    weights = {_lexeme(term): max(_LEAST, math.log((rows - count + 0.5) / (count + 0.5))) for term, count in counts.items()}
    query = " | ".join(map(_quoted, weights))
    if owners:
        query = f"({' | '.join(_quoted(' ' + owner) for owner in owners)}) & ({query})"
    table = ",".join(["(CAST(? AS text), CAST(? AS float8))"] * len(weights))
    sql = (
        f"WITH weight (lexeme, idf) AS (VALUES {table}), found AS MATERIALIZED ("
        f"SELECT t.turn, w.terms, {_K1} * ({1 - _B} + {_B} * w.size / CAST(? AS float8)) AS slack"
        " FROM words w JOIN tags t ON t.doc = w.doc JOIN conversations c ON c.key = t.conversation"
        f" WHERE w.terms @@ CAST(CAST(? AS text) AS tsquery) AND w.doc > ? AND {where})"
        " SELECT f.turn, (SELECT sum(i.idf * u.times * CAST(? AS float8) / (u.times + f.slack))"
        " FROM (SELECT lexeme, coalesce(cardinality(positions), 1) AS times FROM unnest(f.terms)) u JOIN weight i ON i.lexeme = u.lexeme)"
        " AS score FROM found f ORDER BY score DESC, f.turn DESC LIMIT ?"
    )
    given = [value for pair in weights.items() for value in pair]
    return [(row[0], row[1]) for row in connection.all(sql, (*given, max(1.0, size / rows), query, after, *values, _K1 + 1, limit))]


def _words(terms: str) -> list[str]:
    return [_lexeme(word) for word in _SPACE.split(terms) if word]


def _lexeme(word: str) -> str:
    """A word as the index has it."""
    folded = fold(word)
    if len(folded) <= _LONGEST_WORD:
        return folded
    return f"{folded[:32]}={blake2b(folded.encode(), digest_size=16).hexdigest()}"


def _vector(words: Sequence[str], owners: Sequence[str]) -> str:
    """In PostgreSQL's spelling. An owner mark begins with a space, as no word does. Of a row that is too long the last words are left
    out."""
    parts = [_quoted(" " + owner) for owner in owners]
    room = _MOST_BYTES
    for word, times in Counter(words).items():
        places = min(times, _MOST_PLACES)
        room -= len(word.encode()) + 4 + 2 * places
        if room < 0:
            break
        parts.append(_quoted(word) + (":" + ",".join(map(str, range(1, places + 1))) if places > 1 else ""))
    return " ".join(parts)


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
