"""OpenAI Responses, for translation: the items of an answer to a client of this wire, and the response that holds them.

Rule: each piece is an item of its own, and ids are made from the answer's, so that whole and streamed answers are alike.
"""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.reply import Finish, Usage
from backstory.core.translation import Asked, Failure, Function, Odd, Piece, Refusal, Sight, Thought, Use, Words
from backstory.wires.openai_responses.tongue_items import WIRE
from backstory.wires.openai_responses.tongue_write import annotation, choice_of, format_of, reasoning_of, thought_item, tools_of
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import unwrapped
from backstory.wires.translation.more import Losing
from backstory.wires.translation.seals import wrapped
from backstory.wires.translation.tongue import Json

_INCOMPLETE: dict[Finish, str] = {"length": "max_output_tokens", "refusal": "content_filter"}
_FAILURES = {"rate_limit": "rate_limit_exceeded", "invalid_request": "invalid_prompt", "context_length": "context_length_exceeded"}


def output_items(pieces: tuple[Piece, ...], asked: Asked, name: str) -> list[Json]:
    """The items of an answer. `name`: what their ids are made from."""
    found: list[Json] = []
    for index, piece in enumerate(pieces):
        found += piece_items(own_call(piece, asked), f"{name}_{index}")
    return found


def piece_items(piece: Piece, name: str) -> list[Json]:
    """One piece of an answer: its item, after one that carries the seal of a call."""
    match piece:
        case Words(text):
            return [_message(name, text_part(text, piece.citations))]
        case Refusal(text):
            return [_message(name, {"type": "refusal", "refusal": text})]
        case Thought():
            return [thought_item(piece, name)]
        case Use(call_id, tool, arguments):
            seal = [seal_item(piece, name)] if piece.sealed else []
            call: Json = {"id": f"ctc_{name}", "type": "custom_tool_call", "call_id": call_id, "name": tool, "input": arguments}
            if not piece.custom:
                call = {"id": f"fc_{name}", "type": "function_call", "call_id": call_id, "name": tool, "arguments": arguments or "{}"}
            space: Json = {"namespace": piece.space} if piece.space else {}
            return [*seal, {**call, **space, "status": "completed"}]
        case Sight() if piece.kind == "image" and piece.data:
            form = piece.mime.removeprefix("image/") or "png"
            drawn: Json = {"id": f"ig_{name}", "type": "image_generation_call", "status": "completed"}
            return [{**drawn, "output_format": form, "result": piece.data}]
        case Odd() if piece.wire == WIRE:
            return [dict(Fields(piece.raw).rest())]
        case _:
            return []


def own_call(piece: Piece, asked: Asked) -> Piece:
    """A call as the client knows the tool: in its namespace; with free text, where the provider was offered a function of one string."""
    if not isinstance(piece, Use) or piece.space:
        return piece
    tool = next((tool for tool in asked.tools if isinstance(tool, Function) and tool.name == piece.name), None)
    if tool is None:
        return piece
    name = piece.name.removeprefix(f"{tool.space}__") if tool.space else piece.name
    if tool.custom and not piece.custom:
        return replace(piece, name=name, space=tool.space, custom=True, arguments=unwrapped(piece.arguments))
    return replace(piece, name=name, space=tool.space)


def is_custom(name: str, asked: Asked) -> bool:
    """Whether the client's tool of this name takes free text."""
    return any(isinstance(tool, Function) and tool.custom and tool.name == name for tool in asked.tools)


def text_part(text: str, citations: tuple[Raw, ...]) -> Json:
    """Text of an answer."""
    annotations = [found for one in citations if (found := annotation(one)) is not None]
    return {"type": "output_text", "annotations": annotations, "logprobs": [], "text": text}


def seal_item(piece: Use, name: str) -> Json:
    """What carries the seal of a call, for the way back."""
    return {"id": f"rs_{name}", "type": "reasoning", "summary": [], "encrypted_content": wrapped("gemini", piece.sealed, piece.id)}


def response_object(asked: Asked, response_id: str, model: str, created: int) -> Json:
    """A response that has begun, with all that an answer tells of its request."""
    losing = Losing()
    sampling = asked.sampling
    text: Json = {"format": format_of(asked, losing) or {"type": "text"}}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "\n\n".join(one.text for one in asked.system) or None,
        "max_output_tokens": sampling.most,
        "metadata": {} if asked.metadata is None else asked.metadata,
        "model": model or asked.model,
        "output": [],
        "parallel_tool_calls": asked.parallel is not False,
        "previous_response_id": None if asked.conversation else asked.previous or None,
        **({"conversation": {"id": asked.previous}} if asked.conversation else {}),
        "reasoning": {"effort": None, "summary": None} | reasoning_of(asked.reasoning),
        "service_tier": asked.tier or "default",
        "store": asked.store is not False,
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "text": text,
        "tool_choice": "auto" if asked.choice is None else choice_of(asked.choice, asked.tools),
        "tools": tools_of(asked, losing),
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": asked.user or None,
    }


def ended(response: Json, output: list[Json], finish: Finish, usage: Usage | None, thoughts: int) -> Json:
    """The response as it is in the end."""
    refused = any(isinstance(content := item.get("content"), list) and content[0].get("type") == "refusal" for item in output)
    reason = None if finish == "refusal" and refused else _INCOMPLETE.get(finish)
    found: Json = {**response, "output": output, "usage": usage_object(usage, thoughts)}
    if finish == "error":
        return {**found, "status": "failed", "error": {"code": "server_error", "message": "The provider's answer failed."}}
    if reason:
        return {**found, "status": "incomplete", "incomplete_details": {"reason": reason}}
    return {**found, "status": "completed"}


def usage_object(usage: Usage | None, thoughts: int) -> Json | None:
    """`usage`."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": thoughts},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def failed(response: Json, output: list[Json], failure: Failure) -> Json:
    """The response that a failure ended."""
    code = _FAILURES.get(failure.code, "server_error")
    return {**response, "status": "failed", "output": output, "error": {"code": code, "message": failure.message}}


def _message(name: str, part: Json) -> Json:
    return {"id": f"msg_{name}", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
