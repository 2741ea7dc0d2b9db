"""What the SMTP and LMTP server answers: the transaction, the extensions, the bounds, logins."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivering import HELLO, USERS, calling, codes, deliver, dotted, hear, kept, plain, rest, say, texts
from posting import mail, store
from tincans.apps.mail.smtp_dialogue import House
from tincans.apps.mail.store import Mails
from tincans.limits import MAIL_BYTES, MAIL_RECIPIENTS, PIPELINED_COMMANDS, SMTP_ERRORS
from tincans.tasks import spawn


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with store(tmp_path / "mails") as found:
        yield found


# ── the transaction ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_as_the_rfc_has_it(mails: Mails) -> None:
    """RFC 5321 Appendix D."""
    async with calling(House(mails)) as channel:
        assert (await say(channel, "EHLO bar.example")).startswith("250-localhost|250-SIZE 2147483648|250-PIPELINING|")
        assert await say(channel, "MAIL FROM:<Smith@bar.example>") == "250 2.1.0 go on"
        assert await say(channel, "RCPT TO:<Jones@foo.example>") == "250 2.1.5 is taken"
        assert await say(channel, "RCPT TO:<Green@foo.example>") == "250 2.1.5 is taken"
        assert (await say(channel, "DATA")).startswith("354 ")
        await channel.send(dotted(HELLO))
        assert await hear(channel) == "250 2.0.0 kept as mail 1"
        assert await say(channel, "QUIT") == "221 2.0.0 goodbye"
        assert await rest(channel) == ""
    ((found, data),) = kept(mails)
    assert data == HELLO  # byte by byte: no Received, no Return-Path
    assert found.envelope.sender == "Smith@bar.example"
    assert found.envelope.recipients == ("Jones@foo.example", "Green@foo.example")
    assert found.envelope.hello == "bar.example"
    assert found.envelope.client.startswith("memory:")
    assert found.mailboxes == ("green@foo.example", "jones@foo.example")


async def test_one_mail_after_another_on_one_channel(mails: Mails) -> None:
    sent = [mail(f"number {number}") for number in range(5)]
    async with calling(House(mails)) as channel:
        await say(channel, "HELO x")
        for number, data in enumerate(sent):
            assert await deliver(channel, data) == f"250 2.0.0 kept as mail {number + 1}"
        assert await say(channel, "RSET") == "250 2.0.0 ok"
    assert texts(mails) == sent


async def test_it_means_the_same_whole_byte_by_byte_and_in_every_cut(mails: Mails) -> None:
    words = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
    text = dotted(HELLO) + b"MAIL FROM:<>\r\nRCPT TO:<e@f>\r\nBDAT 5\r\na\r\n.\rBDAT 3 LAST\r\n\n\0\xffNOOP\r\nQUIT\r\n"
    heard = set()
    for size in (1, 2, 7, 64, 10**6):
        async with calling(House(mails)) as channel:
            for said in (words, text):
                for start in range(0, len(said), size):
                    await channel.send(said[start : start + size])
                if said is words:
                    first = [await hear(channel) for _ in range(4)]
            replies = await rest(channel)
            heard.add(("|".join(first) + replies).replace(f"mail {mails.list()[0].number}", "mail N"))
    assert len({words[:-20] for words in heard}) == 5  # they differ in numbers of mails alone
    assert texts(mails) == [HELLO, b"a\r\n.\r\n\0\xff"] * 5


async def test_replies_to_a_group_come_in_one_piece(mails: Mails) -> None:
    """RFC 2920 §3.2."""
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        await channel.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<bad>\r\nDATA\r\n")
        received = await channel.receive()
        assert [line[:3] for line in received.decode().splitlines()] == ["250", "250", "501", "354"]
        await channel.send(b"x\r\n.\r\nRSET\r\nVRFY a\r\nQUIT\r\n")
        assert [line[:3] for line in (await channel.receive()).decode().splitlines()] == ["250", "250", "252", "221"]


@pytest.mark.parametrize("text", [b"DATA\r\n", b"BDAT 6 LAST\r\nRSET\r\n"])
@pytest.mark.parametrize(
    ("words", "replies"),
    [
        (b"MAIL FROM:<a@b> SIZE=101\r\nRCPT TO:<c@d>\r\n", ["552", "503", "503"]),
        (b"RCPT TO:<c@d>\r\n", ["503", "503"]),
        (b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOVEL=1\r\n", ["250", "555", "503"]),
        (b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\n", ["250", "250", "250", "503"]),
    ],
)
async def test_a_group_whose_beginning_is_refused(mails: Mails, text: bytes, words: bytes, replies: list[str]) -> None:
    """RFC 2920 §3.1: the client could not know."""
    async with calling(House(mails, most=100)) as channel:
        await say(channel, "EHLO x")
        await channel.send(words + text)
        assert [(await hear(channel))[:3] for _ in replies] == replies
        await say(channel, "RSET")
        assert (await deliver(channel, b"x\r\n"))[:3] == "250"
    assert texts(mails) == [b"x\r\n"]


async def test_commands_beside_the_transaction(mails: Mails) -> None:
    async with calling(House(mails)) as channel:
        assert (await say(channel, "MAIL FROM:<a@b>")) == "503 5.5.1 EHLO comes before MAIL"
        assert await codes(channel, "NOOP", "NOOP anything", "HELP", "HELP MAIL") == ["250", "250", "214", "214"]
        assert await codes(channel, "VRFY bob", "EXPN list", "VRFY", "RSET") == ["252", "550", "501", "250"]
        assert await say(channel, "HELO x") == "250 localhost"
        assert await say(channel, "TURN") == "500 5.5.1 that command is not known"
        assert (await say(channel, "EHLO")).startswith("501 5.5.4")
        await say(channel, "EHLO x")
        assert await say(channel, "PIPELINING") == "500 5.5.1 that command is not known"
        assert await say(channel, "STARTTLS") == "502 5.5.1 there is no STARTTLS here"
        assert await codes(channel, "RCPT TO:<a@b>", "DATA", "MAIL FROM:<a@b>", "DATA") == ["503", "503", "250", "503"]
        assert await codes(channel, "MAIL FROM:<a@b>", "RSET", "MAIL FROM:<>", "RCPT TO:<Postmaster>") == [
            "503", "250", "250", "250",
        ]  # fmt: skip
        assert await codes(channel, "EHLO again", "RCPT TO:<a@b>") == ["250", "503"]  # a hello is a RSET, too


async def test_a_mail_that_was_begun_is_forgotten(mails: Mails) -> None:
    """RSET, EHLO, QUIT, and a client that leaves in the middle."""
    async with calling(House(mails)) as channel:
        await codes(channel, "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
        await channel.send(b"BDAT 3\r\nabc")
        assert await hear(channel) == "250 2.0.0 the chunk is taken"
        assert await codes(channel, "RSET", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA") == ["250", "250", "250", "354"]
        await channel.send(b"a long text\r\n" * 10_000)
        await channel.send_eof()
        assert await rest(channel) == ""
    assert not kept(mails)


# ── extensions ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_offered(mails: Mails) -> None:
    async with calling(House(mails, most=1000)) as channel:
        offered = (await say(channel, "EHLO x")).replace("250-", "250 ").split("|250 ")
        assert offered == [
            "250 localhost", "SIZE 1000", "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN",
            "ENHANCEDSTATUSCODES", "HELP", "AUTH PLAIN LOGIN",
        ]  # fmt: skip
        assert await say(channel, "HELO x") == "250 localhost"
        assert (await say(channel, "MAIL FROM:<a@b> SIZE=1"))[:3] == "555"  # nothing was offered to a HELO


async def test_a_mail_is_as_long_as_its_limit_and_not_longer(mails: Mails) -> None:
    """RFC 1870 §6: when it is announced, and when it comes."""
    async with calling(House(mails, most=100)) as channel:
        await say(channel, "EHLO x")
        assert await codes(channel, "MAIL FROM:<a@b> SIZE=101", "MAIL FROM:<a@b> SIZE=100") == ["552", "250"]
        await codes(channel, "RCPT TO:<c@d>", "DATA")
        await channel.send(b"x" * 98 + b"\r\n.\r\n")
        assert (await hear(channel))[:3] == "250"
        assert await deliver(channel, b"x" * 99 + b"\r\n") == "552 5.3.4 so long a mail is not taken"
        assert await codes(channel, "MAIL FROM:<a@b>", "RCPT TO:<c@d>") == ["250", "250"]
        await channel.send(b"BDAT 100\r\n" + b"x" * 100 + b"BDAT 1 LAST\r\nx")
        assert [await hear(channel), await hear(channel)] == [
            "250 2.0.0 the chunk is taken", "552 5.3.4 so long a mail is not taken",
        ]  # fmt: skip
        assert (await deliver(channel, b"x\r\n"))[:3] == "250"
    assert [len(data) for data in texts(mails)] == [100, 3]
    assert House(mails).most == MAIL_BYTES


async def test_a_mail_that_has_no_room_on_the_disk_is_not_begun(mails: Mails) -> None:
    async with calling(House(mails, most=10**18)) as channel:
        await say(channel, "EHLO x")
        assert await say(channel, f"MAIL FROM:<a@b> SIZE={10**18}") == "452 4.3.1 there is not enough room on the disk"


async def test_binary_chunks_are_kept_as_they_are(mails: Mails) -> None:
    """RFC 3030: lone LFs, dots and zero bytes mean nothing in a chunk."""
    binary = bytes(range(256)) * 300 + b"\r\n.\r\n\n.\nQUIT\r\n"
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        await codes(channel, "MAIL FROM:<a@b> BODY=BINARYMIME", "RCPT TO:<c@d>")
        assert await say(channel, "DATA") == "503 5.5.1 binary text is sent by BDAT"
        half = len(binary) // 2
        await channel.send(b"BDAT %d\r\n%bBDAT 0\r\n" % (half, binary[:half]))
        assert [(await hear(channel))[:3], (await hear(channel))[:3]] == ["250", "250"]
        assert (await say(channel, "DATA")) == "503 5.5.1 after BDAT there is no DATA"
        await channel.send(b"BDAT %d LAST\r\n%b" % (len(binary) - half, binary[half:]))
        assert await hear(channel) == "250 2.0.0 kept as mail 1"
        await codes(channel, "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
        assert await say(channel, "BDAT 0 LAST") == "250 2.0.0 kept as mail 2"
    ((found, data), (_, empty)) = kept(mails)
    assert data == binary
    assert empty == b""
    assert found.envelope.parameters == {"BODY": "BINARYMIME"}


async def test_a_chunk_that_is_refused_passes_before_it_is_answered(mails: Mails) -> None:
    """RFC 3030 §2: what it holds is never read as commands."""
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        await channel.send(b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\nBDAT 0\r\nNOOP\r\n")
        assert [(await hear(channel))[:3] for _ in range(4)] == ["503", "503", "503", "250"]
        await channel.send(b"BDAT six\r\nMAIL FROM:<a@b>\r\n")
        assert await rest(channel) == "501 5.5.4 it is BDAT size [LAST], and nobody knows how much follows\r\n"


async def test_parameters_are_kept_with_the_envelope(mails: Mails) -> None:
    """DSN (RFC 3461), SMTPUTF8 (RFC 6531), AUTH (RFC 4954 §5)."""
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        await say(channel, "MAIL FROM:<grå@b> SIZE=10 BODY=8BITMIME SMTPUTF8 AUTH=<> RET=HDRS ENVID=QQ314159")
        await say(channel, "RCPT TO:<bø@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob@d")
        assert await say(channel, "RCPT TO:<e@f> NOTIFY=NEVER") == "250 2.1.5 is taken"
        assert (await say(channel, "RCPT TO:<e@f> NOTIFY=EVER"))[:9] == "501 5.5.4"
        assert (await say(channel, "RCPT TO:<e@f> RET=FULL"))[:9] == "555 5.5.4"
        assert (await say(channel, "RCPT TO:<e@f> NOVEL=1"))[:9] == "555 5.5.4"
        await codes(channel, "DATA")
        await channel.send(b"Subject: \xc3\xa5\r\n.\r\n")
        await hear(channel)
        assert (await say(channel, "MAIL FROM:<a@b> NOVEL"))[:9] == "555 5.5.4"
        assert (await say(channel, "MAIL FROM:<grå@b>"))[:9] == "553 5.6.7"
    ((found, _),) = kept(mails)
    assert found.envelope.sender == "grå@b"
    assert found.envelope.parameters == {
        "SIZE": "10", "BODY": "8BITMIME", "SMTPUTF8": "", "AUTH": "<>", "RET": "HDRS", "ENVID": "QQ314159",
    }  # fmt: skip
    assert found.envelope.recipient_parameters == {
        "bø@d": {"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;Bob@d"}, "e@f": {"NOTIFY": "NEVER"},
    }  # fmt: skip
    assert found.mailboxes == ("bø@d", "e@f")


async def test_lmtp_answers_for_each_recipient(mails: Mails) -> None:
    """RFC 2033 §4.2."""
    async with calling(House(mails, most=100)) as channel:
        assert "|250-PIPELINING|" in await say(channel, "LHLO x")
        for text, reply in (
            (b"x\r\n", "250 2.0.0 kept as mail 1"),
            (b"x" * 200, "552 5.3.4 so long a mail is not taken"),
        ):
            await codes(channel, "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<bad>", "RCPT TO:<e@f>", "DATA")
            await channel.send(text + b"\r\n.\r\nNOOP\r\n")
            assert [await hear(channel) for _ in range(3)] == [reply, reply, "250 2.0.0 ok"]
        await codes(channel, "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
        await channel.send(b"BDAT 2\r\nabBDAT 0 LAST\r\n")
        assert [(await hear(channel))[:3] for _ in range(3)] == ["250"] * 3
        assert await codes(channel, "MAIL FROM:<a@b>", "DATA") == ["250", "503"]
        assert await say(channel, "EHLO x") == (
            "503 5.5.1 LHLO is for LMTP, EHLO and HELO are for SMTP, and this channel is the other one"
        )
        assert await rest(channel) == ""
    assert texts(mails) == [b"x\r\n\r\n", b"ab"]


# ── limits of a dialogue ──────────────────────────────────────────────────────────────────────────────────────


async def test_so_many_recipients_and_no_more(mails: Mails) -> None:
    """RFC 5321 §4.5.3.1.10; all in one piece, and more than the session lets wait at once."""
    count = MAIL_RECIPIENTS + PIPELINED_COMMANDS
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        sending = spawn(
            channel.send(b"MAIL FROM:<a@b>\r\n" + b"".join(b"RCPT TO:<%d@d>\r\n" % n for n in range(count)))
        )
        replies = [await hear(channel) for _ in range(count + 1)]
        await sending
        assert {reply[:9] for reply in replies[: MAIL_RECIPIENTS + 1]} == {"250 2.1.0", "250 2.1.5"}
        assert set(replies[MAIL_RECIPIENTS + 1 :]) == {f"452 4.5.3 more than {MAIL_RECIPIENTS} recipients"}
        await codes(channel, "DATA")
        await channel.send(b".\r\n")
        assert (await hear(channel))[:3] == "250"
    ((found, _),) = kept(mails)
    assert len(found.envelope.recipients) == MAIL_RECIPIENTS


async def test_so_many_errors_and_no_more(mails: Mails) -> None:
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        assert await codes(channel, *["WHAT"] * SMTP_ERRORS) == ["500"] * SMTP_ERRORS
        assert await codes(channel, *["NOOP"] * (SMTP_ERRORS + 1)) == ["250"] * (SMTP_ERRORS + 1)
        assert await say(channel, "WHAT") == f"421 4.7.0 more than {SMTP_ERRORS} errors"
        assert await rest(channel) == ""


# ── logins ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_users_log_in_and_guests_may_send(mails: Mails) -> None:
    async with calling(House(mails, USERS)) as channel:
        assert "AUTH SCRAM-SHA-256 PLAIN LOGIN" in await say(channel, "EHLO x")
        assert (await deliver(channel))[:3] == "250"
        assert await say(channel, plain("ada", "wrong")) == "535 5.7.8 the name or the password is wrong"
        assert await say(channel, "AUTH CRAM-MD5") == "504 5.5.4 there is no such mechanism here"
        assert await say(channel, plain("ada", "ada's")) == "235 2.7.0 welcome"
        assert (await say(channel, plain("ada", "ada's")))[:3] == "503"
        assert (await deliver(channel))[:3] == "250"
    assert [(each.envelope.user, each.mailboxes) for each, _ in kept(mails)] == [
        ("", ("bob@example.org",)), ("ada", ("ada",)),
    ]  # fmt: skip


async def test_a_login_in_several_steps(mails: Mails) -> None:
    async with calling(House(mails, USERS)) as channel:
        await say(channel, "EHLO x")
        assert await say(channel, "AUTH LOGIN") == "334 VXNlcm5hbWU6"
        assert await say(channel, b64encode(b"bob").decode()) == "334 UGFzc3dvcmQ6"
        assert await say(channel, "*") == "501 5.7.0 the login was given up"
        assert await say(channel, "AUTH PLAIN") == "334 "
        assert (await say(channel, "!"))[:9] == "501 5.5.2"
        assert await say(channel, "AUTH LOGIN " + b64encode(b"bob").decode()) == "334 UGFzc3dvcmQ6"
        assert await say(channel, b64encode(b"bob's").decode()) == "235 2.7.0 welcome"


async def test_without_users_any_name_has_its_mailbox(mails: Mails) -> None:
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        assert (await say(channel, "AUTH SCRAM-SHA-256"))[:3] == "504"
        assert await say(channel, plain("team-a", "anything")) == "235 2.7.0 welcome"
        await deliver(channel)
    assert kept(mails)[0][0].mailboxes == ("team-a",)


async def test_where_no_guests_are_let_in_a_login_comes_first(mails: Mails) -> None:
    """RFC 4954 §6."""
    async with calling(House(mails, USERS, guests=False)) as channel:
        await say(channel, "EHLO x")
        assert await say(channel, "MAIL FROM:<a@b>") == "530 5.7.0 AUTH comes first"
        await say(channel, plain("ada", "ada's"))
        assert (await deliver(channel))[:3] == "250"
