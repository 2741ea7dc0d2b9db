"""The panes of a chat, and what in them was not seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tincans.cli.chat_talk import News, Pane, Row, Talk, sentence
from tincans.clients.chat import Lost, Regained
from tincans.clients.chat_wire import (
    Away,
    Event,
    File,
    Invited,
    Joined,
    Kicked,
    Left,
    LoggedIn,
    Message,
    ModesSet,
    Person,
    Ping,
    Quit,
    Renamed,
    TopicSet,
    Whisper,
)
from tincans.limits import CHAT_SHOWN_ROWS

AT = datetime(2026, 11, 28, 3, tzinfo=UTC)
ANN, BOB = Person(nick="ann"), Person(nick="bob", account="robert")


def said(text: str, room: str = "#ops", nick: str = "bob", number: int = 1) -> Message:
    return Message(number=number, room=room, nick=nick, text=text, at=AT)


def talk_of(*rooms: str) -> Talk:
    """A talk of ann's with these rooms, turned to the first."""
    talk = Talk()
    talk.nick = "ann"
    for room in rooms:
        talk.pane(room)
    talk.turn_to(talk.panes[1])
    return talk


def names(talk: Talk) -> list[str]:
    return [pane.name for pane in talk.panes]


def test_rooms_come_before_people_and_are_found_whatever_their_case() -> None:
    talk = talk_of("#ops", "#lobby")
    talk.hear(Whisper(to="ann", nick="Bob", text="psst", at=AT))
    talk.pane("#builds")
    assert names(talk) == ["", "#ops", "#lobby", "#builds", "Bob"]
    assert talk.pane("bob") is talk.pane("BOB")


def test_what_is_not_seen_is_counted() -> None:
    talk = talk_of("#ops", "#lobby")
    talk.hear(said("here"))
    talk.hear(said("there", "#lobby"))
    talk.hear(said("ann: and you", "#lobby"))
    talk.hear(said("mine", "#lobby", "Ann"))
    lobby = talk.pane("#lobby")
    assert (talk.pane("#ops").unread, lobby.unread, lobby.mentions, talk.unread) == (0, 2, 1, 2)
    talk.turn_to_unread()
    assert (talk.current, lobby.unread, lobby.mentions) == (lobby, 0, 0)
    assert [row.text for row in lobby.rows if row.serial == lobby.marker] == ["ann: and you"]
    talk.turn(1)
    assert lobby.marker is None


def test_who_has_scrolled_back_has_not_seen_what_comes() -> None:
    talk = talk_of("#ops")
    talk.hear(said("one"))
    talk.current.bottom = (1, 0)
    talk.hear(said("two"))
    assert talk.current.unread == 1


@pytest.mark.parametrize(
    ("text", "mention"),
    [("ann", True), ("hello, Ann!", True), ("@ann?", True), ("anna", False), ("joann", False), ("ann-marie", False)],
)
def test_a_mention_is_a_word_of_its_own(text: str, mention: bool) -> None:
    row = talk_of("#ops").hear(said(text))
    assert row is not None
    assert row.mention is mention


def test_whispers_have_a_pane_for_each_person_and_are_for_us() -> None:
    talk = talk_of("#ops")
    row = talk.hear(Whisper(to="ann", nick="bob", text="psst", at=AT))
    talk.hear(Whisper(to="bob", nick="ann", text="what?", at=AT))
    assert row is not None
    assert row.mention
    pane = talk.pane("bob")
    assert [(each.nick, each.text) for each in pane.rows] == [("bob", "psst"), ("ann", "what?")]
    assert (pane.unread, pane.mentions) == (1, 1)


def test_panes_are_turned_to_and_closed() -> None:
    talk = talk_of("#a", "#b", "#c")
    talk.turn(-1)
    assert talk.current is talk.hub
    talk.turn(-1)
    assert talk.current.name == "#c"
    talk.close(talk.current)
    assert (names(talk), talk.current.name) == (["", "#a", "#b"], "#b")
    talk.close(talk.hub)
    assert talk.hub in talk.panes
    talk.close(talk.pane("#a"))
    assert talk.current.name == "#b"


def test_so_many_rows_are_kept_and_no_more() -> None:
    pane = Pane("#ops")
    for number in range(CHAT_SHOWN_ROWS + CHAT_SHOWN_ROWS // 10):
        pane.add(Row(0, AT, "say", "bob", str(number)))
    assert (len(pane.rows), pane.version) == (CHAT_SHOWN_ROWS + CHAT_SHOWN_ROWS // 10, 0)
    pane.is_whole = True
    pane.add(Row(0, AT, "say", "bob", "last"))
    assert (len(pane.rows), pane.rows[-1].text, pane.version, pane.is_whole) == (CHAT_SHOWN_ROWS, "last", 1, False)


def test_earlier_messages_come_before_the_others() -> None:
    talk = talk_of("#ops")
    talk.hear(said("five", number=5))
    talk.earlier(talk.current, [said("three", number=3), said("four", number=4)])
    talk.earlier(talk.current, [said("one", number=1), said("two", number=2)])
    rows = talk.current.rows
    assert [row.text for row in rows] == ["one", "two", "three", "four", "five"]
    assert [row.serial for row in rows] == sorted(row.serial for row in rows)
    assert talk.current.oldest == 1
    assert talk.unread == 0


def test_a_file_is_shown_with_its_link() -> None:
    talk = talk_of("#ops")
    file = File(name="a.pdf", size=3, url="/files/1/a.pdf")
    linked = talk.hear(Message(number=1, room="#ops", nick="bob", text="a.pdf http://h/files/1/a.pdf", file=file))
    bare = talk.hear(Message(number=2, room="#ops", nick="bob", text="a.pdf", file=file))
    assert linked is not None
    assert bare is not None
    assert (linked.text, bare.text) == ("a.pdf http://h/files/1/a.pdf", "a.pdf: /files/1/a.pdf")


def test_trouble_is_remembered_as_long_as_it_lasts() -> None:
    talk = talk_of("#ops")
    talk.hear(Lost(reason="the hub stops"))
    assert talk.trouble == "the hub was lost (the hub stops); calling it again"
    talk.hear(Regained())
    assert talk.trouble == ""
    assert [row.kind for row in talk.current.rows] == ["event", "event"]


def test_what_is_told_before_there_is_a_pane_is_shown_when_there_is_one() -> None:
    news, talk = News(), talk_of("#ops")
    news("one")
    news("listen!", loud=True)
    news("two")
    news.show(talk)
    news("three")
    assert [(row.kind, row.text, row.mention) for row in talk.current.rows] == [
        ("note", "one\ntwo", False), ("warning", "listen!", True), ("note", "three", False),
    ]  # fmt: skip


def test_whoever_prints_is_told_each_row_once() -> None:
    told: list[tuple[str, str]] = []
    talk = Talk(lambda pane, row: told.append((pane.name, row.text)))
    talk.hear(said("hello"))
    talk.note("a note")
    talk.hear(Ping())
    assert told == [("#ops", "hello"), ("", "a note")]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Joined(room="#a", who=BOB), "bob came"),
        (Left(room="#a", who=BOB), "bob left"),
        (Left(room="#a", who=BOB, text="tea"), "bob left: tea"),
        (Quit(who=BOB, text="killed"), "bob left the hub: killed"),
        (Renamed(nick="bob", new="rob"), "bob is called rob now"),
        (LoggedIn(who=BOB), "bob has logged in as robert"),
        (LoggedIn(who=ANN), "ann has logged out"),
        (TopicSet(room="#a", who=BOB, text="x"), "bob set the topic: x"),
        (TopicSet(room="#a", who=BOB, text=""), "bob took the topic away"),
        (ModesSet(room="#a", who=BOB, modes="+o ann"), "bob set +o ann"),
        (ModesSet(room="#a", who=None, modes="+o ann"), "the hub set +o ann"),
        (Kicked(room="#a", nick="eve", by=BOB, text="no"), "bob took eve out: no"),
        (Invited(room="#a", nick="Ann", by=BOB), "bob invites you to #a: /join #a"),
        (Invited(room="#a", nick="eve", by=BOB), "bob invited eve"),
        (Away(who=BOB, text="lunch"), "bob is away: lunch"),
        (Away(who=BOB), "bob is back"),
        (Ping(), ""),
    ],
)
def test_what_happens_is_a_sentence(event: Event, words: str) -> None:
    assert sentence(event, "ann") == words
