"""Pairing: two programs that share a few spoken words get to know each other's keys, whoever is in between.

The words are too few to be a key: whoever has anything that was made with them tries all 262,144. So they are the
password of a password-authenticated key exchange, SPAKE2 (RFC 9382), of which nobody who listens learns anything, and
somebody who takes part learns whether *one* guess was right. The library `spake2` does its arithmetic on Ed25519; what
it leaves to its user, and RFC 9382 §4 demands, is done here: that each end proves that it came to the same key, and
about what.

    caller (A)                                         called (B)
    Hello(purpose, number, element) ─────────────►     X* = x·G + w·M
                           ◄───────────── Answer(element)     Y* = y·G + w·N
    Proof(HMAC(KcA, TT)) ────────────────────────►     a guess is spent if that is wrong
                           ◄───────────── Proof(HMAC(KcB, TT)), or Wrong(left)

TT, the transcript, is what both believe to have taken part in: the purpose, the number of the offer, the two *public
keys of the TLS below* and the two elements, each with its length before it (RFC 9382 §3.3). KcA and KcB are HKDF of
SPAKE2's key (§4). What that is good for:

* **Somebody in between**, with a TLS connection to each, is to A another key than B has: the transcripts differ, and so
  do the keys, as the public keys are SPAKE2's identities, too. Passing both messages on changes nothing of that. They
  would have to guess the words, once with each end.
* **A proof that was heard** is of no use to another connection, purpose or number.
* **Who is called speaks last**: whoever only calls to guess learns that it was wrong, and that guess is counted before
  they do. Whoever poses as the one called learns as much about one guess from A's proof, and A has been told to
  type it again: a person sees that.

The guesses are `Invitation`'s to count. After a pairing each end keeps the other's key (`known.py`), and no words are
needed any more. The library's arithmetic does not take the same time for all numbers; as a code is used once or a few
times, there is nothing to average over.
"""

from __future__ import annotations

import hmac
import struct
from typing import NamedTuple, Protocol, TypeVar

from tincans.channel import Side
from tincans.errors import CodeVoid, NoCodes, RemoteProtocolError, WrongCode
from tincans.peers.codes import Code
from tincans.peers.frames import Frames, Message
from tincans.peers.invitations import Invitation

_LABEL = b"tincans pairing 1"
_PROOF_BYTES = 32
TICKET_BYTES = 16

M = TypeVar("M", bound=Message)


class Hello(Message, frozen=True):
    """Who calls says what for, which offer is meant, and SPAKE2's first element; none where both know each other.

    With a ticket, TICKET_BYTES that the caller makes up, whoever has paired may call again for the rest of the same
    (`invitations.py`). It is good together with their key alone, and so no secret.
    """

    purpose: str
    number: int = 0
    element: bytes = b""
    ticket: bytes = b""


class Answer(Message, frozen=True):
    element: bytes


class Proof(Message, frozen=True):
    """That one knows the words."""

    proof: bytes


class Wrong(Message, frozen=True):
    """That they were others, and how many more wrong ones are borne; none where the code is void."""

    left: int


class _Spake(Protocol):
    """What is used of the library."""

    def start(self) -> bytes: ...
    def finish(self, inbound_side_and_message: bytes, /) -> bytes: ...


class Ends(NamedTuple):
    """The keys of the two ends of the TLS below, as each of them sees it."""

    caller: bytes
    called: bytes


class Pairing:
    """The arithmetic of one end, without any input or output. Good for one attempt."""

    def __init__(self, side: Side, code: Code, purpose: str, ends: Ends) -> None:
        """`side` says who we are: the caller is the client. Raises `NoCodes`."""
        self._side, self._about = side, (_LABEL, purpose.encode(), str(code.number).encode(), *ends)
        self._spake = _spake(side, code.password, ends)
        #: What the other end is to be told.
        self.element = self._spake.start()
        self._keys: dict[Side, bytes] = {}
        self._transcript = b""

    def take(self, element: bytes) -> None:
        """What the other end told. Raises `RemoteProtocolError` where it is no element of the other side."""
        if len(element) != len(self.element):
            raise RemoteProtocolError("the other side sent no element of SPAKE2")
        try:
            secret = self._spake.finish(element)
        except Exception as error:  # the library raises its own, ValueError, NotOnCurve and AssertionError for it
            raise RemoteProtocolError("the other side sent no element of SPAKE2") from error
        both = {self._side: self.element, self._side.other: element}
        self._transcript = _joined(*self._about, both[Side.CLIENT], both[Side.SERVER])
        keys = _expanded(secret, b"ConfirmationKeys" + self._transcript)
        self._keys = {Side.CLIENT: keys[:_PROOF_BYTES], Side.SERVER: keys[_PROOF_BYTES:]}

    @property
    def proof(self) -> bytes:
        """What proves to the other end that we came to the same key about the same things."""
        return hmac.digest(self._keys[self._side], self._transcript, "sha256")

    def fits(self, proof: bytes) -> bool:
        """Whether that is the other end's proof."""
        return hmac.compare_digest(proof, hmac.digest(self._keys[self._side.other], self._transcript, "sha256"))


async def introduce(frames: Frames, code: Code, *, purpose: str, ends: Ends, ticket: bytes = b"") -> None:
    """Pair as the one who called. The other end's key is to be kept then.

    Raises `WrongCode` where the words are not the other end's, or somebody is between; `CodeVoid` where too many were
    wrong; `PeerRefused` where there is no such offer; `RemoteProtocolError` and `ChannelError`. The caller closes.
    """
    pairing = Pairing(Side.CLIENT, code, purpose, ends)
    await frames.send(Hello(purpose, code.number, pairing.element, ticket))
    pairing.take(_right(code, await frames.receive(Answer, Wrong)).element)
    await frames.send(Proof(pairing.proof))
    if not pairing.fits(_right(code, await frames.receive(Proof, Wrong)).proof):
        raise WrongCode(code.number)


def _right(code: Code, answer: M | Wrong) -> M:
    if isinstance(answer, Wrong):
        raise WrongCode(code.number, answer.left) if answer.left > 0 else CodeVoid(code.number)
    return answer


async def admit(frames: Frames, hello: Hello, invitation: Invitation, *, ends: Ends) -> None:
    """Pair as the one who was called with `hello`. The caller's key is to be kept then.

    Raises `WrongCode` when a guess has been counted and the caller was told, `CodeVoid` where no guess is left,
    `RemoteProtocolError` and `ChannelError`. The caller closes.
    """
    code = invitation.code
    if invitation.is_void:
        await frames.send(Wrong(0))
        raise CodeVoid(code.number)
    pairing = Pairing(Side.SERVER, code, hello.purpose, ends)
    pairing.take(hello.element)
    await frames.send(Answer(pairing.element))
    proof = (await frames.receive(Proof)).proof
    if not invitation.guess(lambda: pairing.fits(proof)):
        await frames.send(Wrong(invitation.left))
        raise WrongCode(code.number, invitation.left) if invitation.left else CodeVoid(code.number)
    await frames.send(Proof(pairing.proof))


def _spake(side: Side, password: bytes, ends: Ends) -> _Spake:
    try:
        from spake2 import SPAKE2_A, SPAKE2_B
    except ImportError as error:
        raise NoCodes from error
    kind = SPAKE2_A if side is Side.CLIENT else SPAKE2_B
    spake: _Spake = kind(password, idA=ends.caller, idB=ends.called)
    return spake


def _joined(*parts: bytes) -> bytes:
    """Each with its length before it, in eight bytes, the lowest first (RFC 9382 §3.3)."""
    return b"".join(struct.pack("<Q", len(part)) + part for part in parts)


def _expanded(secret: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) of SPAKE2's key, for two keys of confirmation (RFC 9382 §4)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 2 * _PROOF_BYTES, None, info).derive(secret)
