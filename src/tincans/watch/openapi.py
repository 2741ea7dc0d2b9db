"""The API's table as OpenAPI 3.1, made of the rows and of the types that are served.

OpenAPI knows no WebSockets: what is asked and told over them stands in `x-websockets`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tincans import __version__
from tincans.watch.endpoints import Endpoint
from tincans.watch.shapes import Trouble

_REF = "#/components/schemas/{name}"

Schemas = dict[Any, dict[str, Any]]


def document(rows: Sequence[Endpoint], asked: type[msgspec.Struct], told: Sequence[Any]) -> dict[str, Any]:
    """The document of these rows, and of a WebSocket that takes `asked` and tells `told`."""
    types = list(dict.fromkeys([*_types(rows), Trouble, asked, *told]))
    found, components = msgspec.json.schema_components(types, ref_template=_REF)
    schemas: Schemas = dict(zip(map(_key, types), found, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": "tincans", "version": __version__, "description": "What the page of tincans is made of."},
        "security": [{"token": []}],
        "paths": {row.path: {row.method.lower(): _operation(row, schemas)} for row in rows},
        "x-websockets": {
            "/api/live": {"asked": schemas[_key(asked)], "told": [schemas[_key(each)] for each in told]}
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _key(kind: Any) -> str:
    return repr(kind)


def _types(rows: Iterable[Endpoint]) -> Iterable[Any]:
    for row in rows:
        yield from (field.type for field in msgspec.structs.fields(row.takes))
        yield from (each for each in row.gives if not isinstance(each, str))
        if row.posted is not None:
            yield row.posted


def _operation(row: Endpoint, schemas: Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": row.about,
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()} {row.path.removeprefix('/api')}").strip("_"),
        "parameters": [_parameter(row, field, schemas) for field in msgspec.structs.fields(row.takes)],
        "responses": {
            "200": {"description": row.about, "content": _content(row, schemas)},
            "default": {"description": "what went wrong", "content": _json(schemas[_key(Trouble)])},
        },
    }
    if row.posted is not None:
        told["requestBody"] = {"content": _json(schemas[_key(row.posted)])}
    if not row.needs_token:
        told["security"] = []
    return told


def _parameter(row: Endpoint, field: msgspec.structs.FieldInfo, schemas: Schemas) -> dict[str, Any]:
    in_path = f"{{{field.name}}}" in row.path
    schema = dict(schemas[_key(field.type)])
    told = {"name": field.name, "in": "path" if in_path else "query", "required": field.required}
    if description := schema.pop("description", ""):
        told["description"] = description
    if not field.required and not isinstance(field.default, msgspec.UnsetType | type(msgspec.NODEFAULT)):
        schema["default"] = msgspec.to_builtins(field.default)
    return {**told, "schema": schema}


def _content(row: Endpoint, schemas: Schemas) -> dict[str, Any]:
    shapes = [schemas[_key(each)] for each in row.gives if not isinstance(each, str)]
    files = {each: {"schema": {"type": "string", "format": "binary"}} for each in row.gives if isinstance(each, str)}
    if not shapes:
        return files
    return {**files, **_json(shapes[0] if len(shapes) == 1 else {"anyOf": shapes})}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
