"""What becomes of the answers to a request: the charges that are stored of it. Pure.

Rule: every answer that a provider says it has charged for is counted once, for the backend that gave it; where it says nothing, the answer
that the client got is estimated, and so is what was begun and cut off for the sake of another: both are called estimates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import astuple, replace

from backstory.app.metering.gauge import Gauge
from backstory.core.charges import UNTOLD, Charge, How, Source
from backstory.core.plan import Leg, Target
from backstory.core.reply import Usage
from backstory.core.sizes import CHARS_PER_TOKEN, rough_body
from backstory.memory.economy.counted import sane
from backstory.providers import prices
from backstory.providers.caching import Tariffs
from backstory.relay.decoding import content, decoded
from backstory.wires.usage import Stated, mentions, model_of, stated, streamed, summed, text_bytes

# Of a larger request the model is the one that its answer names: to read it would hold up others.
_MOST_READ = 4 << 20
_IN_PATH = re.compile(r"/(?:models|tunedModels|deployments|endpoints|model)/([^/:?]+)")
_LONGEST_NAME = 200
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f]")
_MOST_TOKENS = 10**12
_NOTHING = Usage()


class _Answer(Struct, frozen=True):
    """Legs of one answer by one backend, and what they say together. `usage` None: they say nothing of it."""

    legs: tuple[Leg, ...]
    usage: Usage | None
    model: str
    said: int


def charges(over: Gauge, tariffs: Tariffs) -> list[Charge]:
    """Its charges, that of the answer that the client got first. None for what is no conversation and states no usage. Takes about 10 us
    for a small request."""
    answers = [_answer(legs, over.ended == "interrupted") for legs in _grouped(over.legs)]
    main = _main([one for one in answers if not one.legs[-1].how], over.status)
    if not over.wire and (main is None or main.usage is None or main.usage == _NOTHING):
        return []
    found = [_charge(over, main, 0, tariffs)]
    others = [one for one in answers if one is not main and (one.usage not in (None, _NOTHING) or _how(one.legs[-1]) in UNTOLD)]
    return [*found, *(_charge(over, one, place, tariffs) for place, one in enumerate(others, 1))]


def _grouped(legs: Sequence[Leg]) -> list[tuple[Leg, ...]]:
    groups: list[list[Leg]] = []
    for leg in legs:
        if leg.later and groups:
            groups[-1].append(leg)
        else:
            groups.append([leg])
    return [tuple(group) for group in groups]


def _answer(legs: tuple[Leg, ...], partial: bool) -> _Answer:
    told = [_told(leg, partial or (leg.how in UNTOLD and not leg.ended)) for leg in legs]
    reported = [one.usage for one, _ in told if one.usage is not None]
    model = next((one.model for one, _ in reversed(told) if one.model), "")
    return _Answer(legs, summed(reported) if reported else None, model, sum(said for _, said in told))


def _told(leg: Leg, partial: bool) -> tuple[Stated, int]:
    """What it says of its usage. Where it says nothing, or `partial`, also about how many bytes of text it has; else 0."""
    content_type, coding = content(leg.headers)
    plain = leg.kept() if not coding else decoded(leg.kept(), coding) or b""
    is_stream = content_type.startswith("text/event-stream")
    found = streamed((*leg.events, *mentions(plain))) if is_stream else stated(plain)
    return found, leg.said + text_bytes(plain) if partial or found.usage is None else 0


def _main(answers: Sequence[_Answer], status: int) -> _Answer | None:
    """The answer that the client got, as far as its status tells; else the last one that came, or was to come."""
    begun = [one for one in answers if one.legs[0].began_at]
    good = [one for one in begun if one.legs[0].status < 400]
    chosen = good if good and status < 400 else begun or answers
    return chosen[-1] if chosen else None


def _how(leg: Leg) -> How:
    """What became of a leg that the client did not get. One that has not come to an end was given up for the next one."""
    return leg.how or ("complete" if leg.ended else "slow")


def _counted(stated: Usage | None, legs: Sequence[Leg], went: int, came: int, beside: bool) -> tuple[Source, Usage]:
    """Where the counts come from, and what they are. Of what was cut off, the output that had come, if that is more than was told of it."""
    cut = beside and not legs[-1].ended
    if stated is not None and not (cut and came > stated.output_tokens):
        return "reported", _bounded(sane(stated))
    if stated is not None:
        return "measured", _bounded(sane(replace(stated, output_tokens=came)))
    if (legs and 0 < legs[-1].status < 400) or cut:
        return "measured", Usage(went, came)
    return "none", _NOTHING


def _charge(over: Gauge, answer: _Answer | None, place: int, tariffs: Tariffs) -> Charge:
    legs = answer.legs if answer is not None else ()
    stated = answer.usage if answer is not None else None
    went = sum(rough_body(leg.body) for leg in legs) or int(over.bytes_in / CHARS_PER_TOKEN)
    came = int(answer.said / CHARS_PER_TOKEN) if answer is not None and legs[-1].status < 400 else 0
    source, usage = _counted(stated, legs, went, came, bool(place))
    model = _model(answer.model if answer is not None else "", legs, over)
    tariff = tariffs.counted(over.wire, model)
    first_s = legs[0].began_at - over.started if legs and legs[0].began_at else 0.0
    return Charge(
        over.id,
        place,
        over.at,
        over.principal,
        over.conversation,
        over.wire,
        _backend(legs[-1].name, legs[-1].target) if legs else _backend(over.backend, over.target),
        model,
        legs[-1].status if place else over.status,
        _how(legs[-1]) if place else over.ended,
        len(legs),
        source,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        went,
        came,
        tariff.cost(usage) if tariff.known else 0.0,
        tariff.known or usage == _NOTHING,
        prices.AS_OF,
        round(max(0.0, first_s) * 1000, 3),
        round(max(0.0, over.over_at - over.started) * 1000, 3),
    )


def _bounded(usage: Usage) -> Usage:
    if usage.input_tokens <= _MOST_TOKENS and usage.output_tokens <= _MOST_TOKENS:
        return usage
    return Usage(*(min(count, _MOST_TOKENS) for count in astuple(usage)))


def _backend(name: str, target: Target | None) -> str:
    return name or (f"{target.host}:{target.port}" if target is not None else "")


def _model(told: str, legs: Sequence[Leg], over: Gauge) -> str:
    """The model that the provider was asked for; where the request does not tell, the one that answered."""
    target: Target | None = legs[-1].target if legs else over.target
    body = legs[-1].body if legs else over.body
    named = model_of(body) if 0 < len(body) <= _MOST_READ else ""
    if not named and target is not None:
        found = _IN_PATH.search(target.path)
        named = unquote(found.group(1)) if found is not None else ""
    return _UNPRINTED.sub("", named or told)[:_LONGEST_NAME].encode("utf-8", "replace").decode()
