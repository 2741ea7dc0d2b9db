"""A chat on a whole terminal: what was said above, two bars, and a line to type in (prompt_toolkit).

All that is decided is decided elsewhere: the panes and what is in them (`chat_talk.py`), their lines (`chat_lines.py`),
the bars (`chat_bars.py`), what a line means (`chat_words.py`). Here they meet keys and a screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    BufferControl,
    CompletionsMenu,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    UIContent,
    UIControl,
    VSplit,
    Window,
)
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from tincans.cli.chat_bars import foot, head, prompt
from tincans.cli.chat_lines import COLOURS, Line, View
from tincans.cli.chat_party import Party
from tincans.cli.chat_talk import Pane, Row, Talk
from tincans.cli.chat_words import completions
from tincans.tasks import spawn

#: Seconds between two drawings, at least: what comes faster is drawn together.
_DRAWN_SECONDS = 0.02

_GREY = "#808080"

STYLE = Style.from_dict({
    **{f"nick{number}": f"bold {colour}" for number, colour in enumerate(COLOURS)},
    "time": _GREY, "event": _GREY, "day": _GREY, "new": COLOURS[0], "note": COLOURS[6], "error": f"bold {COLOURS[0]}",
    "warning": f"bold {COLOURS[0]}",
    "notice": COLOURS[2], "mention": "reverse bold", "head": "reverse", "foot": "reverse", "status": "reverse bold",
    "current": "bold", "unread": "reverse bold", "called": f"bold reverse {COLOURS[0]}", "prompt": "bold",
})  # fmt: skip

LEAVING = "Ctrl-C once more leaves, and so do Ctrl-D and /quit"


class _Body(UIControl):
    """The lines of the pane that is turned to, the newest at the bottom."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._views: dict[Pane, View] = {}
        self.height = 1

    def create_content(self, width: int, height: int) -> UIContent:
        self.height = height
        view = self.view
        view.refresh(width, self._talk.nick)
        seen = view.seen(height)
        lines: list[Line] = [[]] * (height - len(seen)) + seen
        return UIContent(get_line=lambda number: [*lines[number]], line_count=len(lines), show_cursor=False)

    @property
    def view(self) -> View:
        """Of the pane that is turned to; those of panes that are closed are forgotten."""
        pane = self._talk.current
        if pane not in self._views:
            self._views = {each: view for each, view in self._views.items() if each in self._talk.panes}
            self._views[pane] = View(pane)
        return self._views[pane]


class _Words(Completer):
    def __init__(self, party: Party) -> None:
        self._party = party

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        for text, replaced in completions(document.text_before_cursor, self._party.known):
            yield Completion(text, -replaced, display=text.strip())


class Screen:
    """The terminal, while `run` runs."""

    def __init__(
        self, party: Party, *, bell: bool = True, keyboard: Input | None = None, output: Output | None = None
    ) -> None:  # fmt: skip
        """`keyboard` and `output` are by default the terminal's."""
        self._party, self._talk, self._bell = party, party.talk, bell
        self._warned = False  # that Ctrl-C leaves
        self.body = _Body(self._talk)
        self.buffer = Buffer(
            completer=_Words(party), history=InMemoryHistory(), accept_handler=self._accept, multiline=False
        )
        self.app: Application[None] = Application(
            self._layout(), style=STYLE, full_screen=True, key_bindings=self._keys(), input=keyboard, output=output,
            min_redraw_interval=_DRAWN_SECONDS, enable_page_navigation_bindings=False,
        )  # fmt: skip
        party.changed = self.app.invalidate
        self._talk.told = self._told

    # ── what is seen ──────────────────────────────────────────────────────────────────────────────────────

    def _layout(self) -> Layout:
        typing = Window(
            BufferControl(self.buffer), height=Dimension(min=1, max=3), wrap_lines=True, dont_extend_height=True
        )
        before = Window(
            FormattedTextControl(lambda: [*prompt(self._talk, self._width)]), dont_extend_width=True, height=1
        )
        whole = HSplit([
            Window(FormattedTextControl(lambda: [*head(self._talk, self._hub, self._width)]), height=1),
            Window(self.body),
            Window(FormattedTextControl(lambda: [*foot(self._talk, self._status, self._width)]), height=1),
            VSplit([before, typing]),
        ])  # fmt: skip
        menu = Float(CompletionsMenu(max_height=6, scroll_offset=1), xcursor=True, ycursor=True)
        return Layout(FloatContainer(whole, [menu]), focused_element=typing)

    @property
    def _width(self) -> int:
        return self.app.output.get_size().columns

    @property
    def _hub(self) -> str:
        return self._party.chat.welcome.hub

    @property
    def _status(self) -> str:
        """How things stand, what matters most first."""
        if self._talk.trouble:
            return self._talk.trouble
        if self._talk.current.bottom is not None:
            new = self._talk.current.unread
            return f"{new} new below, PageDown" if new else "PageDown goes on"
        if self._party.progress:
            return self._party.progress
        return f"{self._party.waiting} on the way" if self._party.waiting else ""

    def _told(self, pane: Pane, row: Row) -> None:
        self.app.invalidate()
        if row.mention and self._bell:
            self.app.output.bell()

    # ── what is typed ─────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, buffer: Buffer) -> bool:
        self._talk.current.see_end()
        self._warned = False
        self._party.typed(buffer.text)
        return False  # the line is emptied

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        for key, step in (("c-n", 1), ("c-p", -1)):
            keys.add(key)(lambda event, step=step: self._talk.turn(step))
        for number in range(10):
            keys.add("escape", str(number))(lambda event, number=number: self._turn_to(number))
        keys.add("escape", "enter")(lambda event: self.buffer.insert_text("\n"))
        keys.add("escape", "a")(lambda event: self._talk.turn_to_unread())
        keys.add("pageup")(lambda event: self._scroll(1 - self.body.height))
        keys.add("pagedown")(lambda event: self._scroll(self.body.height - 1))
        keys.add("c-home")(lambda event: self._scroll(-len(self.body.view.lines)))
        keys.add("c-end")(lambda event: self._scroll(len(self.body.view.lines)))
        keys.add("c-c")(self._interrupt)
        keys.add("c-d")(self._end)
        keys.add("c-z")(lambda event: event.app.suspend_to_background())
        return keys

    def _turn_to(self, number: int) -> None:
        if number < len(self._talk.panes):
            self._talk.turn_to(self._talk.panes[number])

    def _scroll(self, by: int) -> None:
        view = self.body.view
        view.scroll(by, self.body.height)
        if by < 0 and view.is_at_top(self.body.height):
            self._party.look_back(self._talk.current)

    def _interrupt(self, event: KeyPressEvent) -> None:
        if self.buffer.text:
            self.buffer.reset()
        elif self._warned:
            self._party.leave()
        else:
            self._talk.note(LEAVING)
            self._warned = True

    def _end(self, event: KeyPressEvent) -> None:
        if self.buffer.text:
            self.buffer.delete()
        else:
            self._party.leave()

    # ── running ───────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Until the party is over."""
        watching = spawn(self._watch())
        try:
            await self.app.run_async(handle_sigint=False)
        except EOFError:  # the terminal is gone
            self._party.leave()
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        await asyncio.wait([self._party.over])
        self.app.exit()
