"""The command `backstory`. Each command imports what it needs when it runs: `serve` must be up quickly, `version` at once.

Exit codes: 0 done, 1 it failed, 2 wrong usage or a wrong setting, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backstory import __version__
from backstory.app.faces import options, outlet
from backstory.errors import BackstoryError, ConfigError

if TYPE_CHECKING:
    from backstory.app.faces.leftovers import Opened
    from backstory.app.faces.stored import Hit
    from backstory.config import Config

_WRONG, _FAILED, _INTERRUPTED = 2, 1, 130
_MOST_ROWS = 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what it prints is on standard output, what went wrong on standard error. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        outlet.ready(exact=arguments.command == "export" or getattr(arguments, "json", False))
        code = _ran(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (`| head`).
        outlet.give_up()
        return _FAILED
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        outlet.complain(f"the output could not be written: {reason}" if outlet.give_up() else reason)
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _ran(arguments: argparse.Namespace) -> int:
    try:
        code: int = arguments.run(arguments)
    except BackstoryError as error:
        outlet.complain(str(error))
        return _WRONG if isinstance(error, ConfigError) else _FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backstory", description="A proxy that gives every conversation with a language model a memory.")
    parser.add_argument("--version", action="version", version=f"backstory {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    serve = command("serve", _serve, "run the proxy until it is stopped")
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", help="port to listen on (5757); beside proxy.instances it is one more")
    serve.add_argument("--upstream", metavar="URL", help="one upstream for all wires; without it each wire has its provider's")
    serve.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    demo = command("demo", _demo, "the whole loop without a key and without a network")
    demo.add_argument("--keep", metavar="FOLDER", help="leave the database there; without it, it goes")
    status = command("status", _status, "what is stored, and whether a proxy is running")
    listed = command("conversations", _conversations, "the newest conversations")
    listed.add_argument("--limit", type=options.number(1), default=50, metavar="N", help="at most so many (50)")
    show = options.shown(command("show", _show, "the turns of a conversation"))
    recall = command("recall", _recall, "what memory would bring for a text")
    recall.add_argument("text", metavar="TEXT")
    recall.add_argument("--conversation", metavar="ID", help="from this conversation only")
    recall.add_argument("--budget", type=options.number(0), metavar="TOKENS", help="at most so many tokens (recall.budget_tokens)")
    facts = options.filters(command("facts", _facts, "what is known, and which turn says it"))
    usage = options.sums(command("usage", _usage, "what requests cost and how long they took, and what memory saved"))
    export = options.exported(command("export", _export, "conversations as files, on standard output"))
    forget = options.named(command("forget", _forget, "remove what is stored, for good"))
    asked = _asking(command)
    diagnostics = command("diagnostics", _diagnostics, "what the running proxy knows of its backends")
    diagnostics.add_argument("--reactivate", default="", metavar="NAME", help="close this backend's breaker, and end its rest")
    extensions = command("extensions", _extensions, "which extensions are installed, and which of them run")
    config = command("config", _config, "the settings")
    config.add_argument("action", choices=("check",), help="check: print every setting with its source")
    bench = options.bench(command("bench", _bench, "how well recall works on a data set: `bench recall`"))
    options.conformance(command("conformance", _conformance, "whether a gateway translates between the wires as it has to"))
    command("version", _version, "the version")
    for one in (serve, status, listed, show, recall, facts, usage, export, forget, diagnostics, extensions, config, bench, *asked):
        one.add_argument("--config", metavar="FILE", help="settings file; without it backstory.yaml is looked for")
        one.add_argument("--storage", metavar="URL", help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")
    for one in (status, listed, show, recall, facts, usage, forget, diagnostics, extensions, config, bench, *asked):
        one.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _asking(command: Callable[[str, object, str], argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """The commands that ask memory about itself."""
    why = command("why", _why, "what memory put into a request, and why")
    diff = command("diff", _diff, "what a client sent against what went up")
    for one in (why, diff):
        one.add_argument("request", metavar="REQUEST", help="number of a request (X-VC-Request), or a conversation, or conversation:turn")
    pin = command("pin", _pin, "keep a turn in view, or show what each turn is worth")
    pin.add_argument("id", metavar="ID", help="id, its beginning, or label of a conversation")
    pin.add_argument(
        "turn", metavar="TURN", type=options.number(1), nargs="?", default=0, help="number in `show`; without it, every turn and its score"
    )
    pin.add_argument("--branch", type=options.number(0), default=0, metavar="B", help="of this branch, by its number in `show --branches`")
    pin.add_argument("--remove", action="store_true", help="let go of it")
    ledger = command("ledger", _ledger, "what was dropped from view in a conversation, and why")
    ledger.add_argument("id", metavar="ID", help="id, its beginning, or label of a conversation")
    restore = command("restore", _restore, "what a stub stands for, as it came")
    restore.add_argument("ref", metavar="REF", help="as the stub and `ledger` name it: t... or m...")
    restore.add_argument("--output", metavar="FILE", default="", help="write it there; without it, to standard output")
    return [why, diff, pin, ledger, restore]


def _serve(arguments: argparse.Namespace) -> int:
    config = _settings(arguments)
    from backstory.app import logs
    from backstory.app.server import serve
    from backstory.vectors import check

    for each in (config, *(listener.config for listener in config.listeners if listener.config is not None)):
        check(each.vectors)
    logs.set_up(config.log)
    return serve(config)


def _extensions(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import extending

    return extending.main(_overrides(arguments), arguments.json)


def _demo(arguments: argparse.Namespace) -> int:
    from backstory.app.demo import run

    return run(arguments.keep or "")


def _version(_: argparse.Namespace) -> int:
    print(f"backstory {__version__}")
    return 0


def _config(arguments: argparse.Namespace) -> int:
    from backstory.app.faces.checking import check
    from backstory.config import describe, effective

    settings = effective(_overrides(arguments))
    if arguments.json:
        _print_json(settings)
    else:
        meanings = {name: f"{meaning} ({expects})" for name, expects, _, meaning in describe()}
        for setting in settings:
            print(f"{setting.key} = {setting.value or '(empty)'}    [{setting.source}]\n    {meanings[setting.key]}")
    sys.stdout.flush()
    config = _settings(arguments)
    check(config)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import leftovers
    from backstory.app.faces import stored as faces

    config = _settings(arguments)
    for sentence in leftovers.take_in(config.storage):
        outlet.complain(sentence)
    status = faces.status(config)
    if arguments.json:
        _print_json(status)
        return 0
    print(f"storage   {status.storage}" + (f", {status.bytes / 1_000_000:.1f} MB" if status.bytes else ", nothing stored yet"))
    for table, rows in status.rows.items():
        print(f"          {rows:>8} {table}")
    for row in status.usage:
        told = f"{row.requests} requests, billed ${row.billed:.4f}"
        told += "" if row.kind == "side" else f", as they came ${row.direct:.4f}, saved ${row.saved:.4f}"
        print(f"{row.kind:<9} {told}" + (f" ({row.unpriced} requests without a known price)" if row.unpriced else ""))
    if status.stopped:
        print(f"          rewriting was stopped in {status.stopped} conversations in the last day: it cost more than it saved")
    if status.read_again:
        print(f"facts     {status.read_again} conversations are still to be read again: this version finds more in them, or other things")
    print(f"proxy     {status.proxy}: {status.health or 'does not answer'}")
    if status.side_model:
        print(f"side      {status.side_model}")
    for name, url in status.apart.items():
        print(f"apart     {name}: {url} (--storage looks into it)")
    return 0


def _usage(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import spent
    from backstory.app.faces import stored as faces
    from backstory.app.metering import usage

    config = _settings(arguments)
    with _store(config) as store:
        record = faces.find(store, arguments.conversation) if arguments.conversation else None
        names = usage.named(config.usage.names)
        found = spent.found(store, arguments.by, record, arguments.since, max(1, arguments.limit), names)
    if arguments.json:
        _print_json(spent.as_json(found))
    elif found.served or found.weighed:
        _print_all(spent.as_text(found))
    else:
        print("nothing was paid yet", file=sys.stderr)
    return 0


def _diagnostics(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import diagnosing

    found = diagnosing.asked(_settings(arguments), arguments.reactivate)
    if arguments.json:
        _print_json(found)
    else:
        _print_all(diagnosing.as_table(found))
    return 0


def _conversations(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import stored as faces

    with _store(_settings(arguments)) as store:
        rows = faces.conversations(store, min(max(0, arguments.limit), _MOST_ROWS))
    if arguments.json:
        _print_json(rows)
        return 0
    for row in rows:
        named = f"  {faces.plain(row.label)}" if row.label else ""
        print(f"{row.id}  {faces.stamp(row.updated)}  {row.turns:>5} turns  {row.wire:<16} {faces.plain(row.model)}{named}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import stored as faces

    with _store(_settings(arguments)) as store:
        rows = faces.told(store, faces.find(store, arguments.id))
    if not arguments.json:
        _print_all(faces.as_text(rows, arguments.branches))
        return 0
    _print_json([row for row in rows if arguments.branches or not row.branch])
    if not arguments.branches:
        outlet.complain(faces.unshown(rows))
    return 0


def _recall(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import stored as faces

    config = _settings(arguments)
    budget = config.recall.budget_tokens if arguments.budget is None else max(0, arguments.budget)
    with _store(config) as store:
        record = faces.find(store, arguments.conversation) if arguments.conversation else None
        hits = faces.recalled(store, arguments.text, record, budget, time.time())
    if arguments.json:
        _print_json(hits)
        return 0
    for hit in hits:
        print(f"{hit.score:7.3f}  {hit.conversation[:8]} #{hit.number}  {faces.stamp(hit.at)}  {faces.name(hit.speaker)}" + _changed(hit))
        _print_all(f"         {line}\n" for line in faces.plain(hit.text).splitlines())
    if not hits:
        print("nothing in memory answers to that", file=sys.stderr)
    return 0


def _changed(hit: Hit) -> str:
    return f"  (later changed: #{hit.changed})" if hit.changed else ""


def _facts(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import stored as faces

    with _store(_settings(arguments)) as store:
        record = faces.find(store, arguments.conversation) if arguments.conversation else None
        rows = faces.facts(store, record, arguments.subject, arguments.verb, arguments.object, arguments.status)
    if arguments.json:
        _print_json(rows)
        return 0
    for row in rows:
        found = "" if row.found_by == "rules" else f" by {faces.plain(row.found_by)}"
        print(
            f"{row.conversation[:8]} #{row.number:<4} {faces.stamp(row.said)}  {faces.name(row.author)}: "
            f"{faces.plain(row.subject)} | {row.verb} | {faces.plain(row.object)}  [{faces.standing(row)}]{found}"
        )
    if not rows:
        print("nothing is known of that", file=sys.stderr)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import stored as faces

    opened = _store(_settings(arguments))
    with opened as store:
        ids = [arguments.id] if arguments.id else [row.id for row in reversed(faces.conversations(store, _MOST_ROWS))]
        for named in ids:
            record = faces.find(store, named)
            rows = faces.told(store, record, raw=True)
            in_markdown = arguments.format == "markdown"
            _print_all(faces.as_markdown(record, rows, arguments.branches) if in_markdown else faces.as_jsonl(rows))
    return _FAILED if opened.missing else 0


def _forget(arguments: argparse.Namespace) -> int:
    if not options.meant(arguments):
        wanted = "name ID, or --all, or --principal NAME, or --person NAME, or --turn N with --conversation ID"
        print(f"backstory: forget: {wanted}", file=sys.stderr)
        return _WRONG
    from backstory.app.faces import forgetting
    from backstory.app.faces import stored as faces
    from backstory.config import mask

    config = _settings(arguments)
    opened = _store(config)
    with opened as store:
        asked = forgetting.meant(store, arguments)
        what = asked.what
        if not arguments.yes and not _agreed(f"Forget {what} in {mask(config.storage.url)}? It cannot be undone. [y/N] "):
            print("backstory: nothing was forgotten", file=sys.stderr)
            return _FAILED
        opened.wait()
        receipts, told = forgetting.forget(store, asked, time.time())
    if arguments.json:
        _print_json(receipts)
    for receipt in receipts if not arguments.json else ():
        rows = ", ".join(f"{number} {table}" for table, number in receipt.counts.items() if number)
        print(f"forgotten: {what} ({rows}); receipt {receipt.id}")
    if told and not arguments.json:
        print(told)
    if arguments.all or arguments.principal is not None or (arguments.person and not arguments.conversation):
        for name, url in faces.apart(config).items():
            outlet.complain(f"nothing was forgotten in the memory of {name}: {url} (--storage looks into it)")
    return _FAILED if opened.missing else 0


def _why(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import why

    with _store(_settings(arguments)) as store:
        found = why.explain(store, arguments.request)
    if arguments.json:
        _print_json(found)
    else:
        _print_all(why.as_text(found))
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import why

    with _store(_settings(arguments)) as store:
        found = why.diff(store, arguments.request)
    if arguments.json:
        _print_json(found)
    else:
        _print_all(why.as_diff(found))
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import ledger
    from backstory.app.faces import stored as faces

    with _store(_settings(arguments)) as store:
        entries = ledger.ledger(store, faces.find(store, arguments.id))
    if arguments.json:
        _print_json(entries)
    else:
        _print_all(ledger.as_text(entries))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from backstory.app.faces.restored import restored

    with _store(_settings(arguments)) as store:
        found = restored(store, arguments.ref)
    if arguments.output:
        Path(arguments.output).write_bytes(found.data)
        print(f"{found.kind}, {len(found.data)} bytes, of turn #{found.turn} of conversation {found.conversation}")
    elif arguments.json:
        _print_json(found)
    elif sys.stdout.isatty() and not found.kind.startswith(("text/", "application/json")):
        outlet.complain(f"{found.ref} is {found.kind}: name a file with --output")
        return _WRONG
    else:
        sys.stdout.buffer.write(found.data)
    return 0


def _pin(arguments: argparse.Namespace) -> int:
    from backstory.app.faces import stored as faces
    from backstory.app.faces import why

    with _store(_settings(arguments)) as store:
        record = faces.find(store, arguments.id)
        if arguments.turn:
            why.pin(store, record, arguments.turn, not arguments.remove, time.time(), arguments.branch)
        rows = [row for row in why.retention(store, record, time.time(), arguments.branch) if arguments.turn in (0, row[0])]
    if arguments.json:
        _print_json([{"number": number, "turn": turn.id, "retention": score} for number, turn, score in rows])
        return 0
    for number, turn, score in rows:
        parts = f"salience {score.salience:.2f}, use {score.use:.2f}, recency {score.recency:.2f}{', pinned' if score.pinned else ''}"
        print(f"{number:>4}  {score.total:.2f}  ({parts})  {faces.plain(turn.text)[:60]!r}")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from backstory.app.bench import recall
    from backstory.app.bench.dataset import load
    from backstory.vectors import opened

    config = _settings(arguments)
    # The small one has not more than some hundred tokens a conversation.
    usual = "120,240,480" if arguments.dataset == "sample" else "1000,2000,4000,8000"
    try:
        budgets = [int(part) for part in (arguments.budgets or usual).split(",")]
    except ValueError as error:
        raise ConfigError(f"--budgets: whole numbers with commas between, not {arguments.budgets!r}") from error
    if min(budgets) < 1:
        raise ConfigError(f"--budgets: {min(budgets)} is no number of tokens")
    report = recall.run(load(arguments.dataset), arguments.systems.split(","), budgets, opened(config.vectors), config.recall.min_score)
    if arguments.json:
        _print_json(report)
    else:
        _print_all(recall.as_text(report))
    return 0


def _conformance(arguments: argparse.Namespace) -> int:
    from backstory.app.conformance.main import Options, run

    given = {name: value for name, value in vars(arguments).items() if name in Options.__struct_fields__}
    return run(Options(**given, serve=arguments.serve_provider, timeout_s=arguments.timeout))


def _agreed(question: str) -> bool:
    """Whether the user says yes. No terminal to ask at is wrong usage."""
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask at: say --yes")
    return input(question).strip().lower() in ("y", "yes")


def _store(config: Config) -> Opened:
    """The store for one command, closed after it."""
    from backstory.app.faces.leftovers import Opened

    return Opened(config, outlet.complain)


def _overrides(arguments: argparse.Namespace) -> Mapping[str, str]:
    names = {
        "host": "proxy.host",
        "port": "proxy.port",
        "upstream": "upstream.url",
        "storage": "storage.url",
        "log_level": "log.level",
        "config": "config",
    }
    given = vars(arguments)
    return {key: given[name] for name, key in names.items() if given.get(name) is not None}


def _settings(arguments: argparse.Namespace) -> Config:
    from backstory.config import Config

    return Config.load(_overrides(arguments))


def _print_json(value: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def _print_all(pieces: Iterable[str]) -> None:
    for piece in pieces:
        sys.stdout.write(piece)
