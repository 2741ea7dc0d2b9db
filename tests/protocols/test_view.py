"""What a reader is shown of events that know no more than themselves."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.protocols import Data, Event, Session
from tincans.protocols.lines import Line
from tincans.protocols.view import View, Viewer


class Request(Event, frozen=True, kw_only=True):
    @property
    def details(self) -> Iterator[str]:
        yield "Host: x"
        yield "Accept: y"


def test_an_event_is_its_summary_and_its_details() -> None:
    assert Viewer().view(Line(line="hi")) == View("hi\n")
    assert Viewer().view(Request()) == View("Request", ("Host: x", "Accept: y"))


def test_a_chunk_carries_what_it_is() -> None:
    assert Viewer().view(Data(data=b"\xff\x00")) == View("data, 2 bytes", (), b"\xff\x00", "")


def test_a_session_without_a_viewer_of_its_own_has_this_one() -> None:
    assert type(Session.viewer()) is Viewer
    assert Session.viewer() is not Session.viewer(), "one a conversation"
