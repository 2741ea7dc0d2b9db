"""Every error that tincans raises on purpose.

An error carries fields; its ``str`` is one lower-case sentence that says what was wrong; the docstring of its
class is the advice that the command line prints underneath: the command or setting that would work. So a new
error is a class with a docstring, a sentence and nothing else, and the CLI needs no table of messages.

Three families: `AddressError` and `ConfigError` are about what was asked for, `ConnectError` and `ListenError`
about getting a channel, `ChannelError` about one that exists.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence


class TincansError(Exception):
    """Run the command again with --debug to see where it happened."""

    #: The name of a command's exit status: 2 where the command itself was wrong, 1 where it failed.
    exit_code = 1

    @property
    def advice(self) -> str:
        """One paragraph on what would work, from the docstring of the class."""
        return " ".join((inspect.getdoc(type(self)) or "").split())


def reason_of(error: OSError) -> str:
    """What the operating system says of it, as a part of a sentence of ours."""
    return (error.strerror or str(error)).lower()


# ── what was asked for ────────────────────────────────────────────────────────────────────────────────────


class AddressError(TincansError):
    """An address names a place, as in tcp://127.0.0.1:9000, tls://host:443, unix:///run/x.sock, :9000 or exec:cat."""

    exit_code = 2

    def __init__(self, text: str, reason: str, example: str = "") -> None:
        #: What was given, the part that is wrong and why, and an address that would work.
        self.text, self.reason, self.example = text, reason, example
        hint = f"; write for example {example}" if example else ""
        super().__init__(f"{text!r} is not an address: {reason}{hint}")


class UrlError(TincansError):
    """A URL says how to ask, whom, and for what, as in https://example.org/a/file or ftp://user@127.0.0.1:2121/folder/."""

    exit_code = 2

    def __init__(self, text: str, reason: str, example: str = "") -> None:
        #: What was given, with stars for a password, the part that is wrong and why, and a URL that would work.
        self.text, self.reason, self.example = text, reason, example
        hint = f"; write for example {example}" if example else ""
        super().__init__(f"{text!r} is not a URL: {reason}{hint}")


class ConfigError(TincansError):
    """tincans up --check checks the whole file and starts nothing; docs/configuration.md shows all that it can say."""

    exit_code = 2

    def __init__(self, file: str, line: int | None, reason: str, others: Sequence[ConfigError] = ()) -> None:
        self.file, self.line, self.reason = file, line, reason
        #: Further mistakes in the same file, in the order of their lines.
        self.others = tuple(others)
        where = f"{file}, line {line}" if line else file
        super().__init__(f"{where}: {reason}")


class UsageError(TincansError):
    """Add --help to the command to see what it takes."""

    exit_code = 2


class CodeError(UsageError):
    """Whoever sends sees the code: a number and two words; capitals and dashes do not matter, and four letters of a
    word are enough."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"{text!r} is not a code: {reason}")


class NoSuchProtocol(TincansError):
    """The protocols: http, websocket, tls, smtp, ftp, pop3, imap, irc, redis, postgresql, mqtt, dns, lines, raw; or a
    class of yours as MODULE:CLASS."""

    exit_code = 2

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name!r} is not a protocol" + (f": {reason}" if reason else ""))


# ── getting a channel ─────────────────────────────────────────────────────────────────────────────────────


class ConnectError(TincansError):
    """Check that the address is the one the server printed, and that the server runs."""

    def __init__(self, address: object, reason: str, *, caller: bool = False) -> None:
        #: Whom it was about, why, and whether `address` is not the one called but one who called here.
        self.address, self.reason, self.caller = address, reason, caller
        super().__init__(f"cannot {'serve' if caller else 'connect to'} {address}: {reason}")


class ConnectionRefused(ConnectError):
    """Nobody listens there: start the server first, or add --retry to keep calling until it does."""

    def __init__(self, address: object, reason: str = "the connection was refused") -> None:
        super().__init__(address, reason)


class ConnectTimedOut(ConnectError):
    """No answer came: a firewall may drop the packets, or the address is wrong; --timeout SECONDS waits longer."""

    def __init__(self, address: object, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(address, f"no answer within {seconds:g} s")


class NameNotFound(ConnectError):
    """No name server knows that host: check the spelling, or give the numeric address."""

    def __init__(self, address: object, host: str, reason: str = "") -> None:
        self.host = host
        super().__init__(address, reason or f"there is no host named {host!r}")


class CertificateNotTrusted(ConnectError):
    """Add ?ca=FILE with the authority that signed it (tincans cert makes one), or ?verify=off to trust anyone."""

    def __init__(self, address: object, reason: str, *, caller: bool = False) -> None:
        super().__init__(address, f"its certificate is not trusted: {reason}", caller=caller)


class HandshakeFailed(ConnectError):
    """The two ends did not agree on a protocol: check that both speak TLS (or both do not), and the same versions."""


class ProxyRefused(ConnectError):
    """The proxy answered, and would not connect: check what it allows, and its user and password."""


class ListenError(TincansError):
    """Choose another address, or port 0 to be given a free one."""

    def __init__(self, address: object, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"cannot listen on {address}: {reason}")


class AddressInUse(ListenError):
    """Another program listens there (ss -ltnp shows which): stop it, or choose another port; 0 gives a free one."""

    def __init__(self, address: object) -> None:
        super().__init__(address, "the address is already in use")


class ListenForbidden(ListenError):
    """Ports below 1024 belong to the administrator: choose a higher one, or run with the privilege to bind it."""

    def __init__(self, address: object) -> None:
        super().__init__(address, "permission denied")


class NoSuchEntry(TincansError):
    """The table that tincans up prints at its start names all that there are."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is no listener or relay named {name!r}")


class NotStarted(TincansError):
    """A listener or a relay of a switchboard could not be started, so nothing was; what would work depends on why."""

    def __init__(self, name: str, error: TincansError) -> None:
        #: Which of them, and what was in the way.
        self.name, self.error = name, error
        super().__init__(f"{name}: {error}")

    @property
    def advice(self) -> str:
        return self.error.advice


# ── a channel that exists ─────────────────────────────────────────────────────────────────────────────────


class ChannelError(TincansError):
    """The channel cannot do what was asked of it."""


class EndOfStream(ChannelError):
    """The other side has said all it had to say; what you say may still reach it."""

    def __init__(self) -> None:
        super().__init__("the other side has ended what it says")


class ChannelClosed(ChannelError):
    """This end closed the channel already; open a new one."""

    def __init__(self) -> None:
        super().__init__("the channel is closed at this end")


class ChannelBroken(ChannelError):
    """The other side went away without a word: its program ended, or the network between was lost."""

    def __init__(self, reason: str = "the other side went away") -> None:
        self.reason = reason
        super().__init__(f"the channel is broken: {reason}")


class ChannelBusy(ChannelError):
    """Only one task may receive from a channel at a time, and only one may send."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        super().__init__(f"another task is already {doing} on this channel")


class CannotHalfClose(ChannelError):
    """This kind of channel ends in both directions at once; close it when both sides are done."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"a {kind} channel cannot end one direction alone")


class LimitExceeded(ChannelError):
    """Raise the limit if the other side is right to say so much at once."""

    def __init__(self, what: str, limit: int) -> None:
        self.what, self.limit = what, limit
        super().__init__(f"{what} is longer than {limit} bytes")


class RemoteProtocolError(ChannelError):
    """The other side broke the rules of the protocol; what it sent is in the recording."""

    def __init__(self, reason: str, *, reply: bytes = b"", at: int = 0) -> None:
        #: What is wrong, what a polite server answers before it closes, and where that is in what the side said.
        self.reason, self.reply, self.at = reason, reply, at
        #: What was said before it and read in the same call: a party acts on that before it answers with `reply`.
        self.before: tuple[object, ...] = ()
        super().__init__(reason)


class LocalProtocolError(ChannelError):
    """This is a mistake in the calling program: the protocol does not allow that here."""


class CannotSteer(TincansError):
    """Only a conversation that goes on can be steered, and of it only a side that has not ended what it says."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


# ── what was kept ─────────────────────────────────────────────────────────────────────────────────────────


class JournalError(TincansError):
    """Name another folder with --journal, or leave recording out with --no-record."""


class JournalTooNew(JournalError):
    """It was written by a newer tincans: update, or name another folder with --journal."""

    def __init__(self, path: object, format_number: int, known: int) -> None:
        self.path, self.format_number, self.known = path, format_number, known
        super().__init__(f"the journal {path} has format {format_number}, and this tincans reads up to {known}")


class RecordingIncomplete(JournalError):
    """tincans show without --raw says where the gaps are, and why."""

    def __init__(self, missing: int) -> None:
        self.missing = missing
        super().__init__(f"{missing} bytes of it are not in the recording")


class TinError(TincansError):
    """tincans export ID --to FILE.tin shows what such a file looks like."""

    exit_code = 2

    def __init__(self, line: int, reason: str, file: str = "") -> None:
        #: Which file, where that is known, and which of its lines.
        self.line, self.reason, self.file = line, reason, file
        super().__init__(f"{file}, line {line}: {reason}" if file else f"line {line}: {reason}")


class AlreadyThere(TincansError):
    """Name another file, or add --force to write over it."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} is already there")


class CannotWrite(TincansError):
    """Name a file in a folder that is there, that you may write to and that has room; - is stdout."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"cannot write {path}: {reason}")


class RequestRefused(TincansError):
    """Check the path, and the user and password if the server wants any: in the URL, or in ~/.netrc (chmod 600)."""

    def __init__(self, url: object, code: int, reason: str) -> None:
        #: What was asked for, and what the server said: the code and the text of HTTP's status or FTP's reply.
        self.url, self.code, self.reason = url, code, reason
        super().__init__(f"{url}: the server says {f'{code} {reason}'.strip()}")


class NoMail(TincansError):
    """tincans inbox without --wait lists what there is; a mailbox is called by a whole address, or by a user's name."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"no such mail came within {seconds:g} s")


class MailRefused(TincansError):
    """What the server says tells why: an address it does not take, a login it wants (user and password in the URL, or
    in ~/.netrc), or TLS first (--tls)."""

    def __init__(self, url: object, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"{url}: the mail was not taken: {reason}")


class MailboxRefused(TincansError):
    """A mailbox is opened by pop3://user:password@host:port (an @ in the name is %40), by ~/.netrc, or by who is asked
    at a terminal; --tls where the server wants TLS first."""

    def __init__(self, url: object, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"{url}: the server says {reason}")


class TransferFailed(TincansError):
    """The same command with --continue goes on from what came, where the server allows that."""

    def __init__(self, url: object, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"{url}: {reason}")


class TreeIncomplete(TincansError):
    """Run it again when the reasons are gone: what is the same at both ends is not transferred twice."""

    def __init__(self, url: object, failed: int, count: int) -> None:
        self.url, self.failed, self.count = url, failed, count
        super().__init__(f"{url}: {failed} of {count} {'file' if count == 1 else 'files'} could not be transferred")


class CannotRead(TincansError):
    """Name a file that is there and that you may read; - reads stdin."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"cannot read {path}: {reason}")


class CannotKeepUser(CannotWrite):
    """Name a file in a folder that is there and that you may write to; --print prints the line instead."""


class NoSuchUser(TincansError):
    """The names are those in the table [users] of the file."""

    def __init__(self, name: str, path: str) -> None:
        self.name, self.path = name, path
        super().__init__(f"{path} has no user {name!r}")


class CannotProgram(TincansError):
    """Choose another language, or another form: .tin and .jsonl have all that was said, .pcapng its packets."""

    def __init__(self, language: str, reason: str) -> None:
        self.language, self.reason = language, reason
        super().__init__(f"no program in {language} can say this again: {reason}")


class NotAConversation(JournalError):
    """tincans show ID --json shows what happens in one, and in which order."""


class NoSuchConversation(JournalError):
    """tincans conversations lists the ones that there are."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"there is no conversation {number} in the journal")


# ── chats ─────────────────────────────────────────────────────────────────────────────────────────────────


class ChatRefused(TincansError):
    """The sentence is the hub's own; --nick chooses another name, --login logs in, and tincans chat shows who is
    there."""

    def __init__(self, code: str, reason: str) -> None:
        #: A word that does not change (docs/chat.md has them all), and the hub's sentence.
        self.code, self.reason = code, reason
        super().__init__(reason or code)


class NobodyInvited(TincansError):
    """Both must be on one local network that carries mDNS; else say where they are, too: --peer CODE@HOST:PORT."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"nobody on the local network has invited by a code of the number {number}")


class NoHub(TincansError):
    """tincans chat starts one here, tincans listen :7767 chat one without a terminal; --to ADDRESS names another."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__("no chat was found" + (f": {reason}" if reason else ""))


# ── mails ─────────────────────────────────────────────────────────────────────────────────────────────────


class MailsError(TincansError):
    """Name another folder with --mails, or make room and give yourself the right to write in this one."""

    def __init__(self, path: object, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"cannot keep mails in {path}: {reason}")


class MailsTooNew(MailsError):
    """It was written by a newer tincans: update, or name another folder with --mails."""

    def __init__(self, path: object, format_number: int, known: int) -> None:
        self.format_number, self.known = format_number, known
        super().__init__(path, f"it has format {format_number}, and this tincans reads up to {known}")


class NoSuchMail(TincansError):
    """tincans inbox lists the ones that there are."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"there is no mail {number}")


# ── peers ─────────────────────────────────────────────────────────────────────────────────────────────────


class IdentityBroken(TincansError):
    """Put the file back from a backup; or remove it, and you are somebody new whom the others have to trust anew."""

    def __init__(self, path: object, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} does not say who you are: {reason}")


class KnownPeersBroken(TincansError):
    """A line of it is NAME FINGERPRINT ADDRESS SINCE, with blanks between; what begins with # is a comment."""

    def __init__(self, path: object, line: int, reason: str) -> None:
        self.path, self.line, self.reason = path, line, reason
        super().__init__(f"{path}, line {line}: {reason}" if line else f"{path}: {reason}")


class NoSuchPeer(TincansError):
    """The names are the first words of the lines in that file."""

    def __init__(self, name: str, path: object) -> None:
        self.name, self.path = name, path
        super().__init__(f"{path} has no peer {name!r}")


class PeerError(ConnectError):
    """tincans chat --peer --help says how peers get to know each other."""


class IdentityChanged(PeerError):
    """Somebody may be posing as your peer. Ask them, by another way, for their fingerprint (tincans chat --identity);
    if the new one is theirs, tincans chat --forget NAME forgets the old one."""

    def __init__(
        self, address: object, name: str, old: object, new: object, *, by: str = "name", caller: bool = False
    ) -> None:
        #: The name in the known-peers file, the fingerprint that it has there, the one that was shown; whether the
        #: peer is known by its "name" or its "address".
        self.name, self.old, self.new, self.by = name, old, new, by
        super().__init__(
            address,
            f"THE IDENTITY OF {name} HAS CHANGED: the {by} is known with the fingerprint {old}, and showed {new}; "
            f"if that is right: tincans chat --forget {name}",
            caller=caller,
        )


class UnknownPeer(PeerError):
    """Compare the fingerprint with the one that they see by tincans chat --identity; or agree on a spoken code."""

    def __init__(self, address: object, name: str, fingerprint: object, *, caller: bool = True) -> None:
        self.name, self.fingerprint = name, fingerprint
        super().__init__(
            address,
            f"nobody here knows {name} with the fingerprint {fingerprint}; "
            f"to trust them: tincans chat --peer --trust {fingerprint}",
            caller=caller,
        )


class WrongPeer(PeerError):
    """Another peer has that address now."""

    def __init__(self, address: object, expected: object, found: object) -> None:
        self.expected, self.found = expected, found
        super().__init__(address, f"its fingerprint is {found}, and not {expected}")


class PeerRefused(PeerError):
    """What the other peer says tells why; it is for the person there to change that."""


class WrongMesh(PeerError):
    """A peer is in one mesh at a time: name the same at both ends (tincans chat --peer --mesh NAME)."""

    def __init__(self, address: object, ours: str, theirs: str) -> None:
        self.ours, self.theirs = ours, theirs
        super().__init__(address, f"one is in the mesh {ours!r}, and the other in {theirs!r}")


class ThisPeer(PeerError):
    """Name the address of another peer; tincans chat --peer without one finds those on the local network."""

    def __init__(self, address: object) -> None:
        super().__init__(address, "that is this peer itself")


class Parted(PeerError):
    """It is called again by itself, and then both catch up."""

    def __init__(self, address: object, reason: str) -> None:
        self.address, self.reason, self.caller = address, reason, False
        TincansError.__init__(self, f"the link with {address} ended: {reason}")


class Equivocation(RemoteProtocolError):
    """Its author is not honest, or two people have the same key: ask whose it is."""

    def __init__(self, nick: str, number: int) -> None:
        self.nick, self.number = nick, number
        super().__init__(f"{nick} said two different things as post {number}, of which only the first is kept here")


class PostsError(TincansError):
    """Name another folder, or make room and give yourself the right to write in this one."""

    def __init__(self, path: object, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"cannot keep posts in {path}: {reason}")


class PostsBusy(PostsError):
    """A peer runs already: join it by tincans chat, or name another folder (TINCANS_PEERS) to be a second one."""

    def __init__(self, path: object) -> None:
        super().__init__(path, "another process has it open")


class NoDiscovery(TincansError):
    """Install it: pip install 'tincans[p2p]'; or name an address."""

    def __init__(self) -> None:
        super().__init__("finding others on the local network needs zeroconf, which is not installed")


# ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────────


class HistoryError(TincansError):
    """Name another folder with --rooms, or make room and give yourself the right to write in this one."""

    def __init__(self, path: object, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"cannot keep rooms in {path}: {reason}")


class HistoryBusy(HistoryError):
    """Join that hub with tincans chat ADDRESS, or choose another folder with --rooms DIR."""

    def __init__(self, path: object) -> None:
        super().__init__(path, "another hub is running on it")


class HistoryTooNew(HistoryError):
    """It was written by a newer tincans: update, or choose another folder with --rooms DIR."""

    def __init__(self, path: object, format_number: int, known: int) -> None:
        self.format_number, self.known = format_number, known
        super().__init__(path, f"it has format {format_number}, and this tincans reads up to {known}")


class NoCodes(TincansError):
    """Install it: pip install 'tincans[p2p]'; or use what needs no code, --peer NAME: it is for those you know."""

    def __init__(self) -> None:
        super().__init__("spoken codes need spake2, which is not installed")


class WrongCode(TincansError):
    """Have the code told again, and type it again. If it was right, somebody stands between the two of you."""

    def __init__(self, number: int, left: int = 0) -> None:
        #: The number of the offer, and how many wrong codes it still bears; none where that is not known.
        self.number, self.left = number, left
        self.more = f": {left} more wrong {'code makes' if left == 1 else 'codes make'} it void" if left else ""
        super().__init__(f"the words are not those of offer {number}{self.more}")


class CodeVoid(TincansError):
    """Start the sender again: it makes a new code."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"the code of offer {number} is void: it was guessed wrong too often")


class NoSuchOffer(TincansError):
    """Both must be on one local network that carries mDNS; else the sender's address helps: --from HOST:PORT."""

    def __init__(self, number: int, seconds: float) -> None:
        self.number, self.seconds = number, seconds
        super().__init__(f"nobody on the local network has offered {number} within {seconds:g} s")


class PeerNotFound(TincansError):
    """Have them run tincans receive, or say where they do: --to HOST:PORT."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is not found on the local network, waiting for files")


class OfferDeclined(TincansError):
    """It is for the person at the other end to say yes."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} did not want it")


class PassingFailed(TincansError):
    """The same command goes on from what came."""

    def __init__(self, name: str, reason: str) -> None:
        #: What was to be passed, or to whom.
        self.name, self.reason = name, reason
        super().__init__(f"{name}: {reason}")


class PassingLost(PassingFailed):
    """The same command goes on from what came."""
