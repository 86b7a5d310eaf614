"""The settings of routing (routes.py), checked: what is wrong with them is told by key and place; and the providers' keys, which are read
from the environment and from files.

Rule: a key never stands in the settings, only where it is to be found; and no text of these values shows one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from backstory.config.catalogue import OPEN_KINDS, catalogue
from backstory.config.extended import NOTHING, Extended
from backstory.config.routes import AliasRow, ProviderRow, Routing
from backstory.config.secrets import check_secret, check_variable
from backstory.core.provider_row import Auth, Header, Row, WireName
from backstory.core.selectors import HYBRID, Branch, nearest, parse, suggest
from backstory.errors import SelectorError

BUILT_IN = ("anthropic", "openai", "gemini")
"""Providers that are there without being listed: the three of `upstream`, with each client's own key."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_FILLED = re.compile(r"\{(\w+)\}")
_TEMPLATE = re.compile(r"\\(?:\d{1,2}|g<\w+>)")
_MOST_KEYS = 20
_OAUTH_NEEDS: dict[str, tuple[str, ...]] = {
    "oauth_refresh": ("token_url",),
    "oauth_client": ("token_url", "client_id", "client_secret_env"),
    "azure": ("tenant", "client_id", "client_secret_env"),
}
_ALLOWED: dict[str, tuple[str, ...]] = {"wire": get_args(WireName), "header": get_args(Header)}
_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


REFRESH_FILE = "refresh_token_file"
"""Among the secrets of a provider: where its refresh token is kept."""


class Misplaced(ValueError):
    """What is wrong inside a value: the text says all that there is to say, and ends in "- at `$` and the steps to the place."""


class Keys(Struct, frozen=True):
    """What a provider is paid with. `numbered`: instances and their keys, 0 for the one without a number. `others`: further secrets by
    name. `values`: those that its URL needs. `trouble`: why there is none although one was named."""

    numbered: tuple[tuple[int, str], ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    trouble: str = ""

    def other(self, name: str) -> str:
        """The secret of this name, "" without."""
        return dict(self.others).get(name, "")

    def __repr__(self) -> str:
        return f"Keys({len(self.numbered)} keys, {self.trouble!r})"


def rows_of(value: Any) -> dict[str, Any]:
    """The providers as they were written, each checked by itself, so that an error knows its place. Raises ValueError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"names with a mapping each, not {type(value).__name__}")
    found: dict[str, Any] = {}
    for name, given in value.items():
        try:
            found[str(name)] = msgspec.convert({} if given is None else given, ProviderRow)
        except msgspec.ValidationError as error:
            text, _, place = str(error).partition(" - at `$")
            place = place.rstrip("`")
            allowed = _ALLOWED.get(place.lstrip("."), ()) if text.startswith("Invalid enum value") else ()
            if allowed:
                raise Misplaced(f"expected one of {', '.join(filter(None, allowed))} ({text}) - at `$.{name}{place}`") from error
            raise ValueError(f"{text} - at `$.{name}{place}`") from error
    return found


def row_of(name: str, given: ProviderRow, extended: Extended = NOTHING) -> Row | None:
    """Its row of the catalogue, or of an extension; None for a kind that there is not."""
    kind = given.kind or name
    return catalogue().get(kind) or extended.rows.get(kind)


def problems(
    providers: Mapping[str, ProviderRow], aliases: tuple[AliasRow, ...], routing: Routing, extended: Extended = NOTHING
) -> Iterator[tuple[str, str, str]]:
    """What is wrong: key, steps inside its value (".groq.url", "[0].pattern"), text."""
    for name, given in providers.items():
        yield from [("providers", f".{name}{steps}", text) for steps, text in _provider_problems(name, given, extended)]
    known = {*BUILT_IN, *providers}
    for index, alias in enumerate(aliases):
        text = _pattern_problem(alias.pattern)
        if text:
            yield "model_aliases", f"[{index}].pattern", text
        text = _selector_problem(_TEMPLATE.sub("x", alias.replacement), known)
        if text:
            yield "model_aliases", f"[{index}].replacement", text
    for key in ("static", "anthropic", "openai_chat", "openai_responses", "gemini"):
        text = route_problem(getattr(routing, key), known)
        if text:
            yield f"routing.{key}", "", text
    for name in routing.disabled:
        if name not in known:
            yield "routing.disabled", "", f"no provider {name!r}{suggest(name, known)} (there are {', '.join(sorted(known))})"


def route_problem(text: str, known: set[str]) -> str:
    """What is wrong with a setting that is a selector or the name of a provider; "" where nothing is, or it is empty."""
    return _selector_problem(text, known) if text and text not in known else ""


def unknown_backend(branch: Branch, known: Mapping[str, Any] | set[str]) -> str:
    """What to say of a backend that there is not."""
    hybrid = nearest(branch.backend, (*known, "hybrid")) == "hybrid"
    hint = f"; did you mean {HYBRID}?" if hybrid else suggest(branch.backend, known)
    return f"no provider {branch.backend!r}{hint} (there are {', '.join(sorted(known))})"


def in_use(providers: Mapping[str, ProviderRow], aliases: tuple[AliasRow, ...], routing: Routing) -> bool:
    """Whether anything of routing was set up."""
    return bool(providers or aliases or routing != Routing())


def read_keys(name: str, given: ProviderRow, environ: Mapping[str, str], base: Path, extended: Extended = NOTHING) -> Keys:
    """What there is to pay this provider with; nothing where it is to be the client's key. `base`: what relative paths mean."""
    row = row_of(name, given, extended)
    if row is None:
        return Keys()
    try:
        values = tuple(_values(given, row, environ))
        auth = auth_of(given, row)
        if auth in {"", "key"}:
            return Keys(tuple(_numbered(given, row, environ, base, auth == "key")), (), values)
        if auth in extended.pays:
            named = [("key", key) for _, key in _numbered(given, row, environ, base, False)][:1]
            return Keys((), (*named, *_others(auth, given, environ, base)), values)
        if auth == "aws" and not dict(values).get("region"):
            raise ValueError("auth aws: values.region (or the variable AWS_REGION) is needed")
        return Keys((), tuple(_others(auth, given, environ, base)), values)
    except ValueError as error:
        return Keys(trouble=f"providers.{name}: {error}")


def auth_of(given: ProviderRow, row: Row) -> str:
    """How it is paid for: a key that is named is meant to be used."""
    named = bool(given.api_key_env or given.api_key_file)
    return given.auth or ("key" if named and row.auth in get_args(Auth) else row.auth)


def _provider_problems(name: str, given: ProviderRow, extended: Extended) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(name) or name == "hybrid":
        yield "", "a provider's name is letters, digits, - and _, begins with a letter, and is not hybrid"
    row = row_of(name, given, extended)
    if row is None:
        kinds = (*catalogue(), *extended.rows)
        wrong = given.kind or name
        yield (".kind" if given.kind else ""), f"no kind {wrong!r}{suggest(wrong, kinds)} (kind is one of {', '.join(kinds)})"
        return
    if given.url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", given.url):
        yield ".url", "a URL is http:// or https:// with a host, without a query or credentials"
    if not given.url and (given.kind or name) in OPEN_KINDS:
        yield "", f"the kind {given.kind or name} needs url"
    if given.wire is not None and not given.url and given.wire not in row.urls:
        yield ".wire", f"{row.title} speaks {', '.join(row.urls)}; any other wire needs a url"
    for value in given.values:
        if value not in row.values:
            has = ", ".join(row.values) or "none"
            yield f".values.{value}", f"no such value{suggest(value, row.values)} (this kind has {has})"
    for header, value in given.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", header) or not value.isascii() or not value.isprintable():
            yield f".headers.{header}", "a header is a name of letters, digits and -, and a value of visible ASCII characters"
    yield from _auth_problems(given, row, extended)


def _auth_problems(given: ProviderRow, row: Row, extended: Extended) -> Iterator[tuple[str, str]]:
    ways = (*filter(None, get_args(Auth)), *extended.pays)
    if auth_of(given, row) not in {"", *ways}:
        yield ".auth", f"expected one of {', '.join(ways)} (not {auth_of(given, row)!r})"
        return
    if given.api_key_env and given.api_key_file:
        yield ".api_key_file", "api_key_env is set too; only one of them can be"
    if given.auth not in {"", "key", *extended.pays} and (given.api_key_env or given.api_key_file):
        yield ".auth", f"with auth {given.auth} there is no api_key_env or api_key_file"
    yield from _place_problems(given)
    auth = auth_of(given, row)
    missing = [name for name in _OAUTH_NEEDS.get(auth, ()) if not getattr(given, name)]
    if missing:
        yield ".auth", f"auth {auth} needs {', '.join(missing)}"
    if auth == "oauth_refresh" and bool(given.refresh_token_env) == bool(given.refresh_token_file):
        yield ".auth", "auth oauth_refresh needs refresh_token_env or refresh_token_file, one of them"
    if auth == "key" and not (given.api_key_env or given.api_key_file or row.key_env):
        yield ".auth", "auth key needs api_key_env or api_key_file"
    if auth == "aws" and not row.service:
        yield ".auth", "requests are signed for Amazon Bedrock only (kind bedrock)"


def _place_problems(given: ProviderRow) -> Iterator[tuple[str, str]]:
    for name in ("api_key_env", "client_secret_env", "refresh_token_env"):
        if getattr(given, name):
            try:
                check_variable(getattr(given, name))
            except ValueError as error:
                yield f".{name}", str(error)
    if given.token_url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s#]*)?", given.token_url):
        yield ".token_url", "a URL is http:// or https:// with a host, without credentials"


def _pattern_problem(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"no regular expression: {error}"
    return "" if pattern else "an empty pattern matches every model"


def _selector_problem(text: str, known: set[str]) -> str:
    try:
        found = parse(text)
    except SelectorError as error:
        return str(error)
    wrong = next((branch for branch in found.branches if branch.backend and branch.backend not in known), None)
    if wrong is not None:
        return unknown_backend(wrong, known)
    if any(not branch.backend for branch in found.branches):
        models = [branch.model for branch in found.branches if not branch.backend]
        near = next((hint for model in models if (hint := suggest(model, known))), "")
        return f"a selector in the settings names a provider: provider:model{near}"
    return ""


def _values(given: ProviderRow, row: Row, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    needed = {name for text in (*row.paths.values(), *(() if given.url else row.urls.values())) for name in _FILLED.findall(text)}
    for name, default in row.values.items():
        value = given.values.get(name) or (environ.get(default[1:], "") if default.startswith("$") else default)
        if not value and name in needed:
            where = f" (or the variable {default[1:]})" if default.startswith("$") else ""
            raise ValueError(f"values.{name} is needed{where}")
        if not re.fullmatch(r"[\w.-]*", value):
            raise ValueError(f"values.{name} is letters, digits, - and .")
        yield name, value


def _numbered(given: ProviderRow, row: Row, environ: Mapping[str, str], base: Path, must: bool) -> Iterator[tuple[int, str]]:
    """The key of a file; or that of the variable, and those of the variables with a number behind its name."""
    if given.api_key_file:
        yield 0, _from_file(given.api_key_file, "api_key_file", base)
        return
    name = given.api_key_env or row.key_env
    found = [(0, environ.get(name, "").strip())] if name else []
    found += [(number, environ.get(f"{name}_{number}", "").strip()) for number in range(1, _MOST_KEYS + 1) if name]
    found = [(number, value) for number, value in found if value]
    if not found and must:
        raise ValueError(f"the variable {name} is not set, nor {name}_1")
    for number, value in found:
        yield number, check_secret(value, f"the variable {name}{f'_{number}' if number else ''}")


def _from_file(name: str, key: str, base: Path) -> str:
    path = base / Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{key}: {path} cannot be read: {type(error).__name__}") from error
    return check_secret(text, f"{key}: {path}")


def _others(auth: str, given: ProviderRow, environ: Mapping[str, str], base: Path) -> Iterator[tuple[str, str]]:
    for name in ("client_secret_env", "refresh_token_env"):
        variable = getattr(given, name)
        if variable:
            value = environ.get(variable, "").strip()
            if not value:
                raise ValueError(f"{name}: the variable {variable} is not set")
            yield name.removesuffix("_env"), check_secret(value, f"{name}: the variable {variable}")
    if given.refresh_token_file:
        yield "refresh_token", _from_file(given.refresh_token_file, "refresh_token_file", base)
        yield REFRESH_FILE, str((base / Path(given.refresh_token_file).expanduser()).resolve())
    yield from _clouds(auth, given, environ, base)


def _clouds(auth: str, given: ProviderRow, environ: Mapping[str, str], base: Path) -> Iterator[tuple[str, str]]:
    if auth == "aws":
        for variable in _AWS:
            if not environ.get(variable) and variable != _AWS[2]:
                raise ValueError(f"auth aws: the variable {variable} is not set")
            yield variable, environ.get(variable, "")
    if auth == "google":
        named = given.credentials_file or environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
        if not named:
            raise ValueError("auth google: credentials_file (or the variable GOOGLE_APPLICATION_CREDENTIALS) is needed")
        path = base / Path(named).expanduser()
        try:
            yield "account", path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"credentials_file: {path} cannot be read: {type(error).__name__}") from error
