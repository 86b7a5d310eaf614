"""All errors that Backstory raises. The class says whose fault it is and which HTTP status a client gets.

BackstoryError            500  ours
|-- ConfigError            -   the user's: a wrong key or value in file, environment or command line
|-- RequestError          400  the client's: a request that cannot be read as HTTP, or asks for what cannot be
|   |-- HeadError         400  the request's head is malformed or ambiguous (smuggling)
|   |-- HeadTooLarge      431  the request's head is larger than the limit
|   |-- BodyTooLarge      413  the request's body is larger than the limit
|   |-- RequestTimeout    408  the client did not finish its request in time
|   |-- UpgradeRefused    426  a WebSocket upgrade: the client is to use HTTP
|   |-- PreviousUnknown   400  the request builds on an answer that is not known here
|   |-- ContextTooLong    400  the request has more tokens than its model takes (where that is enforced here)
|   |-- SelectorError     400  a selector of backends and models that cannot be read (routing)
|   `-- NoRoute           404  no such backend or model, or none of those that were named takes the request (routing)
|-- UpstreamError         502  the provider's: refused, cut, malformed
|   `-- UpstreamTimeout   504  the provider's: no connection or no first byte in time
|-- DocumentError          -   a body that is not JSON of the expected shape, or cannot be spliced (memory skips it)
|-- StoreError             -   the store could not be opened, read or written (memory skips the exchange)
|   |-- StoreGone          -   the user's: the database was taken away while it was in use
|   |-- FencedError        -   a lease was lost to another worker; the work is dropped
|   `-- RowError           -   ours: a value that the store can never take; what holds it is dropped
|-- EmbeddingError        503  a model of text vectors broke or did not answer (recall goes on without vectors)
|-- ExtensionError         -   an extension's: it broke, was slow, or gave what is not to be given (the request goes on without it)
|-- SideModelError         -   the side model's: no usable answer, or no budget left (background only)
`-- NotFound              404  no such conversation or turn (command line, REST)
"""

from __future__ import annotations

_QUOTED = 20
"""So much of a selector is quoted where it went wrong."""


def with_extra(extra: str) -> str:
    """How a user gets an optional part: the end of a message that says that it is missing."""
    return f"the extra {extra}: make setup EXTRAS={extra} (without make: pip install '.[{extra}]' in the source's folder)"


class BackstoryError(Exception):
    """Root of the tree. `status` is the HTTP status a client gets; `code` the short name in the error body."""

    status = 500
    code = "internal_error"


class ConfigError(BackstoryError):
    """A setting is unknown or wrong. The text names key, place and what is allowed."""

    code = "config_error"


class RequestError(BackstoryError):
    """The client's request cannot be served as it is."""

    status = 400
    code = "invalid_request"


class PreviousUnknown(RequestError):
    """The request builds on an answer that is not known here: clients that read this code send their whole history instead."""

    code = "previous_response_not_found"


class HeadError(RequestError):
    """The request's head is malformed or can be read in two ways."""

    code = "malformed_request"


class HeadTooLarge(RequestError):
    """The request's head is larger than the limit."""

    status = 431
    code = "headers_too_large"


class BodyTooLarge(RequestError):
    """The request's body is larger than the limit."""

    status = 413
    code = "body_too_large"


class RequestTimeout(RequestError):
    """The client did not send its whole request in time."""

    status = 408
    code = "request_timeout"


class UpgradeRefused(RequestError):
    """The client asked for another protocol (WebSocket); it is to use HTTP."""

    status = 426
    code = "upgrade_refused"


class ContextTooLong(RequestError):
    """The request has more tokens than the window of its model. The text names both, in the words of the wire's own provider."""

    code = "context_length_exceeded"


class SelectorError(RequestError):
    """A selector cannot be read. `at`: the character, from 0; the text names it from 1 and quotes what stands there."""

    code = "invalid_selector"

    def __init__(self, trouble: str, text: str, at: int) -> None:
        here = text[at : at + _QUOTED]
        place = f"character {at + 1} of {text!r}, at {here!r}" if here else f"at the end of {text!r}"
        super().__init__(f"{trouble} ({place})" if text else trouble)
        self.at = at


class Declined(RequestError):
    """An in-chat command cannot be carried out as it was given. The text is the whole answer to it."""

    code = "command_declined"


class NoRoute(RequestError):
    """There is no place to send the request to. The text names what there is."""

    status = 404
    code = "model_not_found"


class UpstreamError(BackstoryError):
    """The provider could not be reached, or its answer could not be read."""

    status = 502
    code = "upstream_unavailable"


class UpstreamTimeout(UpstreamError):
    """The provider did not take the connection or send a first byte in time."""

    status = 504
    code = "upstream_timeout"


class DocumentError(BackstoryError):
    """A body that is not JSON of the expected shape, or that cannot be edited without touching other bytes."""

    code = "document_error"


class StoreError(BackstoryError):
    """The store could not be opened, read or written."""

    status = 503
    code = "store_error"


class StoreGone(StoreError):
    """The database's file was removed or replaced while it was open."""

    code = "store_gone"


class FencedError(StoreError):
    """A lease was lost to another worker: what was computed under it is dropped."""

    code = "fenced"


class RowError(StoreError):
    """A value that the store can never take (a lone surrogate, a number over 63 bits): a second try would fail as well."""

    code = "row_error"


class EmbeddingError(BackstoryError):
    """A text could not be turned into a vector."""

    status = 503
    code = "embedding_error"


class ExtensionError(BackstoryError):
    """Something that an extension did cannot be used. The text never holds what it said itself."""

    code = "extension_failed"


class SideModelError(BackstoryError):
    """The side model gave no usable answer. `reason` is a short name for counting. `lasting`: the same question would fail again."""

    code = "side_model"

    def __init__(self, text: str, reason: str, lasting: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.lasting = lasting


class NotFound(BackstoryError):
    """No conversation or turn of that name."""

    status = 404
    code = "not_found"
