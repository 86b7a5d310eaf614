"""The model and the parameters of a request, found and replaced: for requests that go elsewhere than their client thinks.

Rule: splices only; of the body nothing changes but what has to. What a parameter is called, and what it takes away from others, is known by
the wire's tongue: a small request is written with and without it, and the difference is put into the large one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.document import Cut, Document, Put, Splice
from backstory.core.selectors import Value
from backstory.core.translation import NOTHING_KNOWN, Asked, Effort, Known, Loss, Reasoning, Sampling, Tongue
from backstory.errors import DocumentError, RequestError
from backstory.wires.anthropic.endings import in_small
from backstory.wires.lowering import encode
from backstory.wires.lowering import quote as quoted
from backstory.wires.translation.efforts import effort_for

_VERB = re.compile(r"(?::|%3[Aa])(?:generateContent|streamGenerateContent)\Z")
_GEMINI = re.compile(
    r"(/v\d\w*/(?:[^:?]{1,200}/)?(?:models|tunedModels|endpoints)/)(.+?)(?::|%3[Aa])(generateContent|streamGenerateContent)\Z"
)
# Members of a body that say how it is to be answered, by wire; and a conversation to go with them.
_ABOUT: dict[str, tuple[str, ...]] = {
    "anthropic": ("max_tokens", "temperature", "top_p", "top_k", "thinking", "output_config"),
    "openai_chat": (
        "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "presence_penalty", "frequency_penalty",
        "reasoning_effort", "reasoning",
    ),
    "openai_responses": ("max_output_tokens", "temperature", "top_p", "reasoning", "text"),
    "gemini": ("generationConfig", "generation_config"),
}  # fmt: skip
_TALK: dict[str, tuple[str, object]] = {
    "anthropic": ("messages", [{"role": "user", "content": "x"}]),
    "openai_chat": ("messages", [{"role": "user", "content": "x"}]),
    "openai_responses": ("input", "x"),
    "gemini": ("contents", [{"role": "user", "parts": [{"text": "x"}]}]),
}
_NESTED = frozenset({"generationConfig", "generation_config", "reasoning", "text", "thinking", "output_config"})
# A name in place of another: both at once are refused.
_INSTEAD = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens", "reasoning_effort": "reasoning"}
_FIELDS = {"max_tokens": "most", "presence_penalty": "presence", "frequency_penalty": "frequency"}
# What OpenAI-compatible providers know by these names, though not all of them.
_PLAIN = frozenset({"top_k", "verbosity"})
_EFFORT, _BUDGET = "reasoning_effort", "thinking_budget"
_REASONING = frozenset({_EFFORT, _BUDGET})
# What a tongue says where there will be no thinking, though it was asked for.
_UNTHOUGHT = frozenset({"reasoning", "thinking"})
_REFUSES = "the provider refuses it"
_members = msgspec.json.Decoder(dict[str, Raw])


class _Model(Struct):
    model: str = ""


_model = msgspec.json.Decoder(_Model)


def model_of(body: bytes, path: str) -> str:
    """The model that a request names, "" where it names none. DocumentError where the body cannot be read."""
    found = _named(path)
    if found is not None:
        return unquote(found.group(2))
    try:
        return _model.decode(body).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise DocumentError(f"not a request: {cause}") from cause


def in_path(path: str) -> bool:
    """Whether the path of this request names its model: one of Gemini, whatever stands there for a model."""
    return _named(path) is not None


def path_with(path: str, model: str) -> str:
    """The path with this model in place of the one that stands there; the same where none does."""
    found = _named(path)
    return path if found is None else f"{path[: found.start()]}{found.group(1)}{quote(model, safe='')}:{found.group(3)}"


def with_model(body: bytes, model: str) -> bytes:
    """The body with this model; the same object where it has it already. DocumentError where the body cannot be edited."""
    document = Document(body)
    value = quoted(model)
    return body if document.member("model") == value else document.apply([Put(("model",), value)])


def without(body: bytes, names: Sequence[str]) -> tuple[bytes, tuple[Loss, ...]]:
    """The body without these members, and which of them it had."""
    if not names:
        return body, ()
    document = Document(body)
    found = [name for name in names if document.has((name,))]
    if not found:
        return body, ()
    return document.apply([Cut((name,)) for name in found]), tuple([Loss(name, "dropped", _REFUSES) for name in found])


def with_params(
    tongue: Tongue, body: bytes, model: str, params: Mapping[str, Value], shown: bool = False, known: Known = NOTHING_KNOWN
) -> tuple[bytes, tuple[Loss, ...]]:
    """The body, which is one of this wire's, with these parameters, and what does not go with what else it asks. `shown`: with an effort,
    thoughts are wanted in the answer. `known`: of the provider. RequestError for one that the wire has no place for, or that the provider
    refuses."""
    if not params:
        return body, ()
    document = Document(body)
    splices, lost = _splices(tongue, document, model, params, shown, known)
    return (document.apply(splices) if splices else body), lost


def with_fitting(
    tongue: Tongue, body: bytes, model: str, params: Mapping[str, Value], known: Known = NOTHING_KNOWN
) -> tuple[bytes, tuple[Loss, ...]]:
    """The body with those of the parameters for which wire, model and provider have a place, and the others. The same object where nothing
    changes. DocumentError where the body cannot be edited."""
    if not params:
        return body, ()
    document, fitting = Document(body), dict[str, Value]()
    left: list[Loss] = []
    lost: tuple[Loss, ...] = ()
    try:
        splices, lost = _splices(tongue, document, model, params, known=known)
    except RequestError:
        for name, value in params.items():
            try:
                _splices(tongue, document, model, {**fitting, name: value}, known=known)
            except RequestError as error:
                left.append(_left(name, error))
            else:
                fitting[name] = value
        splices, lost = _splices(tongue, document, model, fitting, known=known) if fitting else ([], ())
    out = document.apply(splices) if splices else body
    return body if out == body else out, (*left, *lost)


def cooler(tongue: Tongue, body: bytes, model: str, temperature: float, top_p: float, known: Known = NOTHING_KNOWN) -> bytes:
    """The body with a temperature of at most this, and of at most this top_p where it has one; the same object where it is as cool
    already, or the model or its provider takes neither. DocumentError where the body cannot be edited."""
    document = Document(body)
    now = _asked(tongue, document, model).sampling
    wanted: dict[str, Value] = {}
    if now.top_p is not None and now.top_p > top_p:
        wanted["top_p"] = top_p
    if now.temperature is None or now.temperature > temperature:
        wanted["temperature"] = temperature
    return with_fitting(tongue, body, model, wanted, known)[0]


def _named(path: str) -> re.Match[str] | None:
    """Where a path names a model. Looked for where a verb ends it: there the first beginning is the right one."""
    return _GEMINI.search(path) if _VERB.search(path) else None


def _left(name: str, error: RequestError) -> Loss:
    """A parameter that there is no place for, as the error says."""
    return Loss(name, "dropped", str(error).removeprefix(f"{name}: "))


def _splices(
    tongue: Tongue, document: Document, model: str, params: Mapping[str, Value], shown: bool = False, known: Known = NOTHING_KNOWN
) -> tuple[list[Splice], tuple[Loss, ...]]:
    """The edits that put these parameters in, and what has no place beside the rest of the request. RequestError for one that the wire has
    no place for, or the provider refuses."""
    plain = {name: value for name, value in params.items() if tongue.name == "openai_chat" and name in _PLAIN}
    splices: list[Splice] = [Put((name,), encode(value)) for name, value in plain.items()]
    rest = {name: value for name, value in params.items() if name not in plain}
    if rest.get("verbosity") and tongue.name == "openai_responses":
        splices += _put(document, "text", {"verbosity": Raw(encode(rest.pop("verbosity")))})
    if "verbosity" in rest:
        raise RequestError(f"verbosity: {tongue.name} has none")
    lost: tuple[Loss, ...] = ()
    if rest:
        before, after, lost = _written(tongue, document, model, rest, shown, known)
        splices += _difference(document, before, after)
    refused = next((one.path[0] for one in splices if isinstance(one, Put) and one.path[0] in known.lacks), None)
    if refused is not None:
        raise RequestError(f"{refused}: {_REFUSES} ({model} over {tongue.name})")
    return splices, lost


def with_wishes(
    tongue: Tongue, body: bytes, model: str, params: Mapping[str, Value], known: Known = NOTHING_KNOWN
) -> tuple[bytes, tuple[Loss, ...]]:
    """The same for parameters that somebody has set for whatever is asked: those for which there is no place are left out, and told; an
    effort is the nearest that the model has."""
    wanted, lost = _able(tongue, model, params)
    try:
        body, more = with_params(tongue, body, model, wanted, known=known)
    except RequestError:
        pass
    else:
        return body, (*lost, *more)
    kept: dict[str, Value] = {}
    for name, value in wanted.items():
        try:
            with_params(tongue, body, model, {**kept, name: value}, known=known)
        except RequestError as error:
            lost.append(_left(name, error))
        else:
            kept[name] = value
    body, more = with_params(tongue, body, model, kept, known=known)
    return body, (*lost, *more)


def _able(tongue: Tongue, model: str, params: Mapping[str, Value]) -> tuple[dict[str, Value], list[Loss]]:
    """The parameters, as far as this model of OpenAI's can think; of other providers' models their tongues know it."""
    thinking = [name for name in (_EFFORT, _BUDGET) if name in params]
    if not thinking or not tongue.name.startswith("openai"):
        return dict(params), []
    if not effort_for(model, "low"):
        idle = params.get(_EFFORT) == "none"
        return (
            {name: value for name, value in params.items() if name not in thinking},
            [] if idle else [Loss(name, "dropped", f"{model} does not reason") for name in thinking],
        )
    return {name: effort_for(model, msgspec.convert(it, Effort)) if name == _EFFORT else it for name, it in params.items()}, []


def misplaced(tongue: Tongue, model: str, params: Mapping[str, Value], known: Known = NOTHING_KNOWN) -> tuple[Loss, ...]:
    """Those of these parameters for which this wire, or this model or provider of it, has no place in a plain request."""
    key, talk = _TALK[tongue.name]
    return with_wishes(tongue, encode({"model": model, key: talk}), model, params, known)[1]


def _asked(tongue: Tongue, document: Document, model: str, thinking: bool = False, known: Known = NOTHING_KNOWN) -> Asked:
    """A small request that is to be answered like this one. `thinking`: what keeps a model from it counts as well."""
    key, talk = _TALK[tongue.name]
    about = {name: Raw(raw) for name in _ABOUT[tongue.name] if (raw := document.member(name)) is not None}
    ends = in_small(document) if thinking and tongue.name == "anthropic" else {}
    small = encode({"model": model, key: talk, **about, **ends})
    asked = tongue.asked(small, f"/v1beta/models/{quote(model, safe='')}:generateContent", "")
    return replace(asked, model=model, habits=known.habits)


def _written(
    tongue: Tongue, document: Document, model: str, params: Mapping[str, Value], shown: bool, known: Known
) -> tuple[dict[str, Raw], dict[str, Raw], tuple[Loss, ...]]:
    """The members of a small request like this one, without the parameters and with them; and what of these does not go with the rest."""
    thinking = [name for name in (_EFFORT, _BUDGET) if name in params]
    asked = _asked(tongue, document, model, bool(thinking), known)
    (before, _), (after, losses) = tongue.ask(asked), tongue.ask(_steered(asked, params, shown))
    unthought: tuple[Loss, ...] = ()
    for loss in losses:
        if loss.how != "changed" and (loss.what in params or (loss.what == "reasoning_effort" and _BUDGET in params)):
            raise RequestError(f"{loss.what}: {loss.why} ({model} over {tongue.name})")
        if loss.what in _UNTHOUGHT:
            unthought = tuple([Loss(name, "dropped", loss.why) for name in thinking])
    return _members.decode(before), _members.decode(after), unthought


def _steered(asked: Asked, params: Mapping[str, Value], shown: bool) -> Asked:
    sampling: Sampling = asked.sampling
    for name, value in params.items():
        if name not in _REASONING:
            sampling = replace(sampling, **{_FIELDS.get(name, name): value})
    effort, budget = params.get(_EFFORT), params.get(_BUDGET)
    if effort is None and budget is None:
        return replace(asked, sampling=sampling)
    shown = shown or (asked.reasoning is not None and asked.reasoning.shown)
    word: Effort = msgspec.convert(effort or "", Effort)
    tokens = None if budget is None else int(budget)
    return replace(asked, sampling=sampling, reasoning=Reasoning(word, tokens, shown))


def _difference(document: Document, before: dict[str, Raw], after: dict[str, Raw]) -> list[Splice]:
    """The edits that make of the document what the one small request is beside the other."""
    splices: list[Splice] = []
    names = document.keys()
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and bytes(old) == bytes(new):
            continue
        if new is None:
            splices += [Cut((name,))] if name in names else []
        elif name in _NESTED and bytes(new)[:1] == b"{":
            splices += _put(document, name, _members.decode(new), {} if old is None else _members.decode(old))
        else:
            splices.append(Put((name,), bytes(new)))
        other = _INSTEAD.get(name)
        if new is not None and other in names:
            splices.append(Cut((other,)))
    return splices


def _put(document: Document, name: str, new: Mapping[str, Raw], old: Mapping[str, Raw] | None = None) -> list[Splice]:
    """Members of an object of the body, put in one by one; of `old`, those that are not new any more go."""
    spelled = _snake(name) if document.has((_snake(name),)) else name
    held = document.member(spelled)
    if held is None or held[:1] != b"{":
        return [Put((spelled,), encode(dict(new)))]
    inside = document.keys((spelled,))
    splices: list[Splice] = []
    for key in dict.fromkeys((*(old or {}), *new)):
        place = _snake(key) if _snake(key) in inside else key
        if key not in new:
            splices += [Cut((spelled, place))] if place in inside else []
        elif old is None or key not in old or bytes(old[key]) != bytes(new[key]):
            splices.append(Put((spelled, place), bytes(new[key])))
    return splices


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: "_" + match.group().lower(), name)
