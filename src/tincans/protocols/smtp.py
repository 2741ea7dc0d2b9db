"""SMTP (RFC 5321), read quickly where it is as usual: `smtp_reading` says what everything means.

A server hears the same over and over: a command that is there whole, or several, and the rest of a text with its end;
and says replies. Those are read without looking around, in a quarter of the time. All that they mean is
found by the same functions, and whatever is unusual goes the long way, from there on.
"""

from __future__ import annotations

from tincans.channel import Buffer, Side
from tincans.errors import RemoteProtocolError
from tincans.limits import REPLY_BYTES, SMTP_COMMAND_BYTES
from tincans.protocols.events import Event, text
from tincans.protocols.inbox import Wrong
from tincans.protocols.mail import DotText, Text
from tincans.protocols.smtp_commands import END, Reply, lines_in, written
from tincans.protocols.smtp_reading import SmtpReading


class SmtpSession(SmtpReading):
    """SMTP or LMTP."""

    def receive(self, side: Side, data: Buffer) -> list[Event]:
        """As `Session.receive`. Commands and texts that are there whole are read without looking around."""
        if side is Side.SERVER or type(data) is not bytes:
            return super().receive(side, data)
        events: list[Event] = []
        start = 0
        try:
            while start < len(data) and self._is_idle and (end := self._read_whole(data, start, events)):
                start = end
            if start < len(data) or not start:
                events += super().receive(side, data[start:])
        except RemoteProtocolError as error:
            error.before = (*events, *error.before)
            raise
        return events

    @property
    def _is_idle(self) -> bool:
        """Whether a strict session has read all that was said, and what comes next means what it says."""
        return (
            self.strict and self._failed is None and self.upgraded is None and self._login is None
            and not (self._held or self._lost or self._chunk or self._is_last or self.boundaries)
            and not (self._inboxes[Side.CLIENT].data or self._inboxes[Side.SERVER].data)
        )  # fmt: skip

    def _read_whole(self, data: bytes, start: int, events: list[Event]) -> int:
        """Read a command or a text that begins at `start`; where it ends, or 0 where it is better read the long way."""
        if self._text is not None:
            return self._take_text(self._text, data, start, events)
        end = data.find(b"\n", start) + 1
        is_usual = end - start <= SMTP_COMMAND_BYTES and data.endswith(b"\r\n", start, end)
        if not is_usual or (end < len(data) and data[start] in b"Ss"):  # STARTTLS has to see what comes behind it
            return 0
        self._take_line(data[start:end], events)
        return end

    def _take_line(self, line: bytes, events: list[Event]) -> None:
        inbox = self._inboxes[Side.CLIENT]
        inbox.start += len(line)
        try:
            event = self._command(inbox, line, text(line[:-2]))
        except Wrong as wrong:
            events += self._wrong(Side.CLIENT, wrong)
        else:
            events.append(self._stamped(Side.CLIENT, event))
            if self._is_last:  # BDAT 0 LAST ends a mail
                events += self._run(Side.CLIENT)

    def _take_text(self, reading: DotText, data: bytes, start: int, events: list[Event]) -> int:
        piece, end = reading.whole_lines(data, start)
        if not piece:
            return 0
        inbox = self._inboxes[Side.CLIENT]
        inbox.start += end - start
        events.append(self._stamped(Side.CLIENT, Text(data=piece)))
        if data.startswith(b".\r\n", end):
            end += len(b".\r\n")
            inbox.start += len(b".\r\n")
            self._ask(END)
            events.append(self._stamped(Side.CLIENT, self._end_text(reading)))
        return end

    def send(self, side: Side, event: Event) -> bytes:
        """As `Session.send`. A reply need not be read back: one that was built is heard as what it is."""
        if side is Side.CLIENT or type(event) is not Reply or not self._is_told_at_once:
            return super().send(side, event)
        data = written(event)
        if len(data) > REPLY_BYTES:
            return super().send(side, event)
        inbox = self._inboxes[side]
        inbox.start += len(data)
        self._marks[side] = inbox.start
        self._answered(event.code, lines_in(event))
        return data

    @property
    def _is_told_at_once(self) -> bool:
        """Whether a strict session has nothing of the server's left to read, and no reply changes the protocol."""
        return (
            self.strict and self._failed is None and self.upgraded is None
            and not self._inboxes[Side.SERVER].data and "STARTTLS" not in self._pending
        )  # fmt: skip
