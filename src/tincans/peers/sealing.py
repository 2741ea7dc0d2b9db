"""Statements that are signed: a post, an introduction, who is here.

What is signed is the statement's own bytes, with words before them that say what kind it is, so that no signature can
be taken for another's. The bytes travel and are kept as they were signed, and are never made anew: there is nothing to
agree on but how they are read. Still each statement has one form (`seal` makes it and `unseal` takes no other), so that
two of them are the same where their bytes are.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

from tincans.errors import RemoteProtocolError
from tincans.limits import PEER_STATEMENT_BYTES
from tincans.peers.identity import KEY_BYTES, SIGNATURE_BYTES, Identity, verified

#: A public key, by which its owner is known.
Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
#: A number that counts something, from 1; fits eight bytes, as all of msgpack.
Count = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
#: Nanoseconds since 1970.
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Sealed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The bytes of a statement, and its author's signature."""

    body: Annotated[bytes, msgspec.Meta(max_length=PEER_STATEMENT_BYTES)]
    signature: Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class Statement(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """What all statements begin with."""

    #: The name of the mesh that it is for: in another one it means nothing.
    mesh: str
    #: Who says so.
    author: Key


S = TypeVar("S", bound=Statement)


class Seal(Generic[S]):
    """Signs and reads one kind of statement."""

    def __init__(self, kind: type[S], words: str) -> None:
        """`words` are for this kind alone."""
        self._words, self._name = f"tincans {words}\0".encode(), words
        self._encoder, self._decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(kind)

    def seal(self, identity: Identity, statement: S) -> Sealed:
        body = self._encoder.encode(statement)
        assert statement.author == identity.key
        assert len(body) <= PEER_STATEMENT_BYTES
        return Sealed(body, identity.sign(self._words + body))

    def unseal(self, sealed: Sealed, mesh: str) -> S:
        """What was signed. Raises `RemoteProtocolError`: it is no such statement, is for another mesh, or is forged."""
        statement = self.read(sealed)
        self.check(sealed, statement, mesh)
        return statement

    def check(self, sealed: Sealed, statement: S, mesh: str) -> None:
        """Look at the mesh and the signature of what was read already. Raises as `unseal` does."""
        if statement.mesh != mesh:
            raise RemoteProtocolError(f"a {self._name} of another mesh: {statement.mesh[:100]!r}")
        if not verified(statement.author, sealed.signature, self._words + sealed.body):
            raise RemoteProtocolError(f"a {self._name} with a forged signature")

    def read(self, sealed: Sealed) -> S:
        """The same, without a look at the signature and the mesh."""
        try:
            statement = self._decoder.decode(sealed.body)
        except (msgspec.MsgspecError, ValueError) as error:
            raise RemoteProtocolError(f"a broken {self._name}: {error}") from error
        if self._encoder.encode(statement) != sealed.body:
            raise RemoteProtocolError(f"a {self._name} in another form than the one it has")
        return statement
