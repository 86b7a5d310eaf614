"""Where settings come from: command line, environment, file. Gives what was set, as it was written, and the place of each.

Nothing is checked here but the names: an unknown one is a problem with its place and the nearest name that exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Struct

from backstory.config.sections import keys
from backstory.errors import ConfigError

if TYPE_CHECKING:
    import yaml

PREFIX = "BACKSTORY_"
FILES = ("backstory.yaml", "backstory.yml")
_NOT_YET = {
    "redis_url": "a shared cache is not available in this version: one process keeps its cache in memory",
}
_ALIASES = {"context_window": "compaction.context_window"}
_PLAIN_NAMES = {"PROXY_HOST": "proxy.host", "PROXY_PORT": "proxy.port", "DATABASE_URL": "storage.url", "VC_DASHBOARD_TOKEN": "usage.token"}


class Given(Struct):
    """A value as it was given. `base`: the folder that its relative paths mean; `node`: its place in the file."""

    value: Any
    source: str
    text: bool
    base: Path
    node: Any = None


class Collected(Struct):
    settings: dict[str, Given]
    environ: Mapping[str, str]
    problems: list[str]


def collect(overrides: Mapping[str, str] | None, environ: Mapping[str, str] | None, cwd: str | Path | None) -> Collected:
    over = dict(overrides or {})
    variables = os.environ if environ is None else environ
    here = Path.cwd() if cwd is None else Path(cwd)
    out = Collected({}, variables, [])
    named = over.pop("config", "")
    path = here / named if named else _find(here, variables)
    if path is not None:
        collect_file(out, path)
    collect_environ(out, variables, here)
    for name, text in over.items():
        if name in keys():
            out.settings[name] = Given(text, "command line", True, here)
        else:
            out.problems.append(_unknown(name, "command line"))
    return out


def collect_environ(out: Collected, environ: Mapping[str, str], here: Path) -> None:
    names = {PREFIX + name.upper().replace(".", "__"): name for name in (*keys(), *_ALIASES, *_NOT_YET)}
    plain = {variable: _PLAIN_NAMES[variable] for variable in environ if variable in _PLAIN_NAMES and environ[variable]}
    prefixed = {variable: names.get(variable, "") for variable in sorted(environ) if variable.startswith(PREFIX)}
    for variable, name in {**plain, **prefixed}.items():
        place = f"environment {variable}"
        if name in _NOT_YET:
            out.problems.append(f"{place}: {name}: {_NOT_YET[name]}")
        elif not name:
            near = _nearest(variable, names)
            out.problems.append(f"{place}: no such setting" + (f"; did you mean {near}?" if near else ""))
        else:
            out.settings[_ALIASES.get(name, name)] = Given(environ[variable], place, True, here)


def collect_file(out: Collected, path: Path) -> None:
    import yaml  # noqa: PLC0415 - 20 ms that only a configuration file costs

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise ConfigError(f"{path}: cannot be read as a configuration file: it is nested too deeply") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as a configuration file: {error}") from error
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}, line 1: expected keys and values, got {'list' if isinstance(node, yaml.SequenceNode) else 'text'}")
    for name, key_node, value_node in _leaves(out, path, node):
        place = f"{path}, line {key_node.start_mark.line + 1}"
        if name in _NOT_YET:
            out.problems.append(f"{place}: {name}: {_NOT_YET[name]}")
        elif _ALIASES.get(name, name) not in keys():
            out.problems.append(_unknown(name, place))
        else:
            out.problems += _repeated(path, name, value_node, set())
            try:
                value = yaml.SafeLoader("").construct_document(value_node)
            except (ValueError, RecursionError, yaml.YAMLError) as error:
                raise ConfigError(f"{place}: {name}: cannot be read as a configuration file: {error}") from error
            out.settings[_ALIASES.get(name, name)] = Given(value, place, False, path.parent, value_node)


def _repeated(path: Path, name: str, node: yaml.Node, walked: set[int]) -> Iterator[str]:
    """Keys below a setting that stand twice in one mapping: YAML would take the last one, and say nothing. `walked`: nodes that have
    been looked at; one may stand in many places, and in itself."""
    if isinstance(node.value, str) or id(node) in walked:
        return
    walked.add(id(node))
    seen: set[str] = set()
    for at, child in enumerate(node.value):
        if not isinstance(child, tuple):
            yield from _repeated(path, f"{name}[{at}]", child, walked)
            continue
        key, value = child
        inner = f"{name}.{key.value}"
        if inner in seen:
            yield f"{path}, line {key.start_mark.line + 1}: {inner}: stands here twice"
        seen.add(inner)
        yield from _repeated(path, inner, value, walked)


def _find(here: Path, environ: Mapping[str, str]) -> Path | None:
    home = Path(environ.get("HOME") or Path.home())
    folder = Path(environ["XDG_CONFIG_HOME"]) if environ.get("XDG_CONFIG_HOME") else home / ".config"
    for place in (here, *here.parents, folder / "backstory"):
        for name in FILES:
            if (place / name).is_file():
                return place / name
    return None


def _leaves(out: Collected, path: Path, node: yaml.MappingNode, above: str = "") -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Dotted name, key and value of each setting in the file; a section's mapping is gone into."""
    sections = {key.section for key in keys().values()}
    seen: set[str] = set()
    for key, value in node.value:
        name = f"{above}{key.value}"
        if name in seen:
            out.problems.append(f"{path}, line {key.start_mark.line + 1}: {name}: stands here twice")
        seen.add(name)
        if not above and name in sections and value.id == "mapping":
            yield from _leaves(out, path, value, f"{name}.")
        elif not above and name in sections and value.value in ("", "null", "~"):
            continue
        else:
            yield name, key, value


def fields_at(annotated: Any, steps: str) -> tuple[str, ...]:
    """The keys that a mapping inside of a value of this type may have; none where it has no keys of its own. `steps`: `[0].set`."""
    base = _plain(annotated)
    for index, name in re.findall(r"\[(\d+)\]|\.([\w-]+)", steps):
        args = get_args(base)
        if get_origin(base) in (tuple, dict):
            base = _plain(args[get_origin(base) is dict])
        elif name and not index and isinstance(base, type) and issubclass(base, Struct):
            base = _plain(next((one.type for one in msgspec.structs.fields(base) if one.name == name), str))
    return base.__struct_fields__ if isinstance(base, type) and issubclass(base, Struct) else ()


def _plain(annotated: Any) -> Any:
    return get_args(annotated)[0] if get_origin(annotated) is Annotated else annotated


def _unknown(name: str, place: str) -> str:
    known = list(keys())
    section, _, leaf = name.rpartition(".")
    siblings = [key.field for key in keys().values() if key.section == section]
    near = _nearest(name, known) or next((key.name for key in keys().values() if key.field == (leaf or name)), "")
    sections = sorted({key.section for key in keys().values()})
    if name in sections:
        return f"{place}: {name}: expected a section with the keys " + ", ".join(
            key.field for key in keys().values() if key.section == name
        )
    allowed = f"{section} has {', '.join(siblings)}" if section and siblings else "sections are " + ", ".join(filter(None, sections))
    return f"{place}: {name}: no such setting; " + (f"did you mean {near}? " if near else "") + f"({allowed})"


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only on the way to an error

    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.75)), "")
