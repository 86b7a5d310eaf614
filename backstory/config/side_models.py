"""The side model's settings beyond single values: at which provider it is asked, what does not go together, and what it is paid with.

Rule: its providers are those of the catalogue and those under `providers`, addressed and paid as the gateway does it. What cannot be is
told when the settings are read, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from backstory.config.catalogue import OPEN_KINDS, catalogue
from backstory.config.extended import NOTHING, Extended
from backstory.config.routes import ProviderRow
from backstory.config.routing import Keys, auth_of, read_keys, row_of
from backstory.config.secrets import check_secret
from backstory.config.sections import SideModel
from backstory.core.provider_row import JsonForm, Row, WireName

Dialect: TypeAlias = Literal["openai", "anthropic"]
Form: TypeAlias = JsonForm

_DIALECTS: dict[WireName, Dialect] = {"openai_chat": "openai", "anthropic": "anthropic"}


class Secret(Struct, frozen=True):
    """A key, and why there is none although one was named. Its text never shows the key."""

    value: str = ""
    trouble: str = ""

    def __repr__(self) -> str:
        return f"Secret({'***' if self.value else ''!r}, {self.trouble!r})"


class Known(Struct, frozen=True):
    """A provider, as the side model asks it. `given`: as it stands under `providers`, or would. `wire`: the one it is asked in, "" for none
    that a side model speaks."""

    name: str
    given: ProviderRow
    row: Row

    @property
    def wire(self) -> WireName | Literal[""]:
        """OpenAI's Chat API where it has that, under a path of its own too; else Anthropic's."""
        speaks = (self.given.wire,) if self.given.wire is not None else tuple(self.row.urls)
        found: WireName | None = next((wire for wire in _DIALECTS if wire in speaks), None)
        return found or ("openai_chat" if self.row.chat_path and self.given.wire in {None, *self.row.urls} else "")

    @property
    def dialect(self) -> Dialect:
        """In which it is asked, OpenAI's where there is none."""
        return _DIALECTS.get(self.wire or "openai_chat", "openai")

    @property
    def form(self) -> Form:
        """The strictest form of JSON that it has; what it refuses is given up in a running process."""
        return "tool" if self.dialect == "anthropic" else self.row.json


def known(side: SideModel, providers: Mapping[str, ProviderRow], extended: Extended = NOTHING) -> Known | None:
    """The provider that is meant, one under `providers` first; a URL alone means an OpenAI-compatible one. None where there is none of this
    name. A key of the side model's own takes the place of what it is paid with otherwise."""
    name = side.provider or OPEN_KINDS[0]
    given = providers.get(name, ProviderRow())
    row = row_of(name, given, extended)
    if row is None:
        return None
    given = replace(given, kind=given.kind or name, url=side.url or given.url)
    if side.api_key_env or side.api_key_file:
        given = replace(given, auth="key", api_key_env=side.api_key_env, api_key_file=side.api_key_file)
    return Known(name, given, row)


def problems(side: SideModel, providers: Mapping[str, ProviderRow], extended: Extended = NOTHING) -> Iterator[tuple[str, str]]:
    """What does not go together: a key that was set, and what is wrong with it."""
    if side.api_key_env and side.api_key_file:
        yield "side_model.api_key_file", "side_model.api_key_env is set too; only one of them can be"
    if side.via == "client":
        given = [name for name in ("provider", "url", "api_key_env", "api_key_file") if getattr(side, name)]
        yield from [(f"side_model.{name}", "with side_model.via client the upstream and the key are the client's own") for name in given]
        return
    named = "side_model.provider" if side.provider else "side_model.url"
    if not side.provider and not side.url:
        if side.model or side.tokens_per_day:
            needed = "side_model.provider (one of " + ", ".join(_names(providers, extended)) + ") or side_model.url is needed too"
            yield from [(f"side_model.{name}", needed) for name in ("model", "tokens_per_day") if getattr(side, name)]
        return
    found = known(side, providers, extended)
    if found is None and side.provider in providers:
        return  # what is wrong is told of that one
    if found is None:
        wrong = "no such provider; one of " + ", ".join(_names(providers, extended))
        yield "side_model.provider", f"expected text, got {side.provider!r} ({wrong})"
        return
    if not found.given.url and not any(found.row.urls.values()):
        yield named, f"the provider {side.provider} needs side_model.url"
    trouble = _unreachable(found)
    if trouble:
        yield named, trouble
    if not side.model:
        yield named, "side_model.model, the name of the model to use, is needed too"


def read_paid(
    side: SideModel,
    providers: Mapping[str, ProviderRow],
    paid: Mapping[str, Keys],
    environ: Mapping[str, str],
    base: Path,
    extended: Extended = NOTHING,
) -> tuple[Secret, Keys]:
    """The side model's own key, and what else its provider wants to be addressed and paid with. No key is needed where none was named and
    the provider has no usual variable for it, or is paid in another way. `paid`: what was read for those under `providers`."""
    found = known(side, providers, extended) if side.via != "client" and (side.provider or side.url) else None
    if found is None:
        return Secret(), Keys()
    name, given = found.name, found.given
    if side.api_key_env or side.api_key_file:
        bare = replace(given, auth="none", api_key_env="", api_key_file="")
        keys = read_keys(name, bare, environ, base, extended)
        return Secret(trouble=keys.trouble) if keys.trouble else _own_key(side, environ), keys
    keys = paid[name] if name in paid else read_keys(name, given, environ, base, extended)
    if keys.trouble:
        return Secret(trouble=keys.trouble), keys
    if keys.numbered:
        return Secret(keys.numbered[0][1]), keys
    usual = found.row.key_env
    if usual and auth_of(given, found.row) in {"", "key"}:
        return Secret(trouble=f"side_model.api_key_env: the variable {usual} is not set"), keys
    return Secret(), keys


def _own_key(side: SideModel, environ: Mapping[str, str]) -> Secret:
    name = side.api_key_env
    value, place = environ.get(name, "").strip(), f"side_model.api_key_env: the variable {name}"
    if side.api_key_file:
        place = f"side_model.api_key_file: {side.api_key_file}"
        try:
            value = Path(side.api_key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            return Secret(trouble=f"{place} cannot be read: {type(error).__name__}")
    elif not value:
        return Secret(trouble=f"{place} is not set")
    try:
        return Secret(check_secret(value, place))
    except ValueError as error:
        return Secret(trouble=str(error))


def _unreachable(found: Known) -> str:
    """Why a side model cannot be asked there, "" where it can."""
    auth = auth_of(found.given, found.row)
    if not found.wire:
        speaks = found.given.wire or ", ".join(found.row.urls)
        return f"a side model is asked in openai_chat or anthropic; {found.name} speaks {speaks} here"
    if auth == "client":
        return f"{found.name} is paid for with each client's own key; side_model.api_key_env or side_model.api_key_file is needed"
    if auth == "oauth_refresh":
        return (
            f"{found.name} is paid for with a refresh token (auth oauth_refresh), which may change with each use: only the gateway has it"
        )
    return ""


def _names(providers: Mapping[str, ProviderRow], extended: Extended) -> list[str]:
    """Those that run here first."""
    rows = {**catalogue(), **extended.rows}
    here = [name for name, row in rows.items() if row.auth == "none"]
    return list(dict.fromkeys([*here, *providers, *rows]))
