"""How the IRC door writes what happens: once for all who want it alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ircing import chat
from tincans.apps.chat.events import Message, Said, Tagged, Who
from tincans.apps.chat.irc.forms import form_of, parts_of, stamp
from tincans.apps.chat.irc.member import IrcMember
from tincans.limits import IRC_MESSAGE_BYTES

ANN = Who("ann", "ann", "host")


def form_with(*caps: str) -> object:
    return form_of(frozenset(caps), "hub", "")


def said(text: str) -> Said:
    return Said(at=1, message=Message(number=1, at=1, room="#tea", who=ANN, text=text, id="x"))


def test_the_same_capabilities_are_one_form() -> None:
    assert form_with("setname", "chghost") is form_with("chghost", "setname")
    assert form_with("setname") is not form_with("chghost")
    assert form_with("batch", "echo-message", "setname", "sasl") is form_with("setname", "multi-prefix")
    assert form_of(frozenset(), "hub", "http://a") is not form_of(frozenset(), "hub", "http://b")


async def test_members_of_one_form_are_told_the_same_bytes() -> None:
    async with chat() as house:
        for nick in ("ann", "bob", "eve"):
            await house.enter(nick, "#tea", caps="server-time")
        forms = {id(member.form) for member in house.hub.people.values() if isinstance(member, IrcMember)}
        assert len(forms) == 1


def test_a_time_has_milliseconds() -> None:
    assert stamp(0) == "1970-01-01T00:00:00.000Z"
    assert stamp(1_800_000_000_987_654_321) == "2027-01-15T08:00:00.987Z"


@given(st.text(), st.integers(min_value=8, max_value=40))
def test_a_text_in_parts_is_whole_and_no_part_is_too_long(text: str, most: int) -> None:
    parts = list(parts_of(text, most))
    assert all(0 < len(part) <= most and not set(part) & set(b"\r\n\0") for part in parts)
    words = text.encode("utf-8", "replace").decode().replace("\0", " ").split()
    assert "".join(b"".join(parts).decode().split()) == "".join(words)


@given(st.text(min_size=1, max_size=2000), st.sampled_from(["say", "act", "notice"]))
def test_no_line_is_longer_than_irc_allows(text: str, kind: str) -> None:
    form = form_of(frozenset({"message-tags", "server-time", "account-tag"}), "hub", "")
    message = Message(number=1, at=1, room="#tea", who=ANN, text=text, id="x", kind=kind)  # type: ignore[arg-type]
    for line in form.message(message).splitlines(keepends=True):
        tags, _, rest = line.partition(b" ")
        assert tags == b"@time=1970-01-01T00:00:00.000Z;msgid=x;account=ann"
        assert len(rest) <= IRC_MESSAGE_BYTES


def test_what_a_form_has_no_use_for_is_not_written() -> None:
    tagged = Tagged(at=1, who=ANN, to="#tea", tags={"+typing": "active"}, id="x")
    assert form_of(frozenset(), "hub", "").write(tagged) == b""
    assert form_of(frozenset({"message-tags"}), "hub", "").write(tagged) == (
        b"@msgid=x;+typing=active :ann!ann@host TAGMSG #tea\r\n"
    )


def test_an_account_with_an_at_does_not_begin_the_host() -> None:
    assert Who("ann", "ann@example.org", "host").source == "ann!ann_example.org@host"
