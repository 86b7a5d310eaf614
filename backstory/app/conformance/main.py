"""`backstory conformance`: which gateway, which cases, and the report."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from backstory.app import logs
from backstory.app.conformance import sdk
from backstory.app.conformance.asking import KEY, Gateway
from backstory.app.conformance.cases import WIRES, cases, wanted
from backstory.app.conformance.dialects import DIALECTS
from backstory.app.conformance.own import own_gateway
from backstory.app.conformance.play import Outcome, play_all
from backstory.app.conformance.plays import PLAYS
from backstory.app.conformance.provider import PlayingProvider
from backstory.config import Log
from backstory.errors import ConfigError

_SDKS_AT_ONCE = 2
_SHOWN_FAULTS, _LONGEST_FAULT = 3, 240
_PLACES = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/MODEL:generateContent",
}


class Options(Struct, frozen=True):
    """As the command line has them. `urls`, `models`: WIRE=VALUE, for providers of that wire; `headers`: WIRE=NAME:VALUE. `clients`,
    `providers`: wires with commas between."""

    url: str = ""
    own: bool = False
    serve: int | None = None
    json: bool = False
    only: str = ""
    list: bool = False
    urls: Sequence[str] = ()
    models: Sequence[str] = ()
    headers: Sequence[str] = ()
    clients: str = ""
    providers: str = ""
    key: str = KEY
    sdks: bool = True
    timeout_s: float = 30.0


def run(options: Options) -> int:
    """Do it and print. The exit code: 0 where every case passed, else 1. Raises ConfigError for options that make no sense."""
    if options.serve is not None:
        return asyncio.run(_serve(options.serve))
    chosen = _Chosen(options)
    if options.list:
        sys.stdout.writelines(f"{name}\n" for name in chosen.ids())
        return 0
    if not options.own and not options.url and not options.urls:
        raise ConfigError("conformance: name a BASE_URL, or --self, or --serve-provider PORT")
    logs.set_up(Log("error", "text"))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    outcomes = asyncio.run(_own(options, chosen)) if options.own else chosen.played(_gateway(options), _teller(options))
    _report(outcomes, options)
    return 0 if all(not outcome.faults for outcome in outcomes) else 1


class _Chosen:
    """The cases that the options choose."""

    def __init__(self, options: Options) -> None:
        clients, providers = _wires("--clients", options.clients), _wires("--providers", options.providers)
        self._cases = list(cases(options.only, clients, providers))
        self._sdk = list(sdk.sdk_cases(lambda name: wanted(name, options.only), clients, providers)) if options.sdks else []
        if not self._cases and not self._sdk:
            raise ConfigError(f"--only: no case is called like {options.only!r}; --list shows them")

    def ids(self) -> list[str]:
        """Their names, in the order in which they are played."""
        return [case.id for case in self._cases] + [case[0] for case in self._sdk]

    def played(self, gateway: Gateway, told: Callable[[Outcome], None]) -> list[Outcome]:
        """All of them, against this gateway."""
        outcomes = play_all(self._cases, gateway, told)
        with contextlib.closing(sdk.Sdks(gateway)) as sdks, ThreadPoolExecutor(_SDKS_AT_ONCE) as pool:
            for outcome in pool.map(sdks.play, self._sdk):
                outcomes.append(outcome)
                told(outcome)
        return outcomes


async def _own(options: Options, chosen: _Chosen) -> list[Outcome]:
    async with own_gateway() as gateway:
        return await asyncio.to_thread(chosen.played, gateway, _teller(options))


async def _serve(port: int) -> int:
    provider = PlayingProvider(port)
    try:
        await provider.start()
    except OSError as error:
        raise ConfigError(f"--serve-provider: {error}") from error
    print(_how_to(provider.url), flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await provider.stop()
    return 0


def _how_to(url: str) -> str:
    places = "\n".join(f"  {wire:<17} POST {url}{_PLACES[wire]}" for wire in WIRES)
    models = "\n".join(f"  {wire:<17} {DIALECTS[wire].model}" for wire in WIRES)
    return f"""The scripted provider listens, with any key, until it is interrupted:
{places}

Point the gateway at it as the provider of a model for each wire, by these names or by any that you say with --model WIRE=NAME:
{models}

Then, in another terminal:
  backstory conformance http://127.0.0.1:PORT_OF_THE_GATEWAY
with --providers and --clients for the wires that the gateway has, --url WIRE=URL where a provider has an address of its own,
--key KEY where the gateway wants one.

Every prompt names what the provider is to do, as [[conformance:NAME]], or [[conformance:NAME@WIRE]] where it is
to be asked in the words of that wire alone; a model named conformance-NAME does as well. The names:
  {", ".join(PLAYS)}"""


def _gateway(options: Options) -> Gateway:
    urls = dict.fromkeys(WIRES, options.url) | _named("--url", options.urls)
    for wire, url in urls.items():
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"{url!r} ({wire}) is no http:// or https:// URL")
    for wire in _wires("--providers", options.providers):
        if not urls[wire]:
            raise ConfigError(f"there is no URL for providers of {wire}: name a BASE_URL, or --url {wire}=URL, or fewer --providers")
    models = {wire: DIALECTS[wire].model for wire in WIRES} | _named("--model", options.models)
    headers: dict[str, dict[str, str]] = {wire: {} for wire in WIRES}
    for given in options.headers:
        for wire, header in _named("--header", (given,)).items():
            name, _, value = header.partition(":")
            headers[wire][name.strip()] = value.strip()
    return Gateway(urls, models, options.key, options.timeout_s, headers)


def _named(flag: str, values: Iterable[str]) -> dict[str, str]:
    out = {}
    for value in values:
        wire, _, what = value.partition("=")
        if wire not in WIRES or not what:
            raise ConfigError(f"{flag}: WIRE=VALUE with one of {', '.join(WIRES)}, not {value!r}")
        out[wire] = what
    return out


def _wires(flag: str, listed: str) -> tuple[str, ...]:
    names = tuple(filter(None, listed.split(","))) or WIRES
    for name in names:
        if name not in WIRES:
            raise ConfigError(f"{flag}: {name!r} is none of {', '.join(WIRES)}")
    return names


# --- what is printed


def _teller(options: Options) -> Callable[[Outcome], None]:
    def told(outcome: Outcome) -> None:
        if outcome.faults and not options.json:
            print(f"FAIL {outcome.id}")
            for fault in outcome.faults[:_SHOWN_FAULTS]:
                print(f"     {fault[:_LONGEST_FAULT]}")

    return told


def _report(outcomes: Sequence[Outcome], options: Options) -> None:
    failed = sum(bool(outcome.faults) for outcome in outcomes)
    if options.json:
        told = {"passed": len(outcomes) - failed, "failed": failed, "cases": outcomes}
        print(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    print(f"\n{'passed/all':<18}" + "".join(f"{f'> {wire}':>20}" for wire in WIRES))
    for client in WIRES:
        cells = [_cell(one for one in outcomes if (one.client, one.provider) == (client, provider)) for provider in WIRES]
        print(f"{client:<18}" + "".join(f"{cell:>20}" for cell in cells))
    groups = dict.fromkeys(outcome.group for outcome in outcomes)
    print("\n" + ", ".join(f"{group} {_cell(one for one in outcomes if one.group == group)}" for group in groups))
    if options.sdks and (absent := sdk.missing()):
        print(f"not installed, so not tried: the SDKs {', '.join(absent)}")
    print(f"{len(outcomes) - failed} passed, {failed} failed")


def _cell(outcomes: Iterable[Outcome]) -> str:
    found = list(outcomes)
    return f"{sum(not outcome.faults for outcome in found)}/{len(found)}" if found else "-"
