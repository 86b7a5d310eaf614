"""What is done to one request besides routing and memory, and the steps that do it: what memory has made of it is given its text and
its limit in the client's wire, and its parameters last of all, in the wire and for the model that it goes up to.

Rule: what breaks here, or what a wire or model has no place for, is left out and told; the request goes up all the same.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Literal

from msgspec.structs import replace

from backstory.app.drive import eager
from backstory.app.regard import Regard, Regards
from backstory.config import Config
from backstory.config.augmentation import changed
from backstory.config.catalogue import known_at
from backstory.core.document import Document
from backstory.core.edits import AppendText
from backstory.core.exchange import Beside, Head, Headers
from backstory.core.message import Message, Prompt
from backstory.core.plan import Answer, Plan, Translation, asked_once
from backstory.core.selectors import Value
from backstory.core.sizes import rough_body
from backstory.core.translation import Known, Loss, Tongue
from backstory.core.wire import Wire
from backstory.errors import ConfigError, ContextTooLong, DocumentError, RequestError
from backstory.memory.reading import agent_edits
from backstory.memory.reading.turns import line
from backstory.providers.windows import Rooms
from backstory.stages.base import Failed, attempt
from backstory.wires import steering
from backstory.wires.token_counts import estimated
from backstory.wires.translation.chained import Chained
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import losses_told

log = logging.getLogger("backstory")

_TONGUES = {tongue.name: tongue for tongue in TONGUES}
# Counting a larger body would hold up everybody else: a megabyte takes a tenth of a second.
_AT_ONCE_BYTES = 65_536
# No token is less than a byte, but for those of images that are linked, or encoded well.
_PER_LINK = 1600
_LINK = re.compile(rb'"(?:image_url|input_image|image|fileData|file_data|fileUri|file_uri|file_id)"')
_MOST_KEPT = 1000
_THINKING = frozenset({"reasoning_effort", "thinking_budget"})
# As each wire's provider says it: clients know by these words that their history has to get shorter.
_WORDS = {
    "anthropic": "prompt is too long: {tokens} tokens > {limit} maximum ({model}, as counted by the proxy)",
    "openai_chat": "This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} tokens, "
    "as counted by the proxy ({model}). Please reduce the length of the messages.",
    "gemini": "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit}), as counted by the proxy ({model}).",
}


class Rules:
    """The settings, ready for use. Raises ConfigError for a file of text that cannot be read."""

    def __init__(self, config: Config) -> None:
        given = config.augmentation
        self.given = given
        self.rooms = Rooms(config.models)
        self.text = given.first_prompt.append or _text_of(given.first_prompt.append_file)
        self.planned = re.compile(given.planning.models)
        self.precise = re.compile(given.edit_precision.models)
        self.sets = tuple(dict.fromkeys(row.name for row in given.reasoning))
        self._suffix = re.compile(rf"@({'|'.join(self.sets)})(?=$|[?|^!,\]])") if self.sets else None
        self._overrides = [(re.compile(row.model), row.set.told()) for row in given.overrides]
        self._reasoning = [(row.name, re.compile(row.model), row.set.told()) for row in given.reasoning]
        self._kept: dict[str, dict[str, Value]] = {}

    def overrides(self, model: str) -> dict[str, Value]:
        """The parameters of requests to this model."""
        found = self._kept.get(model)
        if found is None:
            found = {}
            for pattern, parameters in self._overrides:
                if pattern.search(model):
                    found = parameters | found
            if len(self._kept) < _MOST_KEPT:
                self._kept[model] = found
        return found

    def reasoning(self, name: str, model: str) -> dict[str, Value]:
        """What the set of this name is for this model."""
        return next((told for one, pattern, told in self._reasoning if one == name and pattern.search(model)), {})

    def named(self, model: str, header: str) -> tuple[str, str]:
        """The model without the name of a set behind it, and that name ("": none). Raises RequestError for a header that names no set,
        and for two sets."""
        if self._suffix is None:
            return model, ""
        names = set(self._suffix.findall(model))
        if header:
            if header not in self.sets:
                raise RequestError(f"no reasoning set {header!r} (there are {', '.join(self.sets)})")
            names = names or {header}
        if len(names) > 1:
            raise RequestError(f"one reasoning set for all ways of a request, not {' and '.join(sorted(names))}")
        return self._suffix.sub("", model), next(iter(names), "")

    def window(self, model: str) -> int:
        """So many tokens a request to this model may have; 0: no limit."""
        if not self.given.context.enforce:
            return 0
        return self.rooms.of(model).window or self.given.context.default_window


class Augment:
    """One request. `model`: the one that its client names, `models`: those that it may go up to, once they are known. `route`: the selector
    that takes it elsewhere, "" for none. `reasoning`: the name of a set. `planning`, `precise`, `append`: what is to be done. `tokens`: how
    many it has, 0 where nobody wanted to know. `wished`: parameters that its user has set in the chat, which count before all of these."""

    __slots__ = ("append", "beside", "model", "models", "planning", "precise", "reasoning", "route", "rules", "tokens", "wished")

    def __init__(self, rules: Rules, model: str, reasoning: str) -> None:
        self.rules = rules
        self.model = model
        self.models: tuple[str, ...] = (model,)
        self.reasoning = reasoning
        self.route = ""
        self.planning = self.precise = self.append = False
        self.tokens = 0
        self.wished: frozenset[str] = frozenset()
        self.beside = Beside()

    def goes_to(self, models: Sequence[str]) -> None:
        """It may go up to these, the first before the others."""
        self.models = tuple(dict.fromkeys(models))
        overrides = self.rules.overrides(self.models[0])
        if overrides:
            self.beside.note("overrides", f"{changed(overrides)} for {self.models[0]}")
        if self.reasoning:
            told = changed(self.rules.reasoning(self.reasoning, self.models[0])) or "nothing"
            self.beside.note("reasoning", f"the set {self.reasoning} is {told} for {self.models[0]}")

    def chosen(self, models: Sequence[str], params: Iterable[str]) -> None:
        """Its user has set in the chat which models it goes up to, and these parameters."""
        self.beside.notes[:] = [note for note in self.beside.notes if note.stage not in ("overrides", "reasoning")]
        self.model = models[0]
        self.wished = frozenset(params)
        if not self.wished.isdisjoint(_THINKING):
            self.wished |= _THINKING
        self.goes_to(models)

    def stays(self, why: str) -> None:
        """It goes its usual way after all."""
        self.beside.notes[:] = [note for note in self.beside.notes if note.stage not in ("planning", "auxiliary")]
        self.beside.note("planning" if self.planning else "auxiliary", f"it goes its usual way: {why}")
        self.route, self.planning = "", False

    def parameters(self, model: str) -> dict[str, Value]:
        """What the settings say for this model, without what its selector says."""
        found = self.rules.overrides(model)
        if self.reasoning:
            found = found | self.rules.reasoning(self.reasoning, model)
        if self.planning:
            found = found | self.rules.given.planning.set.told()
        return {name: value for name, value in found.items() if name not in self.wished} if self.wished else found

    def set_on(
        self,
        tongue: Tongue,
        body: bytes,
        model: str,
        known: Known,
        strict: Collection[str] = (),
        put: Callable[[bytes], bytes] | None = None,
    ) -> tuple[bytes, tuple[Loss, ...]]:
        """The body, one of this wire's, with all parameters of this model, and those of the settings that are left out; the same object
        where that changes nothing. `known`: of the provider. `strict`: the names of those of its selector; `put`: puts in these, and what
        its user has set. Raises what that raises, and nothing else."""
        soft = {name: value for name, value in self.parameters(model).items() if name not in strict}
        body, left = self._fitting(tongue, body, model, soft, known)
        if put is not None:
            body = put(body)
        return (self._cooled(tongue, body, model, known) if self.precise else body), left

    def _fitting(self, tongue: Tongue, body: bytes, model: str, soft: Mapping[str, Value], known: Known) -> tuple[bytes, tuple[Loss, ...]]:
        try:
            body, left = steering.with_fitting(tongue, body, model, soft, known)
        except DocumentError as error:
            self.beside.note("parameters", f"left out: {error}")
            return body, ()
        for loss in left:
            self.beside.note("parameters", f"left out: {loss.what}: {loss.why}")
        return body, left

    def _cooled(self, tongue: Tongue, body: bytes, model: str, known: Known) -> bytes:
        told = self.rules.given.edit_precision
        try:
            cool = steering.cooler(tongue, body, model, told.temperature, told.top_p, known)
        except DocumentError as error:
            self.beside.note("parameters", f"left out: {error}")
            return body
        if cool is body:
            self.beside.note("edit_precision", f"nothing to lower for {model}")
        return cool

    def refusal(self, wire: str, model: str) -> str:
        """What is wrong with the size of the request for this model, "" where nothing is, or that is not known."""
        limit = self.rules.window(model)
        if not limit or self.tokens <= limit:
            return ""
        words = _WORDS.get(wire) or _WORDS["openai_chat"]
        return words.format(tokens=self.tokens, limit=limit, model=model)


class Redone:
    """An edit of the request that is made again for each leg of an answer. `lost`: what the answer's head tells. Implements
    core.plan.Translation: the answer passes as it is."""

    done = False

    def __init__(self, edit: Callable[[bytes], bytes], lost: Sequence[Loss] = ()) -> None:
        self._edit = edit
        self._told = losses_told(lost)
        self.learnt: Headers = ()

    def ask(self, body: bytes) -> bytes:
        """See Translation."""
        return self._edit(body)

    def begin(self, status: int, headers: Headers) -> tuple[Literal["pass"], Headers]:
        """See Translation."""
        return "pass", (*headers, *self._told) if self._told else headers

    def chunk(self, data: bytes) -> bytes:
        """See Translation."""
        return data

    def tail(self) -> bytes:
        """See Translation."""
        return b""

    def rest(self) -> bytes:
        """See Translation."""
        return b""

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        return 200, body


class Augmentation:
    """The steps for one port. `error` writes an error of ours in the shape of the request's wire."""

    def __init__(self, error: Callable[[Head, int, str, str], Answer], failed: Failed) -> None:
        self._error = error
        self._failed = failed

    def near(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan with what is done in the client's wire, behind memory: the text of the first message, and the limit."""
        augment = of(head)
        if augment is None or regard.wire is None or not body:
            return plan
        if isinstance(plan, Plan):
            return self._near(plan, head, body, regard, regard.wire, augment)
        return self._later(plan, head, body, regard, regard.wire, augment)

    async def _later(self, plan: Awaitable[Plan], head: Head, body: bytes, regard: Regard, wire: Wire, augment: Augment) -> Plan:
        found = self._near(await plan, head, body, regard, wire, augment)
        return found if isinstance(found, Plan) else await found

    def _near(self, plan: Plan, head: Head, body: bytes, regard: Regard, wire: Wire, augment: Augment) -> Plan | Awaitable[Plan]:
        if plan.answer is not None:
            return plan
        if augment.append:
            plan = attempt(self._failed, "first_prompt", partial(_appended, plan, head.path, body, wire, augment.rules.text), lambda: plan)
        plain = body if plan.body is None else plan.body
        limits = [limit for limit in map(augment.rules.window, augment.models) if limit]
        if limits and plan.instead is not None and not surely_within(plain, min(limits)):
            # No client is told that its request is too long for the sake of what was put in front of it.
            whole = plan
            plan = attempt(self._failed, "context", lambda: asked_once(whole), lambda: whole)
            plain = body if plan.body is None else plan.body
        if not limits or surely_within(plain, min(limits)):
            return plan
        count = partial(_counted, _TONGUES[wire.name], plain, head)
        if len(plain) <= _AT_ONCE_BYTES:
            return self._judged(plan, head, regard, augment, attempt(self._failed, "context", count, lambda: 0))
        return eager(self._counting(plan, head, regard, augment, count))

    async def _counting(self, plan: Plan, head: Head, regard: Regard, augment: Augment, count: Callable[[], int]) -> Plan:
        try:
            tokens = await asyncio.to_thread(attempt, self._failed, "context", count, lambda: 0)
        except BaseException:  # the client has left meanwhile
            _over(plan, "interrupted", self._failed)
            raise
        return self._judged(plan, head, regard, augment, tokens)

    def _judged(self, plan: Plan, head: Head, regard: Regard, augment: Augment, tokens: int) -> Plan:
        """The plan, or the error that its request is too long. One with several ways is judged on each of them (app/gateway/routing.py)."""
        augment.tokens = tokens
        said = "" if regard.routed or plan.onward is not None or regard.wire is None else augment.refusal(regard.wire.name, augment.model)
        if not said:
            return plan
        _over(plan, "refused", self._failed)
        return Plan(answer=self._error(head, 400, ContextTooLong.code, said))

    def far(self, plan: Plan | Awaitable[Plan], head: Head, body: bytes, regard: Regard) -> Plan | Awaitable[Plan]:
        """The plan of a request that is not routed, with its parameters, in the provider's wire."""
        augment = of(head)
        if augment is None or regard.wire is None or regard.routed or not body:
            return plan
        tongue = _TONGUES[regard.speaks or regard.wire.name]
        if isinstance(plan, Plan):
            return self._far(plan, body, tongue, augment)
        return self._far_later(plan, body, tongue, augment)

    async def _far_later(self, plan: Awaitable[Plan], body: bytes, tongue: Tongue, augment: Augment) -> Plan:
        return self._far(await plan, body, tongue, augment)

    def _far(self, plan: Plan, body: bytes, tongue: Tongue, augment: Augment) -> Plan:
        # A plan with a name goes where its user has chosen, with all that belongs there.
        if plan.answer is not None or plan.name or plan.target is None or not (augment.precise or augment.parameters(augment.model)):
            return plan
        host = plan.target.host

        def edit(plain: bytes) -> tuple[bytes, tuple[Loss, ...]]:
            return augment.set_on(tongue, plain, augment.model, known_at(host))

        plain = body if plan.body is None else plan.body
        out, left = attempt(self._failed, "parameters", lambda: edit(plain), lambda: (plain, ()))
        if left:
            plan = replace(plan, translation=joined(Redone(lambda sent: sent, left), plan.translation))
        if out is plain:
            return plan
        plan = replace(plan, body=out)
        return plan if not plan.asks_on else replace(plan, translation=joined(plan.translation, Redone(lambda sent: edit(sent)[0])))


def of(head: Head) -> Augment | None:
    """What is to be done to the request of this head, None for nothing."""
    found = head.kept.get(Augment)
    return found if isinstance(found, Augment) else None


def carry(augment: Augment, head: Head) -> Head:
    """The head, which is of one request alone, with what is to be done to it."""
    head.kept[Augment] = augment
    head.kept[Beside] = augment.beside
    return head


def model_wire(regards: Regards, head: Head) -> Wire | None:
    """The wire of a request to a model. A path that names something else than a model for Gemini is one, too."""
    wire = regards(head).wire
    if wire is None and head.method == "POST" and steering.in_path(head.path):
        wire = regards.wire(steering.path_with(head.path, "model"))
    return wire


def first_message(wire: Wire, prompt: Prompt) -> int:
    """The place of the first message in which a user says something of his own, -1 where there is none. Of a client that begins with an
    example of its own: that in which it ends it, which is the same in every request."""
    found = example_end(wire, prompt)
    if found >= 0:
        return found
    for index, item in enumerate(prompt.items):
        message: Message = wire.message(item, (*prompt.items_at, index))
        if message.role == "user" and line(message).kind == "spoken":
            return index
    return -1


def example_end(wire: Wire, prompt: Prompt) -> int:
    """The place at which an example of the client's own ends, -1 where there is none."""
    for index, item in enumerate(prompt.items[: agent_edits.EXAMPLE_MOST]):
        if agent_edits.EXAMPLE_HINT in bytes(item) and agent_edits.ends_example(wire.message(item, (*prompt.items_at, index))):
            return index
    return -1


def surely_within(body: bytes, limit: int) -> bool:
    """Whether a look at its size is enough to tell that a request has no more tokens than this."""
    most = min(len(body), 2 * rough_body(body))
    return most <= limit and most + _PER_LINK * len(_LINK.findall(body)) <= limit


def joined(near: Translation | None, far: Translation | None) -> Translation | None:
    """Both, one after the other."""
    return Chained(near, far) if near is not None and far is not None else near or far


def _appended(plan: Plan, path: str, body: bytes, wire: Wire, text: str) -> Plan:
    edit = partial(_with_text, path, wire, text)
    plan = replace(plan, body=edit(body if plan.body is None else plan.body))
    return plan if not plan.asks_on else replace(plan, translation=Redone(edit))


def _with_text(path: str, wire: Wire, text: str, body: bytes) -> bytes:
    """The body with this text at the end of its first message; as it is where nobody says anything in it."""
    document = Document(body)
    prompt = wire.read(document, path)
    place = first_message(wire, prompt)
    return body if place < 0 else wire.render(document, prompt, [AppendText(place, text)])


def _counted(tongue: Tongue, body: bytes, head: Head) -> int:
    try:
        return estimated(tongue.asked(body, head.path, head.query))
    except DocumentError:
        return 0  # whoever cannot read it cannot say that it is too long


def _over(plan: Plan, ended: Literal["refused", "interrupted"], failed: Failed) -> None:
    """Nothing of the request goes up: whoever listens for an answer is told."""
    tap = plan.tap
    if tap is not None:
        attempt(failed, ended, lambda: tap.over(ended, 0, 0, 0), lambda: None)


def _text_of(name: str) -> str:
    if not name:
        return ""
    try:
        with open(name, encoding="utf-8") as file:
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"first_prompt.append_file: {name} cannot be read: {type(error).__name__}") from error
    if not text:
        raise ConfigError(f"first_prompt.append_file: {name} is empty")
    return text
