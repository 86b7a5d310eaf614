"""What single commands of the command line take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number of at least `least`, at most `most`. Others are refused with what is wrong, and exit code 2."""

    def of(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a whole number: {text[:40]!r}") from None
        if found < least or (most is not None and found > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"must be {bounds}, not {found if abs(found) < 10**20 else text[:20] + '...'}")
        return found

    return of


def seconds(text: str) -> float:
    """A time that is more than nothing."""
    try:
        found = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text[:40]!r}") from None
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text[:40]}")
    return found


def named(forget: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What `forget` removes."""
    forget.add_argument("id", metavar="ID", nargs="?", help="a conversation")
    forget.add_argument("--all", action="store_true", help="everything")
    forget.add_argument("--principal", metavar="NAME", help="everything of this principal")
    forget.add_argument("--person", default="", metavar="NAME", help="what they said, what answers it and what mentions them")
    forget.add_argument("--turn", type=number(1), default=0, metavar="N", help="one turn, by its number in `show`; with --conversation")
    forget.add_argument("--branch", type=number(0), default=0, metavar="B", help="the branch of --turn, by its number in `show --branches`")
    forget.add_argument("--conversation", metavar="ID", help="the conversation of --turn, or the only one of --person")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    return forget


def meant(arguments: argparse.Namespace) -> bool:
    """Whether `forget` was told one thing to remove."""
    ways = (arguments.id, arguments.all, arguments.principal is not None, arguments.person.strip(), arguments.turn)
    if sum(map(bool, ways)) != 1 or arguments.turn < 0 or arguments.branch < 0 or (arguments.branch and not arguments.turn):
        return False
    return bool(arguments.conversation) == bool(arguments.turn) or bool(arguments.person)


def sums(usage: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What `usage` adds up."""
    usage.add_argument("--conversation", metavar="ID", help="of this conversation only")
    by = ("model", "day", "conversation", "request", "principal", "backend")
    usage.add_argument("--by", choices=by, default="model", help="one line for each (model)")
    usage.add_argument("--since", default="", metavar="WHEN", help="requests since then: 12h, 7d, 2026-11-01, 2026-11-01T08:00:00Z")
    usage.add_argument("--limit", type=number(1), default=100, metavar="N", help="with --by request: the newest N (100)")
    return usage


def bench(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Of `bench`."""
    parser.add_argument("what", choices=("recall",), help="recall: how much of the evidence is brought, beside plain baselines")
    parser.add_argument("dataset", metavar="DATASET", nargs="?", default="sample", help="a JSON file; without it, the small one inside")
    parser.add_argument("--systems", default="backstory,recency,bm25,full", metavar="NAMES", help="of backstory, recency, bm25, full")
    parser.add_argument("--budgets", metavar="TOKENS", help="comma-separated (1000,2000,4000,8000; for the small one inside 120,240,480)")
    return parser


def conformance(parser: argparse.ArgumentParser) -> None:
    """Of `conformance`."""
    parser.add_argument("url", metavar="BASE_URL", nargs="?", default="", help="the gateway")
    parser.add_argument("--self", dest="own", action="store_true", help="a proxy and a scripted provider of our own")
    parser.add_argument(
        "--serve-provider", type=number(0, 65535), metavar="PORT", help="serve the scripted provider, for another gateway to point at"
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases of such a name: a part of it, or a shell pattern")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--url", dest="urls", action="append", default=[], metavar="WIRE=URL", help="for providers of this wire")
    parser.add_argument("--model", dest="models", action="append", default=[], metavar="WIRE=NAME", help="a model of such a provider")
    header = "for requests to such a provider"
    parser.add_argument("--header", dest="headers", action="append", default=[], metavar="WIRE=NAME:VALUE", help=header)
    parser.add_argument("--clients", default="", metavar="WIRES", help="only these wires of clients")
    parser.add_argument("--providers", default="", metavar="WIRES", help="only these wires of providers")
    parser.add_argument("--key", default="sk-conformance", help="the client's key")
    parser.add_argument("--timeout", type=seconds, default=30.0, metavar="SECONDS", help="for one answer (30)")
    parser.add_argument("--no-sdks", dest="sdks", action="store_false", help="leave out the official SDKs")


def filters(facts: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Which facts `facts` tells."""
    facts.add_argument("--conversation", metavar="ID", help="of this conversation only")
    for name in ("subject", "verb", "object"):
        facts.add_argument(f"--{name}", default="", metavar="WORDS", help=f"with these words in its {name}")
    statuses = ("current", "superseded", "negated", "planned", "all")
    facts.add_argument("--status", choices=statuses, default="", help="without it, what holds")
    return facts


def shown(show: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Which turns `show` prints."""
    show.add_argument("id", metavar="ID", help="id, its beginning, or label")
    show.add_argument("--branches", action="store_true", help="those of its other branches, too")
    return show


def exported(export: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What `export` writes, and how."""
    export.add_argument("id", metavar="ID", nargs="?", help="one conversation; without it, all")
    export.add_argument("--format", choices=("jsonl", "markdown"), default="jsonl")
    export.add_argument("--branches", action="store_true", help="in markdown, other branches, too; jsonl always has them")
    return export
