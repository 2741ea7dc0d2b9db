"""FTP: the control connection (RFC 959), and where it says that a data connection is to be made.

The client says commands, the server answers each with a reply; replies that begin with 1 are followed by another one.
Files and listings go over connections of their own. Who is called there was announced just before, which a relay in
the middle has to rewrite (`announced`, `announcing`):

    PORT h,h,h,h,p,p         the server calls the client, at this address        (RFC 959 §4.1.2)
    EPRT |1|h|p|             the same, for IPv6 too                              (RFC 2428 §2)
    227 (h,h,h,h,p,p)        the client calls the server: the answer to PASV     (RFC 959 §4.1.2)
    229 (|||p|)              the same at the server's own host, to EPSV          (RFC 2428 §3)

AUTH TLS holds the client until the server answered: after 234 both begin TLS (RFC 4217 §4), and FTP goes on inside.
What the client said is text as Telnet has it (RFC 959 §4.1.3): IAC begins a signal, IAC IAC is the byte 255, and a CR
in a file's name is followed by NUL (RFC 2640 §3.1). A lone LF may be in a name, so a client whose first command ended
in CR LF is believed to know what ends a line; another one, a person with netcat, ends each in an LF.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar, NamedTuple

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import FTP_COMMAND_BYTES, FTP_COMMANDS_WAITING
from tincans.protocols import replies
from tincans.protocols.events import MASK, Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.replies import ReplyReader, write_reply
from tincans.protocols.session import Match, Session
from tincans.protocols.textual import Faulty

# ── the commands ──────────────────────────────────────────────────────────────────────────────────────────


class Takes(Enum):
    """Whether a command has an argument."""

    NOTHING = "nothing"
    PERHAPS = "perhaps"
    ARGUMENT = "argument"


class Opens(Enum):
    """What a command opens: a place for a data connection, or the transfer over it."""

    NOTHING = "nothing"
    #: The server listens and announces where, or the client did both already.
    PASSIVE = "passive"
    ACTIVE = "active"
    #: A transfer from the server, or from the client.
    DOWNLOAD = "download"
    UPLOAD = "upload"


class Known(NamedTuple):
    """What is known of a command; `help` is for people."""

    takes: Takes
    #: The user must have logged in.
    login: bool
    opens: Opens
    help: str


def _known(takes: Takes, login: bool, help: str, opens: Opens = Opens.NOTHING) -> Known:  # noqa: A002
    return Known(takes, login, opens, help)


_0, _01, _1 = Takes.NOTHING, Takes.PERHAPS, Takes.ARGUMENT

#: Every command, by its verb. Those of RFC 959 stand without a source.
COMMANDS: dict[str, Known] = {
    "ABOR": _known(_0, True, "stop the transfer"),
    "ACCT": _known(_1, False, "say the account"),
    "ADAT": _known(_1, False, "go on with the security exchange (RFC 2228)"),
    "ALLO": _known(_1, True, "reserve so many bytes"),
    "APPE": _known(_1, True, "add to a file", Opens.UPLOAD),
    "AUTH": _known(_1, False, "begin TLS or another protection (RFC 4217)"),
    "CCC": _known(_0, True, "go on without protection of the commands (RFC 4217)"),
    "CDUP": _known(_0, True, "go to the folder above"),
    "CLNT": _known(_1, False, "say which client this is"),
    "CONF": _known(_1, False, "a confidential command (RFC 2228)"),
    "CWD": _known(_1, True, "go to a folder"),
    "DELE": _known(_1, True, "delete a file"),
    "ENC": _known(_1, False, "a private command (RFC 2228)"),
    "EPRT": _known(_1, True, "say where to call for data (RFC 2428)", Opens.ACTIVE),
    "EPSV": _known(_01, True, "ask which port to call for data (RFC 2428)", Opens.PASSIVE),
    "FEAT": _known(_0, False, "list the extensions (RFC 2389)"),
    "HELP": _known(_01, False, "list the commands, or explain one"),
    "HOST": _known(_1, False, "say which host is meant (RFC 7151)"),
    "LANG": _known(_01, False, "choose the language of replies (RFC 2640)"),
    "LIST": _known(_01, True, "list a folder, for people", Opens.DOWNLOAD),
    "MDTM": _known(_1, True, "when a file was changed (RFC 3659)"),
    "MFMT": _known(_1, True, "set when a file was changed"),
    "MIC": _known(_1, False, "a command with its integrity (RFC 2228)"),
    "MKD": _known(_1, True, "make a folder"),
    "MLSD": _known(_01, True, "list a folder, for programs (RFC 3659)", Opens.DOWNLOAD),
    "MLST": _known(_01, True, "facts about one file (RFC 3659)"),
    "MODE": _known(_1, True, "stream, block or compressed"),
    "NLST": _known(_01, True, "list the names in a folder", Opens.DOWNLOAD),
    "NOOP": _known(_0, False, "nothing"),
    "OPTS": _known(_1, False, "options of a command (RFC 2389)"),
    "PASS": _known(_01, False, "say the password"),
    "PASV": _known(_0, True, "ask where to call for data", Opens.PASSIVE),
    "PBSZ": _known(_1, False, "size of protected blocks (RFC 4217)"),
    "PORT": _known(_1, True, "say where to call for data", Opens.ACTIVE),
    "PROT": _known(_1, False, "protect data connections, or not (RFC 4217)"),
    "PWD": _known(_0, True, "which folder this is"),
    "QUIT": _known(_0, False, "say goodbye"),
    "REIN": _known(_0, False, "begin anew with another user"),
    "REST": _known(_1, True, "begin the transfer at an offset (RFC 3659)"),
    "RETR": _known(_1, True, "fetch a file", Opens.DOWNLOAD),
    "RMD": _known(_1, True, "remove a folder"),
    "RNFR": _known(_1, True, "which file to rename"),
    "RNTO": _known(_1, True, "its new name"),
    "SITE": _known(_1, True, "what this server alone has"),
    "SIZE": _known(_1, True, "how large a file is (RFC 3659)"),
    "SMNT": _known(_1, True, "mount something"),
    "STAT": _known(_01, False, "how things are, or a listing in the reply"),
    "STOR": _known(_1, True, "store a file", Opens.UPLOAD),
    "STOU": _known(_01, True, "store a file under a new name", Opens.UPLOAD),
    "STRU": _known(_1, True, "file, record or page structure"),
    "SYST": _known(_0, False, "which kind of system this is"),
    "TYPE": _known(_1, True, "text or bytes"),
    "USER": _known(_1, False, "say who this is"),
    "XCUP": _known(_0, True, "as CDUP (RFC 775)"),
    "XCWD": _known(_1, True, "as CWD (RFC 775)"),
    "XMKD": _known(_1, True, "as MKD (RFC 775)"),
    "XPWD": _known(_0, True, "as PWD (RFC 775)"),
    "XRMD": _known(_1, True, "as RMD (RFC 775)"),
}

#: Whose argument is a secret: a password, an account (RFC 959 §4.1.1), what a security exchange carries.
_SECRET = ("PASS", "ACCT", "ADAT")

#: The mechanisms of AUTH that are TLS; the last two were drafts, and are still offered (RFC 4217 §2.1, §17).
TLS_MECHANISMS = ("TLS", "SSL", "TLS-C", "TLS-P")


# ── where a data connection is to be made ─────────────────────────────────────────────────────────────────


class DataAddress(NamedTuple):
    """Who is to be called for data. Without a host it is the one that the control connection goes to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_SIX = re.compile(r"(?<!\d)" + ",".join([r"(\d{1,3})"] * 6) + r"(?!\d)", re.ASCII)
_EXTENDED = re.compile(r"([!-/:-~])([12]?)\1([^\s/]*?)\1(\d{1,5})\1", re.ASCII)


def _read_six(said: str) -> tuple[DataAddress, tuple[int, int]] | None:
    """The first six numbers with commas, in brackets or not (RFC 1123 §4.1.2.6); and where they stand."""
    match = _SIX.search(said)
    if match is None or any(int(number) > 255 for number in match.groups()):
        return None
    *host, high, low = match.groups()
    address = DataAddress(".".join(str(int(number)) for number in host), int(high) << 8 | int(low))
    return (address, match.span()) if address.port else None


def _read_extended(said: str) -> tuple[DataAddress, tuple[int, int]] | None:
    """What RFC 2428 §2 writes between bars: a family, a host and a port, the first two perhaps empty."""
    match = _EXTENDED.search(said)
    if match is None or not 0 < int(match[4]) < 65536:
        return None
    try:
        host = str(ip_address(match[3])) if match[3] else ""
    except ValueError:
        return None
    return DataAddress(host, int(match[4])), match.span()


def is_same_host(one: str, other: str) -> bool:
    """Whether two hosts are one; as they are written where they are no numbers."""
    try:
        return _unmapped(one) == _unmapped(other)
    except ValueError:
        return one == other


def _unmapped(host: str) -> object:
    """The address; an IPv4 one where IPv6 carries it (RFC 4291 §2.5.5.2)."""
    address = ip_address(host)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _six(address: DataAddress) -> str:
    numbers = [*IPv4Address(address.host).packed, *address.port.to_bytes(2, "big")]
    return ",".join(map(str, numbers))


def data_facts(command: str, mode: str, protection: str, control: int) -> dict[str, str]:
    """What a recording says of a data connection: what it is for, who called ("active": the server), whether it is
    protected (RFC 2228 §3), and the number of its control connection's conversation; 0 where that has none."""
    facts = {"ftp.command": command, "ftp.mode": mode, "ftp.protection": protection}
    return {**facts, "ftp.control": str(control)} if control else facts


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────

_SIGNALS = {
    0xF0: "end of subnegotiation", 0xF1: "no operation", 0xF2: "data mark", 0xF3: "break", 0xF4: "interrupt process",
    0xF5: "abort output", 0xF6: "are you there", 0xF7: "erase character", 0xF8: "erase line", 0xF9: "go ahead",
    0xFB: "will", 0xFC: "won't", 0xFD: "do", 0xFE: "don't",
}  # fmt: skip

#: Before a command: Telnet's signals, and what is left of the Synch when its last byte was urgent: the mark, or the IAC
#: before it, goes another way (RFC 854, "the Telnet Synch").
_TELNET = re.compile(rb"(?:\xff[\xfb-\xfe][\x00-\xfe]|\xff[\xf0-\xfa]|\xf2|\xff(?!\xff))*")


class Command(Faulty, frozen=True, kw_only=True):
    """What the client wants. The verb is in capitals, as it may be said either way (RFC 959 §5.3); it is empty where
    the line was."""

    verb: str
    argument: str = ""
    #: Telnet signals that came before it: `\\xff\\xf4\\xff\\xf2` before ABOR.
    telnet: bytes = b""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[!-`{-~]*", self.verb):
            raise ValueError(f"a verb is of capitals, and not {self.verb!r}")
        if not _TELNET.fullmatch(self.telnet):
            raise ValueError(f"{self.telnet!r} is no Telnet signal")

    @property
    def known(self) -> Known | None:
        """Its row in the table; None where that has none."""
        return COMMANDS.get(self.verb)

    @property
    def opens(self) -> Opens:
        return self.known.opens if self.known else Opens.NOTHING

    @property
    def announced(self) -> DataAddress | None:
        """Where PORT or EPRT says that the client is to be called."""
        if self.opens is not Opens.ACTIVE:
            return None
        found = _read_six(self.argument) if self.verb == "PORT" else _read_extended(self.argument)
        return found[0] if found else None

    def announcing(self, address: DataAddress) -> Command:
        """The same with another address; EPRT where PORT cannot say it, as it is answered in the same way."""
        host = ip_address(address.host)
        if self.verb == "PORT" and isinstance(host, IPv4Address):
            return msgspec.structs.replace(self, argument=_six(address))
        family = 2 if isinstance(host, IPv6Address) else 1
        return msgspec.structs.replace(self, verb="EPRT", argument=f"|{family}|{host}|{address.port}|")

    @property
    def summary(self) -> str:
        return f"{self.verb} {self.argument}" if self.argument else self.verb or "(an empty line)"

    @property
    def details(self) -> Iterator[str]:
        if self.telnet:
            yield f"telnet: {', '.join(_SIGNALS[byte] for byte in self.telnet if byte in _SIGNALS) or 'a synch'}"
        if self.announced:
            yield f"the server is to call {self.announced}"
        yield from super().details

    def masked(self) -> Command:
        secret = self.argument and self.verb in _SECRET
        return msgspec.structs.replace(self, argument=MASK) if secret else self


class Reply(replies.Reply, frozen=True, kw_only=True):
    """What the server answers."""

    @property
    def announced(self) -> DataAddress | None:
        """Where 227 or 229 says that the server is to be called."""
        found = self._announced()
        return found[0] if found else None

    def announcing(self, address: DataAddress) -> Reply:
        """The same with another address. Of 229 only the port is said. Raises `ValueError` where 227 cannot say it."""
        found = self._announced()
        if found is None:
            raise ValueError(f"{self.summary!r} announces nothing")
        said = _six(address) if self.code == 227 else f"|||{address.port}|"
        start, end = found[1]
        last = self.lines[-1]
        return msgspec.structs.replace(self, lines=(*self.lines[:-1], last[:start] + said + last[end:]))

    def _announced(self) -> tuple[DataAddress, tuple[int, int]] | None:
        match self.code:
            case 227:
                return _read_six(self.lines[-1])
            case 229:
                return _read_extended(self.lines[-1])
            case _:
                return None

    @property
    def details(self) -> Iterator[str]:
        yield from super().details
        if self.announced:
            yield f"the client is to call {self.announced if self.announced.host else f'port {self.announced.port}'}"


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class FtpSession(Session):
    """The control connection. Everything is tolerated that FTP servers tolerate, strict or not: a lone LF ends the line
    of a client whose first command ended so.

    A command that is no text, or longer than FTP_COMMAND_BYTES, is wrong, and so is a reply without its three digits.
    """

    name: ClassVar[str] = "ftp"
    title: ClassVar[str] = "FTP"
    ports: ClassVar[tuple[int, ...]] = (21, 990, 2121)
    line_end = b"\r\n"
    suspicious = re.compile(rb"(?:^|[ \t\x80-\xff])(?:PASS|ACCT|ADAT)[ \t]+([^\n]+)", re.IGNORECASE | re.MULTILINE)

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        #: Whether data connections are protected: C no, P by TLS; S and E by what nobody uses (RFC 2228 §3).
        self.protection = "C"
        self._replies = ReplyReader(coded=False)
        self._greeted = False
        self._command_end = b""  # what ends the client's lines, once one has ended
        self._unanswered: deque[Command] = deque(maxlen=FTP_COMMANDS_WAITING)

    @property
    def current(self) -> Command | None:
        """The command that the next reply answers."""
        return self._unanswered[0] if self._unanswered else None

    @property
    def awaited(self) -> Side | None:
        return Side.SERVER if self._unanswered or not self._greeted else Side.CLIENT

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        if server:
            return _recognize_greeting(server, client)
        return _recognize_line(client)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if side is Side.CLIENT:
            return self._read_command(inbox)
        told = self._replies.read(inbox)
        if told is None:
            return None
        self._answered(reply := Reply(**told._asdict()))
        return reply

    def _read_command(self, inbox: Inbox) -> Command | None:
        end = self._command_end or b"\n"
        try:
            line = inbox.line(FTP_COMMAND_BYTES + 1 - len(end), end, what="a command")
        except Wrong as wrong:
            wrong.reply = b"500 The line is too long.\r\n"
            raise
        if line is None:
            return None
        start = inbox.start - len(line)
        self._command_end = self._command_end or (b"\r\n" if line.endswith(b"\r\n") else b"\n")
        said = line.removesuffix(b"\n").removesuffix(b"\r")
        telnet = _TELNET.match(said)[0]  # type: ignore[index]  # it matches nothing, too
        verb, blank, argument = said[len(telnet) :].partition(b" ")
        if not re.fullmatch(rb"[!-~]*", verb):
            inbox.put_back(line)
            raise Wrong("a command is text", start, until=end, reply=b"500 What was that?\r\n")
        command = Command(
            verb=text(verb).upper(), argument=text(_plain(argument)), telnet=telnet,
            faults=() if line.endswith(b"\r\n") else ("it ends in a lone LF",),
        )  # fmt: skip
        if command.verb in _SECRET:
            self._hide(Side.CLIENT, start + len(telnet + verb + blank), start + len(said))
        self._asked(command)
        return command

    def _asked(self, command: Command) -> None:
        self._unanswered.append(command)
        if command.verb == "AUTH":
            self._hold(Side.CLIENT)

    def _answered(self, reply: Reply) -> None:
        if reply.kind == 1:
            return
        greeting = not self._greeted and (reply.code == 220 or not self._unanswered)
        self._greeted = True
        if greeting or not self._unanswered:  # 421 may come at any time (RFC 959 §5.4)
            return
        command = self._unanswered.popleft()
        if command.verb == "AUTH":
            self._authenticated(command, reply)
        elif reply.kind == 2:
            self._done(command)

    def _authenticated(self, command: Command, reply: Reply) -> None:
        if reply.code == 234 and command.argument.upper() in TLS_MECHANISMS:
            self._upgrade("tls")
        else:
            self._release(Side.CLIENT)

    def _done(self, command: Command) -> None:
        match command.verb:
            case "PROT":
                self.protection = command.argument.upper()
            case "REIN":
                self.protection = "C"
            case _:
                pass

    def _skip(self, side: Side, count: int) -> bool:
        # Which reply answers which command is not known any more; the next line is a line again.
        self._unanswered.clear()
        self._release(Side.CLIENT)
        if side is Side.SERVER:
            self._replies.forget()
        return True

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        match event:
            case Command():
                if "\n" in event.argument:
                    raise LocalProtocolError("an LF in an argument is the end of the command to most servers")
                return write_command(event)
            case replies.Reply():
                try:
                    return write_reply(event, coded=False)
                except ValueError as error:
                    raise LocalProtocolError(str(error)) from error
            case _:
                raise LocalProtocolError(f"FTP has no {type(event).__name__}")


def write_command(command: Command) -> bytes:
    """The bytes of a command."""
    argument = encoded(command.argument).replace(b"\xff", b"\xff\xff").replace(b"\r", b"\r\0")
    return command.telnet + encoded(command.verb) + (b" " + argument if argument else b"") + b"\r\n"


def _plain(argument: bytes) -> bytes:
    return argument.replace(b"\xff\xff", b"\xff").replace(b"\r\0", b"\r")


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────

_GREETING = re.compile(rb"(?:120[ -][^\n]*\n)*220(?:-.*?\n220)?(?: [^\n]*)?\r?\n", re.DOTALL)
_GREETS = re.compile(rb"[12]|12|22|(?:120|220)(?:$|[ \r\n-].*)", re.DOTALL)
_MAIL = re.compile(rb"smtp|lmtp", re.IGNORECASE)
_BEGINS = re.compile(rb"(?:USER|AUTH|FEAT|HOST|SYST|CLNT|OPTS|PBSZ)\b[^\n]*\n", re.IGNORECASE)
#: Four letters or fewer (RFC 959 §5.3.1), and what Telnet may have said before them.
_COMMAND = re.compile(rb"[\xf0-\xff]*[A-Z]{3,4}(?:[ \r\n]|\Z)|[\xf0-\xff]*[A-Z]{0,3}\Z", re.IGNORECASE)
_GREETS_MAIL = re.compile(rb"(?:EHLO|HELO|LHLO)\b", re.IGNORECASE)


def _recognize_greeting(server: bytes, client: bytes) -> Match:
    """SMTP greets with 220, too: what is said in the greeting decides, or what the client says first."""
    if not _GREETS.fullmatch(server):
        return Match.NO
    greeting = _GREETING.match(server)
    if greeting is None:
        return Match.WAIT
    if _MAIL.search(greeting[0]) or _GREETS_MAIL.match(client):
        return Match.NO
    if b"ftp" in greeting[0].lower() or _BEGINS.match(client):
        return Match.SURE
    if client and not _COMMAND.match(client):
        return Match.NO
    return Match.WAIT if client and b"\n" not in client else Match.MAYBE


def _recognize_line(client: bytes) -> Match:
    """No greeting was recorded. POP3 begins with USER as well; the USER of IRC has more arguments."""
    if re.match(rb"USER [^ \n]+\n|AUTH (?:TLS|SSL)\r?\n", client, re.IGNORECASE):
        return Match.MAYBE
    begins = b"\n" not in client and any(
        client.upper().startswith(word[: len(client)]) for word in (b"USER ", b"AUTH ")
    )
    return Match.WAIT if client and begins else Match.NO
