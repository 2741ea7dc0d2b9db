"""The POP3 server, as transcripts: what a client says, and what it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import re
import subprocess
import sys
import tracemalloc
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from posting import mail, put, store
from running import Certificates
from tincans.address import Address
from tincans.apps import find_app
from tincans.apps.mail.pop3 import Pop3Server
from tincans.apps.mail.pop3_dialogue import House
from tincans.apps.mail.store import Envelope, Mails
from tincans.apps.settings import Settings
from tincans.channel import Buffered
from tincans.client import connect
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream, UsageError
from tincans.limits import LOGIN_ATTEMPTS, PIPELINED_COMMANDS, POP3_COMMAND_BYTES, POP3_LINES_A_TURN, SASL_BYTES
from tincans.recording import secure
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair
from tincans.transports.tls import client_wrap
from tincans.users import Users, Verifier

USERS = Users({name: str(Verifier.of(f"{name}'s", rounds=1)) for name in ("ada", "bob")})


@contextlib.asynccontextmanager
async def calling(house: House) -> AsyncIterator[Buffered]:
    """A client's channel to a server that has greeted it."""
    client, server = memory_pair()
    app = Pop3Server(lambda: house._replace(mails=Mails.open(house.mails.folder.path)))
    await app.start()
    answering = spawn(app(server))
    try:
        async with Buffered(client) as channel:
            assert (await channel.receive_until(b"\r\n")).startswith(b"+OK")
            yield channel
        with contextlib.suppress(EndOfStream, ChannelClosed, ChannelBroken):  # as a server takes them
            await answering
    finally:
        app.close()


async def say(channel: Buffered, words: str) -> str:
    """Say one command; the line that answers it."""
    await channel.send_line(words, b"\r\n")
    return (await channel.receive_until(b"\r\n")).decode()


async def behind(channel: Buffered) -> bytes:
    """What follows a status, with its doubled dots."""
    return await channel.receive_until(b"\r\n.\r\n", 10**9) + b"\r\n"


async def talk(house: House, *words: str) -> str:
    """All that is answered to these commands, said one after the other, and to a QUIT if that is not among them."""
    async with calling(house) as channel:
        await channel.send("".join(f"{each}\r\n" for each in [*words, "QUIT"]).encode())
        return b"".join([data async for data in channel]).decode()


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with store(tmp_path / "mails") as found:
        yield found


# ── the transaction ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_session_as_the_rfc_has_it(mails: Mails) -> None:
    one, two = mail("one", "first"), mail("two", ".second", "..", ".")
    put(mails, one)
    put(mails, two)
    put(mails, one, "cy@example.org")
    async with calling(House(mails)) as channel:
        assert await say(channel, "USER bob") == "+OK and the password?"
        assert await say(channel, "PASS any thing") == f"+OK you have 2 mails ({len(one + two)} bytes)"
        assert await say(channel, "STAT") == f"+OK 2 {len(one + two)}"
        assert await say(channel, "LIST 2") == f"+OK 2 {len(two)}"
        assert (await say(channel, "LIST")).startswith("+OK")
        assert await behind(channel) == f"1 {len(one)}\r\n2 {len(two)}\r\n".encode()
        assert await say(channel, "RETR 1") == f"+OK {len(one)} bytes"
        assert await behind(channel) == one
        assert await say(channel, "RETR 2") == f"+OK {len(two)} bytes"
        assert await behind(channel) == mail("two", "..second", "...", "..")
        assert (await say(channel, "DELE 1")).startswith("+OK")
        assert await say(channel, "STAT") == f"+OK 1 {len(two)}"
        assert await say(channel, "NOOP") == "+OK"
        for gone in (
            "DELE 1",
            "RETR 1",
            "TOP 1 0",
            "LIST 1",
            "UIDL 1",
            "RETR 0",
            "RETR 3",
            "RETR 9999999999999",
        ):
            assert await say(channel, gone) == "-ERR there is no such mail"
        assert (await say(channel, "LIST")).startswith("+OK")
        assert await behind(channel) == f"2 {len(two)}\r\n".encode()
        assert await say(channel, "QUIT") == "+OK goodbye"
        with pytest.raises(EndOfStream):
            await channel.receive()
    assert [letter[0] for letter in mails.letters(["bob@example.org"])] == [2]


async def test_what_is_reset_is_not_deleted(mails: Mails) -> None:
    put(mails)
    said = await talk(House(mails), "USER bob", "PASS x", "DELE 1", "RSET", "STAT")
    assert said.splitlines()[-3:-1] == ["+OK you have 1 mail (25 bytes)", "+OK 1 25"]
    assert mails.count() == 1


async def test_without_a_quit_nothing_is_deleted(mails: Mails) -> None:
    put(mails)
    async with calling(House(mails)) as channel:
        await say(channel, "USER bob")
        await say(channel, "PASS x")
        assert (await say(channel, "DELE 1")).startswith("+OK")
    assert mails.count() == 1


async def test_a_quit_before_the_login_deletes_nothing(mails: Mails) -> None:
    put(mails)
    assert (await talk(House(mails))).splitlines() == ["+OK goodbye"]
    assert mails.count() == 1


async def test_what_was_read_is_seen_after_the_quit(mails: Mails) -> None:
    read, listed = put(mails), put(mails)
    await talk(House(mails), "USER bob", "PASS x", "RETR 1", "TOP 2 0")
    assert mails.get(read).seen
    assert not mails.get(listed).seen


async def test_a_mail_that_came_meanwhile_is_for_the_next_session(mails: Mails) -> None:
    put(mails)
    async with calling(House(mails)) as channel:
        await say(channel, "USER bob")
        await say(channel, "PASS x")
        put(mails)
        assert await say(channel, "STAT") == "+OK 1 25"
    assert "+OK 2 50" in await talk(House(mails), "USER bob", "PASS x", "STAT")


async def test_a_mail_that_went_meanwhile_is_said_so(mails: Mails) -> None:
    number = put(mails)
    async with calling(House(mails)) as channel:
        await say(channel, "USER bob")
        await say(channel, "PASS x")
        mails.delete(number)
        assert await say(channel, "RETR 1") == "-ERR [SYS/TEMP] the mail is gone"
        assert await say(channel, "DELE 1") == "+OK it will be deleted at QUIT"
        assert await say(channel, "QUIT") == "+OK goodbye"


async def test_names_stay_for_ever_and_are_never_anothers(mails: Mails) -> None:
    numbers = [put(mails) for _ in range(3)]
    logged_in = ("USER bob", "PASS x")
    first = (await talk(House(mails), *logged_in, "UIDL")).splitlines()[3:6]
    names = [line.split()[1] for line in first]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[!-~]{1,70}", name) for name in names)
    mails.delete(numbers[0])
    put(mails)
    second = (await talk(House(mails), *logged_in, "UIDL", "UIDL 1")).splitlines()
    assert second[3:5] == [f"1 {names[1]}", f"2 {names[2]}"]
    assert second[5].split()[1] not in names
    assert second[7] == f"+OK 1 {names[1]}"


@pytest.mark.parametrize(
    ("lines", "body"), [(0, ""), (1, "one\r\n"), (2, "one\r\n..two\r\n"), (9, "one\r\n..two\r\n\r\nthree\r\n")]
)
async def test_the_top_of_a_mail(mails: Mails, lines: int, body: str) -> None:
    put(mails, b"Subject: top\r\n folded\r\n\r\none\r\n.two\r\n\r\nthree\r\n")
    async with calling(House(mails)) as channel:
        await say(channel, "USER bob")
        await say(channel, "PASS x")
        assert await say(channel, f"TOP 1 {lines}") == "+OK"
        assert (await behind(channel)).decode() == f"Subject: top\r\n folded\r\n\r\n{body}"


async def test_a_mail_of_many_megabytes_takes_no_memory(mails: Mails) -> None:
    line = b"." + b"x" * 70 + b"\r\n"
    count = 300_000
    with mails.begin(Envelope(recipients=("bob@example.org",))) as incoming:
        for _ in range(count // 1000):
            incoming.write(line * 1000)
        incoming.commit()
    async with calling(House(mails)) as channel:
        await say(channel, "USER bob")
        await say(channel, "PASS x")
        tracemalloc.start()
        await say(channel, "RETR 1")
        digest = hashlib.sha256()
        left = count * (len(line) + 1) + 3
        while left:
            data = await channel.receive()
            left -= len(data)
            digest.update(data)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 2_000_000
    assert digest.digest() == hashlib.sha256(b"".join([b"." + line] * count) + b".\r\n").digest()


async def test_a_long_list_is_made_in_pieces(mails: Mails) -> None:
    for _ in range(POP3_LINES_A_TURN + 1):
        put(mails, b"x")
    said = (await talk(House(mails), "USER bob", "PASS x", "LIST")).splitlines()
    assert said[3:-2] == [f"{number} 1" for number in range(1, POP3_LINES_A_TURN + 2)]


# ── who sees what ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "count"),
    [("bob", 3), ("bob@a.org", 1), ("BOB@a.org", 1), ("cy", 1), ("dörte", 1), ("nobody", 0), ("all", 5)],
)
async def test_a_name_opens_its_mailboxes(mails: Mails, name: str, count: int) -> None:
    put(mails, b"1", user="bob")
    put(mails, b"2", "bob@a.org")
    put(mails, b"3", "bob@b.org")
    put(mails, b"4", "cy@a.org")
    put(mails, b"5", "Dörte@a.org")
    assert f"+OK you have {count} mail" in await talk(House(mails), f"USER {name}", "PASS x")


async def test_all_is_a_name_like_any_other_where_users_are_known(mails: Mails) -> None:
    users = Users({"all": str(Verifier.of("x", rounds=1))})
    put(mails)
    assert "+OK you have 0 mails" in await talk(House(mails, users), "USER all", "PASS x")


async def test_who_deletes_takes_a_mail_out_of_the_own_mailboxes_alone(mails: Mails) -> None:
    number = put(mails, b"1", "bob@a.org", "bob@b.org", "cy@a.org")
    await talk(House(mails), "USER bob", "PASS x", "DELE 1")
    assert mails.get(number).mailboxes == ("cy@a.org",)
    await talk(House(mails), "USER all", "PASS x", "DELE 1")
    assert mails.count() == 0


@pytest.mark.parametrize(
    ("one", "other", "free"),
    [
        ("bob", "bob", False),
        ("bob", "BOB", False),  # the same addresses
        ("bob", "bob@a.org", False),
        ("bob@a.org", "bob", False),
        ("bob@a.org", "bob@b.org", True),
        ("bob", "cy", True),
        ("all", "bob", False),
        ("bob@a.org", "all", False),
        ("all", "all", False),
    ],
)
async def test_a_mailbox_is_opened_by_one_at_a_time(mails: Mails, one: str, other: str, free: bool) -> None:
    async with calling(House(mails)) as channel:
        await say(channel, f"USER {one}")
        assert (await say(channel, "PASS x")).startswith("+OK")
        said = await talk(House(mails), f"USER {other}", "PASS x")
        assert said.splitlines()[1].startswith("+OK") is free
        assert free or "-ERR [IN-USE] somebody else has opened this mailbox" in said
    assert "-ERR" not in await talk(House(mails), f"USER {other}", "PASS x")


async def test_a_mailbox_that_another_process_has_opened_is_in_use(mails: Mails) -> None:
    script = """
import sys
from tincans.apps.mail.pop3_maildrop import Maildrop
from tincans.apps.mail.store import Envelope, Mails
drop = Maildrop(Mails.open(sys.argv[1]), "bob", anybody=True)
print("open", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(mails.folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"open\n"
        assert "[IN-USE]" in await talk(House(mails), "USER bob", "PASS x")
        process.kill()
        await asyncio.to_thread(process.communicate)
    assert "[IN-USE]" not in await talk(House(mails), "USER bob", "PASS x")


# ── the login ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_right_password_lets_in_and_a_wrong_one_does_not(mails: Mails) -> None:
    house = House(mails, USERS, rest=0)
    wrong = "-ERR [AUTH] the name or the password is wrong"
    assert "+OK you have 0 mails" in await talk(house, "USER bob", "PASS bob's")
    for name, password in [("bob", "ada's"), ("nobody", "x"), ("bob", "")]:
        assert (await talk(house, f"USER {name}", f"PASS {password}")).splitlines()[1] == wrong


async def test_who_guesses_is_sent_away(mails: Mails) -> None:
    async with calling(House(mails, USERS, rest=0)) as channel:
        for _ in range(LOGIN_ATTEMPTS):
            await say(channel, "USER bob")
            assert (await say(channel, "PASS wrong")).startswith("-ERR [AUTH]")
        with pytest.raises(EndOfStream):
            await channel.receive()


async def test_one_who_guessed_less_may_come_in(mails: Mails) -> None:
    guesses = ["USER bob", "PASS wrong"] * (LOGIN_ATTEMPTS - 1)
    assert "+OK you have" in await talk(House(mails, USERS, rest=0), *guesses, "USER bob", "PASS bob's")


async def test_a_wrong_password_is_thought_about(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        rested.append(seconds)
        await real(0)

    monkeypatch.setattr("tincans.apps.mail.pop3_dialogue.asyncio.sleep", sleep)
    await talk(House(mails, USERS, rest=7), "USER bob", "PASS wrong")
    assert 7 in rested
    rested.clear()
    await talk(House(mails, USERS, rest=7), "USER bob", "PASS bob's")
    assert 7 not in rested


def sasl(*parts: str) -> str:
    return b64encode("\0".join(parts).encode()).decode()


async def test_sasl_plain_with_and_without_an_initial_response(mails: Mails) -> None:
    house = House(mails, USERS, rest=0)
    plain = sasl("", "bob", "bob's")
    assert "+OK you have" in await talk(house, f"AUTH PLAIN {plain}")
    assert (await talk(house, "AUTH plain", plain)).startswith("+ \r\n+OK you have")
    assert "-ERR [AUTH]" in await talk(house, f"AUTH PLAIN {sasl('', 'bob', 'x')}")
    assert "-ERR that is no response of this mechanism" in await talk(house, "AUTH PLAIN =")
    assert "-ERR the login was given up" in await talk(house, "AUTH PLAIN", "*")
    assert "-ERR that is no response of this mechanism" in await talk(house, "AUTH PLAIN", "AAAA====")


async def test_sasl_login(mails: Mails) -> None:
    said = await talk(House(mails, USERS, rest=0), "AUTH LOGIN", sasl("bob"), sasl("bob's"))
    assert [b64decode(line[2:]) for line in said.splitlines()[:2]] == [b"Username:", b"Password:"]
    assert "+OK you have" in said


async def test_sasl_scram_proves_both(mails: Mails) -> None:
    async with calling(House(mails, USERS, rest=0)) as channel:
        first = "n=bob,r=abc"
        challenge = b64decode((await say(channel, f"AUTH SCRAM-SHA-256 {sasl('n,,' + first)}"))[2:]).decode()
        nonce, salt, rounds = (part[2:] for part in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", b"bob's", b64decode(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", "sha256")
        last = f"c=biws,r={nonce}"
        signed = f"{first},{challenge},{last}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        server = b64decode((await say(channel, sasl(f"{last},p={proof}")))[2:])
        expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        assert server == b"v=" + b64encode(expected)
        assert (await say(channel, "")).startswith("+OK you have")


async def test_a_mechanism_that_is_none(mails: Mails) -> None:
    assert "-ERR I know PLAIN, LOGIN alone" in await talk(House(mails), "AUTH SCRAM-SHA-256")
    for other in ("NTLM", "SCRAM-SHA-256-PLUS"):
        said = await talk(House(mails, USERS), f"AUTH {other}")
        assert "-ERR I know SCRAM-SHA-256, PLAIN, LOGIN alone" in said


# ── what may be said when ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("STAT", "-ERR STAT comes after the login"),
        ("RETR 1", "-ERR RETR comes after the login"),
        ("PASS x", "-ERR USER comes before PASS"),
        ("USER", "-ERR USER does not have such an argument"),
        ("AUTH", "-ERR AUTH does not have such an argument"),
        ("LANG", "-ERR there is no LANG here"),
        ("APOP bob 0123456789abcdef0123456789abcdef", "-ERR there is no APOP here"),
        ("STLS", "-ERR there is no TLS here"),
        ("HELO you", "-ERR that command is not known"),
        ("", "-ERR that command is not known"),
        ("UTF8", "+OK mails are given as they were sent"),
        ("quit", "+OK goodbye"),
    ],
)
async def test_before_the_login(mails: Mails, words: str, answer: str) -> None:
    async with calling(House(mails)) as channel:
        assert await say(channel, words) == answer


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("USER bob", "-ERR USER comes before the login"),
        ("AUTH PLAIN", "-ERR AUTH comes before the login"),
        ("STLS", "-ERR STLS comes before the login"),
        ("RETR", "-ERR RETR does not have such an argument"),
        ("RETR x", "-ERR RETR does not have such an argument"),
        ("TOP 1", "-ERR TOP does not have such an argument"),
        ("STAT 1", "-ERR STAT does not have such an argument"),
        ("LAST", "-ERR that command is not known"),
    ],
)
async def test_after_the_login(mails: Mails, words: str, answer: str) -> None:
    async with calling(House(mails)) as channel:
        await say(channel, "USER bob")
        await say(channel, "PASS x")
        assert await say(channel, words) == answer


async def test_pass_right_after_a_failed_one_wants_a_user_again(mails: Mails) -> None:
    said = await talk(House(mails, USERS, rest=0), "USER bob", "PASS x", "PASS bob's")
    assert said.splitlines()[2] == "-ERR USER comes before PASS"


@pytest.mark.parametrize(
    ("house", "there", "not_there"),
    [
        ({}, ["SASL PLAIN LOGIN", "USER", "EXPIRE NEVER"], ["STLS"]),
        ({"users": USERS}, ["SASL SCRAM-SHA-256 PLAIN LOGIN"], []),
        ({"days": 7.5}, ["EXPIRE 7"], []),
        ({"keep": 3}, [], ["EXPIRE NEVER"]),
    ],
)
async def test_capabilities(mails: Mails, house: dict[str, object], there: list[str], not_there: list[str]) -> None:
    always = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8 USER", "LOGIN-DELAY 0"]
    always += ["IMPLEMENTATION tincans"]
    lines = (await talk(House(mails, **house), "CAPA")).splitlines()  # type: ignore[arg-type]
    assert {*always, *there} <= set(lines)
    assert not {*not_there, "APOP", "LANG"} & set(lines)


# ── broken rules ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"NOOP" + b" " * (POP3_COMMAND_BYTES - 6) + b"\r\n", b"-ERR NOOP does not have such an argument\r\n"),
        (b"NOOP" + b" " * (POP3_COMMAND_BYTES - 5) + b"\r\n", b"-ERR that breaks the rules of POP3\r\n"),
        (b"x" * POP3_COMMAND_BYTES, b"-ERR that breaks the rules of POP3\r\n"),
        (b"AUTH PLAIN\r\n" + b"A" * SASL_BYTES, b"+ \r\n-ERR that breaks the rules of POP3\r\n"),
        (b"US\0ER\r\n", b"-ERR that is no command\r\n"),
        (b"CAPA\n", b"-ERR the command ends in a lone LF\r\n"),
        (b"USER \xff\r\nPASS x\r\n", b"+OK and the password?\r\n-ERR that is no response of this mechanism\r\n"),
    ],
)
async def test_what_breaks_the_rules_is_answered(mails: Mails, said: bytes, answer: bytes) -> None:
    async with calling(House(mails)) as channel:
        await channel.send(said)
        assert await channel.receive_exactly(len(answer)) == answer


async def test_thousands_of_commands_said_at_once_are_answered(mails: Mails) -> None:
    count = 3 * PIPELINED_COMMANDS
    assert (await talk(House(mails), *["x"] * count)).count("-ERR") == count


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def calling_with_tls(mails: Mails, certificates: Certificates, tls: str) -> AsyncIterator[tuple[Buffered, str]]:
    """A client's channel to a server with STLS, over TCP; and the options by which its certificate is trusted."""
    leaf = str(certificates.leaf)
    settings = Settings(mails=str(mails.folder.path), tls=tls, cert=leaf, key=leaf)  # type: ignore[arg-type]
    async with (
        await serve("tcp://127.0.0.1:0", find_app("mail:pop3", settings)) as server,
        Buffered(await connect(server.address)) as channel,
    ):
        assert (await channel.receive_until(b"\r\n")).startswith(b"+OK")
        yield channel, str(certificates.ca)


async def inside(channel: Buffered, ca: str) -> Buffered:
    """The channel inside TLS."""
    assert not channel.ahead
    wrap = client_wrap(Address.parse(f"tls://localhost:1?ca={ca}"))
    return Buffered(await secure(channel.channel, wrap))


async def test_a_login_inside_tls(mails: Mails, certificates: Certificates) -> None:
    async with calling_with_tls(mails, certificates, "required") as (outer, ca):
        for words in ("USER bob", "PASS x", f"AUTH PLAIN {sasl('', 'bob', 'x')}", "UTF8"):
            assert await say(outer, words) == "-ERR STLS comes first"
        assert (await say(outer, "CAPA")).startswith("+OK")
        offered = (await behind(outer)).decode().splitlines()
        assert "STLS" in offered
        assert "USER" not in offered
        assert await say(outer, "STLS") == "+OK go on with TLS"
        async with await inside(outer, ca) as channel:
            assert (await say(channel, "CAPA")).startswith("+OK")
            offered = (await behind(channel)).decode().splitlines()
            assert "STLS" not in offered
            assert "USER" in offered
            assert await say(channel, "STLS") == "-ERR TLS stands already"
            assert await say(channel, "USER bob") == "+OK and the password?"
            assert (await say(channel, "PASS x")).startswith("+OK you have")


async def test_nothing_said_before_tls_counts_inside(mails: Mails, certificates: Certificates) -> None:
    async with calling_with_tls(mails, certificates, "offered") as (outer, ca):
        await say(outer, "USER bob")
        assert (await say(outer, "STLS")).startswith("+OK")
        async with await inside(outer, ca) as channel:
            assert await say(channel, "PASS x") == "-ERR USER comes before PASS"


async def test_what_is_said_behind_stls_ends_it(mails: Mails, certificates: Certificates) -> None:
    async with calling_with_tls(mails, certificates, "offered") as (outer, _):
        await outer.send(b"STLS\r\nUSER bob\r\n")
        assert await outer.receive_until(b"\r\n") == b"-ERR wait"
        with pytest.raises(EndOfStream):
            await outer.receive()


async def test_a_listener_with_tls_needs_no_stls(mails: Mails, certificates: Certificates) -> None:
    leaf = str(certificates.leaf)
    settings = Settings(mails=str(mails.folder.path), tls="required", cert=leaf, key=leaf)
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", find_app("mail:pop3", settings)) as server:
        address = Address.parse(f"tls://localhost:{server.address.port}{certificates.trusted}")
        async with Buffered(await connect(address)) as channel:
            await channel.receive_until(b"\r\n")
            assert await say(channel, "USER bob") == "+OK and the password?"


# ── the app ───────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_could_log_in(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody could read a mail"):
        find_app("mail:pop3", Settings(mails=str(tmp_path), guests=False))


async def test_a_silent_caller_is_left(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.mail.pop3.POP3_SECONDS", 0.01)
    async with calling(House(mails)) as channel:
        with pytest.raises(EndOfStream):
            await channel.receive()
