"""The rows of the index's table `conversations`: how one is written, read, and asked for.

A `Conversation`'s fields are its columns, by their names; facts and notes are JSON. What a journal gave up of it
to stay within its bound stands beside them, and is added to what a reader is told was dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tincans.conversation import Conversation, How
from tincans.journal import Filter

_FIELDS = Conversation.__struct_fields__
#: What changes with every word; the rest only when somebody joins, notes, ends or closes.
COUNTS = ("client_bytes", "server_bytes", "client_pieces", "server_pieces", "dropped", "last")


def _upsert() -> str:
    columns = ", ".join(f'"{field}"' for field in (*_FIELDS, "writer"))
    changes = ", ".join(f'"{field}" = excluded."{field}"' for field in _FIELDS if field != "number")
    return f"INSERT INTO conversations ({columns}) VALUES {{rows}} ON CONFLICT (number) DO UPDATE SET {changes}"


def _update() -> str:
    changes = ", ".join(f"{field} = new.{field}" for field in COUNTS)
    columns = ", ".join(("number", *COUNTS))
    return (
        f"WITH new ({columns}) AS (VALUES {{rows}}) UPDATE conversations SET {changes} "
        "FROM new WHERE conversations.number = new.number"
    )


#: Whole rows, and the counts of rows that are there; `{rows}` stands for the values.
UPSERT = _upsert()
UPDATE = _update()
#: A row as `from_row` takes it.
SELECT = "SELECT " + ", ".join(f'"{field}"' for field in _FIELDS) + ", client_forgotten, server_forgotten"

_encode = msgspec.json.Encoder().encode
_strings = msgspec.json.Decoder(dict[str, str]).decode
_notes = msgspec.json.Decoder(list[str]).decode


def to_row(conversation: Conversation) -> list[object]:
    """What stands in the columns, in the order of UPSERT, but for the writer."""
    values = msgspec.to_builtins(conversation)
    values["facts"] = _encode(values["facts"]).decode()
    values["notes"] = _encode(values["notes"]).decode()
    return [values[field] for field in _FIELDS]


def from_row(row: Sequence[object]) -> Conversation:
    """The conversation of a row as its entries tell it."""
    values = dict(zip(_FIELDS, row, strict=False))
    values["facts"] = _strings(str(values["facts"]))
    values["notes"] = _notes(str(values["notes"]))
    return msgspec.convert(values, Conversation, strict=False)


def seen(row: Sequence[object]) -> Conversation:
    """The conversation of a row as a reader is told of it: what the journal gave up of it was dropped, too."""
    conversation = from_row(row)
    conversation.dropped += sum(forgotten(row))
    return conversation


def forgotten(row: Sequence[object]) -> tuple[int, int]:
    """Bytes of the client and of the server that the journal gave up."""
    client, server = row[-2:]
    assert isinstance(client, int) and isinstance(server, int)  # noqa: PT018
    return client, server


def chosen(which: Filter) -> tuple[str, list[object]]:
    """`Filter.matches` in SQL, from FROM on, and its parameters. Those that go on are few, and have an index."""
    terms: list[tuple[str, list[object]]] = []
    if which.party:
        text = "lower(client || char(10) || near || char(10) || far || char(10) || server)"
        terms.append((f"instr({text}, ?) > 0", [which.party.lower()]))
    if which.kind is not None:
        terms.append(("kind = ?", [which.kind.value]))
    if which.open is not None:
        terms.append((f"closed IS {'' if which.open else 'NOT '}NULL", []))
    if which.how:
        terms.append(_how(which.how))
    if which.name:
        terms.append(("name = ?", [which.name]))
    for term, value in (
        ("opened >= ?", which.since),
        ("opened < ?", which.until),
        ("client_bytes + server_bytes >= ?", which.least),
        ("client_bytes + server_bytes <= ?", which.most),
        ("number < ?", which.before),
    ):
        if value is not None:
            terms.append((term, [value]))
    table = "conversations INDEXED BY open_conversations" if which.open else "conversations"
    condition = " AND ".join(term for term, _ in terms) or "true"
    return f"FROM {table} WHERE {condition}", [value for _, values in terms for value in values]


def _how(how: Sequence[How | None]) -> tuple[str, list[object]]:
    named: list[object] = [each.value for each in how if each is not None]
    term = f"how IN ({', '.join('?' * len(named))})"
    return (f"({term} OR closed IS NULL)" if None in how else term), named
