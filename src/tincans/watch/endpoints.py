"""What a row of the API's table is, and how a request becomes a call of its handler.

A row says everything that there is to say about one path: the method, what it takes (the fields of a msgspec type:
those in the path's braces, the rest in the query), what is posted to it, what it gives, and what a person is told of
it. The routes and the OpenAPI document are both made of the rows, so that they cannot differ.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from tincans.apps.http.media import disposition
from tincans.limits import PAGE_BODY_BYTES, PAGE_REQUEST_SECONDS
from tincans.watch.guard import STEERS
from tincans.watch.shapes import to_json
from tincans.watch.trouble import MISTAKE, Refused, answer, status_of

log = logging.getLogger(__name__)


class File(NamedTuple):
    """An answer that is no JSON: its bytes, or what gives them."""

    media: str
    body: bytes | AsyncIterator[bytes]
    #: What it is saved as, whoever chose that; empty for what is looked at.
    name: str = ""
    headers: Mapping[str, str] = {}


class Endpoint(NamedTuple):
    """A row of the table."""

    method: Literal["GET", "POST"]
    #: As the document has it: `/api/conversations/{number}`.
    path: str
    #: Given the call's context and what was asked, a `takes`; and then what was posted, where there is a `posted`.
    handler: Callable[..., Awaitable[Any]]
    takes: type[msgspec.Struct]
    #: A type, or several; of a `File` its media types.
    gives: tuple[Any, ...]
    #: One line for who reads the document.
    about: str
    posted: type[msgspec.Struct] | None = None
    needs_token: bool = True

    @property
    def steers(self) -> bool:
        return self.method == "POST"


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


# ── reading a request ─────────────────────────────────────────────────────────────────────────────────────


def read(kind: type[msgspec.Struct], path: Mapping[str, str], query: QueryParams) -> Any:
    """The parameters of a request as a `kind`. Raises `Refused`, with the name of the first that makes no sense."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    found = {name: _value(fields[name], [text]) for name, text in path.items()}
    for name in query:
        if name not in fields or name in path:
            raise Refused(400, f"there is no parameter {name!r}{_near(name, fields, path)}", _ADVICE)
        found[name] = _value(fields[name], query.getlist(name))
    for name, field in fields.items():
        if field.required and name not in found:
            raise Refused(400, f"the parameter {name!r} is missing", _ADVICE)
    return kind(**found)


def checked(kind: type[msgspec.Struct], path: Mapping[str, str], query: QueryParams, steers: bool) -> Any:
    """The same, as far as the token allows it. Raises `Refused`."""
    asked = read(kind, path, query)
    if getattr(asked, "secrets", False) and not steers:
        raise Refused(403, "this token may not see secrets", "The token that may steer may see them.")
    return asked


_ADVICE = "GET /api/openapi.json says what each path takes."


def _value(field: msgspec.structs.FieldInfo, texts: list[str]) -> Any:
    bare = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
    is_list = get_origin(bare) is list
    if len(texts) > 1 and not is_list:
        raise Refused(400, f"the parameter {field.name!r} is given more than once", _ADVICE)
    try:
        return msgspec.convert(texts if is_list else texts[0], field.type, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(400, f"the parameter {field.name!r} makes no sense: {_plain(error)}", _ADVICE) from None


def _plain(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _near(name: str, fields: Mapping[str, Any], path: Mapping[str, str]) -> str:
    near = get_close_matches(name, [each for each in fields if each not in path], 1)
    return f", did you mean {near[0]!r}?" if near else ""


async def _posted(request: Request, kind: type[msgspec.Struct]) -> Any:
    """What was posted as a `kind`; of one without fields nothing has to be posted. Raises `Refused`."""
    data = bytearray()
    try:
        async with asyncio.timeout(PAGE_REQUEST_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > PAGE_BODY_BYTES:
                    raise Refused(413, f"more than {PAGE_BODY_BYTES} bytes were posted", "Say it in several requests.")
    except TimeoutError:
        raise Refused(408, "what is posted did not arrive", "Send it at once.", {"Connection": "close"}) from None
    try:
        return msgspec.json.decode(bytes(data) or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"what was posted makes no sense: {_plain(error)}", _ADVICE) from None


# ── answering it ──────────────────────────────────────────────────────────────────────────────────────────


def serve(row: Endpoint, context: Callable[[bool], Any]) -> Callable[[Request], Awaitable[Response]]:
    """What answers a row's requests; `context` is given whether the token may steer, and gives a handler's first
    argument."""

    async def handle(request: Request) -> Response:
        try:
            return _answer(await _call(row, request, context))
        except ClientDisconnect:
            raise
        except Exception as error:
            if status_of(error) == MISTAKE:
                log.exception("a request for %s failed", row.path)
            return answer(error)

    return handle


async def _call(row: Endpoint, request: Request, context: Callable[[bool], Any]) -> Any:
    if request.method != row.method and (row.method, request.method) != ("GET", "HEAD"):
        raise Refused(405, f"{row.path} is for {row.method}", _ADVICE, {"Allow": row.method})
    steers = bool(request.scope[STEERS])
    asked = checked(row.takes, request.path_params, request.query_params, steers)
    if row.posted is None:
        return await row.handler(context(steers), asked)
    return await row.handler(context(steers), asked, await _posted(request, row.posted))


def _answer(given: Any) -> Response:
    if not isinstance(given, File):
        return Response(to_json(given), media_type="application/json")
    headers = {**given.headers, "Content-Type": given.media}
    if given.name:
        headers["Content-Disposition"] = disposition(given.name)
    if isinstance(given.body, bytes):
        return Response(given.body, headers=headers)
    return StreamingResponse(given.body, headers=headers)
