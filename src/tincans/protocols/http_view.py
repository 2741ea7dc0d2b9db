"""What a reader is shown of HTTP: heads as they are, bodies unpacked and in UTF-8."""

from __future__ import annotations

from tincans.channel import Side
from tincans.protocols.content import Content, media_type
from tincans.protocols.events import Event, Missing
from tincans.protocols.http_events import Body, Head, InterimResponse, MessageEnd
from tincans.protocols.view import View, Viewer


class _Shown:
    """The body that one side is in the middle of."""

    def __init__(self, head: Head | None, most: int) -> None:
        self.media, charset = media_type(head.field("content-type")) if head else ("", "")
        packed = f"{head.field('content-encoding')},{head.field('transfer-encoding')}" if head else ""
        codings = [coding.strip() for coding in packed.split(",")]
        self.content = Content([coding for coding in codings if coding.lower() != "chunked"], charset, most=most)
        self._said = ""

    def trouble(self) -> tuple[str, ...]:
        """What went wrong since this was last asked."""
        if self._said == self.content.trouble:
            return ()
        self._said = self.content.trouble
        return (f"! {self._said}",)


class HttpViewer(Viewer):
    """Knows of each side which body it is in the middle of; of a whole one nothing."""

    def __init__(self) -> None:
        self._shown: dict[Side, _Shown] = {}

    def view(self, event: Event) -> View:
        if isinstance(event, Head) and not isinstance(event, InterimResponse):
            self._shown[event.side] = _Shown(event, self.most)
        elif event.side not in self._shown:
            self._shown[event.side] = _Shown(None, self.most)
        shown = self._shown[event.side]
        match event:
            case Body():
                content = shown.content.feed(event.data)
                summary = f"{event.summary}, unpacked {len(content)}" if shown.content.is_packed else event.summary
                return View(summary, shown.trouble(), content, shown.media)
            case MessageEnd():
                return self._end(event, shown)
            case Missing():
                shown.content.lost()
        return super().view(event)

    def _end(self, event: MessageEnd, shown: _Shown) -> View:
        del self._shown[event.side]  # with what unpacked its body, which cannot always be copied
        content = shown.content.end()
        details = (*event.details, *shown.trouble())
        return View(event.summary, details, content or None, shown.media, silent=not (details or content))
