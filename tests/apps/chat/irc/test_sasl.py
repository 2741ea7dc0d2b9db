"""Logging in over IRC by SASL (https://ircv3.net/specs/extensions/sasl-3.2)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest

from ircing import House, IrcClient, chat, messages
from rooming import USERS
from tincans.limits import LOGIN_ATTEMPTS, SASL_BYTES


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.sasl.LOGIN_REST_SECONDS", 0)


def plain(name: str, password: str) -> str:
    return b64encode(f"\0{name}\0{password}".encode()).decode()


async def begin(house: House, mechanism: str) -> IrcClient:
    """Somebody who has named a mechanism."""
    client = house.call()
    await client.says("CAP LS 302", "CAP REQ sasl")
    assert await client.says(f"AUTHENTICATE {mechanism}") == [":tincans AUTHENTICATE +"]
    return client


async def test_plain() -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "plain")
        assert await client.says(f"AUTHENTICATE {plain('ann', 'ann')}") == [
            ":tincans 900 * *!ann@localhost ann :you are logged in as ann",
            ":tincans 903 * :you have logged in",
        ]
        assert (await client.says("NICK ann", "USER ann 0 * :Ann", "CAP END"))[0].startswith(":tincans 001 ann ")
        assert house.hub.find("ann").account == "ann"
        assert await client.says("AUTHENTICATE PLAIN") == [":tincans 907 ann :you are logged in as ann"]


async def test_scram() -> None:
    """RFC 5802, as a client does it: the server proves itself, too."""
    async with chat(users=USERS) as house:
        client = await begin(house, "SCRAM-SHA-256")
        bare = "n=ann,r=rOprNGfwEbeRWgbNEkqO"
        (said,) = messages(await client.says(f"AUTHENTICATE {b64encode(b'n,,' + bare.encode()).decode()}"))
        challenge = b64decode(said.parameters[0]).decode()
        nonce, salt, rounds = (word[2:] for word in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", b"ann", b64decode(salt), int(rounds))
        final = f"c=biws,r={nonce}"
        signed = f"{bare},{challenge},{final}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        (said,) = messages(await client.says(f"AUTHENTICATE {b64encode(f'{final},p={proof}'.encode()).decode()}"))
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        assert b64decode(said.parameters[0]) == b"v=" + b64encode(server)
        heard = messages(await client.says("AUTHENTICATE +"))
        assert [message.name for message in heard] == ["RPL_LOGGEDIN", "RPL_SASLSUCCESS"]


async def test_one_may_log_in_later_and_the_rooms_hear_of_it() -> None:
    async with chat(users=USERS) as house:
        eve = await house.enter("eve", "#tea", caps="sasl account-notify")
        guest = await house.enter("guest", "#tea", caps="account-notify")
        await eve.hears()
        await eve.says("AUTHENTICATE PLAIN")
        assert await eve.says(f"AUTHENTICATE {plain('bob', 'bob')}") == [
            ":eve!bob@localhost ACCOUNT bob",
            ":tincans 900 eve eve!bob@localhost bob :you are logged in as bob",
            ":tincans 903 eve :you have logged in",
        ]
        assert await guest.hears() == [":eve!bob@localhost ACCOUNT bob"]


@pytest.mark.parametrize("filled", [400, 800])
async def test_a_response_comes_in_pieces_and_a_full_last_one_is_followed_by_nothing(filled: int) -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "PLAIN")
        response = b64encode(b"ann\0ann\0" + b"x" * (filled // 4 * 3 - 8)).decode()
        pieces = [response[at : at + 400] for at in range(0, len(response), 400)]
        assert await client.says(*(f"AUTHENTICATE {piece}" for piece in pieces)) == []
        assert await client.says("AUTHENTICATE +") == [":tincans 904 * :the name or the password is wrong"]


async def test_a_challenge_comes_in_pieces_as_well() -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "SCRAM-SHA-256")
        first = b64encode(b"n,,n=ann,r=" + b"x" * 600).decode()
        pieces = [first[at : at + 400] for at in range(0, len(first), 400)]
        heard = messages(await client.says(*(f"AUTHENTICATE {piece}" for piece in pieces)))
        assert [len(message.parameters[0]) for message in heard[:-1]] == [400] * (len(heard) - 1)
        challenge = b64decode("".join(message.parameters[0] for message in heard))
        assert challenge.startswith(b"r=" + b"x" * 600)


async def test_a_piece_has_its_length_and_not_one_byte_more() -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "PLAIN")
        assert await client.says(f"AUTHENTICATE {'A' * 401}") == [":tincans 905 * :a response is said in pieces of 400"]
        assert await client.says("AUTHENTICATE PLAIN") == [":tincans AUTHENTICATE +"]


async def test_all_pieces_together_have_a_length() -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "PLAIN")
        count = SASL_BYTES // 400
        assert await client.says(*[f"AUTHENTICATE {'A' * 400}"] * count) == []
        assert await client.says(f"AUTHENTICATE {'A' * (SASL_BYTES - 400 * count + 1)}") == [
            f":tincans 905 * :a response has at most {SASL_BYTES} bytes"
        ]


async def test_a_login_is_given_up() -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "PLAIN")
        assert await client.says("AUTHENTICATE *") == [":tincans 906 * :the login was given up"]
        assert await client.says("AUTHENTICATE *") == [":tincans 906 * :there is no login to give up"]
        await client.says("AUTHENTICATE PLAIN", "NICK eve", "USER eve 0 * :Eve")
        heard = await client.says("CAP END")
        assert heard[0] == ":tincans 906 * :the login was given up"
        assert heard[1].startswith(":tincans 001 eve ")


async def test_a_mechanism_that_is_not_there() -> None:
    async with chat(users=USERS) as house:
        client = house.call()
        assert await client.says("CAP REQ sasl", "AUTHENTICATE EXTERNAL") == [
            ":tincans CAP * ACK sasl",
            ":tincans 908 * SCRAM-SHA-256,PLAIN :are the mechanisms that there are",
            ":tincans 904 * :there is no such mechanism",
        ]


async def test_the_capability_comes_first() -> None:
    async with chat(users=USERS) as house:
        assert await house.call().says("AUTHENTICATE PLAIN") == [":tincans 904 * :ask for the capability sasl first"]


@pytest.mark.parametrize("response", [plain("ann", "eve"), plain("nobody", "x"), "====", "%", "/w==", "AA=="])
async def test_what_is_wrong_is_refused_and_may_be_tried_again(response: str) -> None:
    async with chat(users=USERS) as house:
        client = await begin(house, "PLAIN")
        assert [message.name for message in messages(await client.says(f"AUTHENTICATE {response}"))] == ["ERR_SASLFAIL"]
        await client.says("AUTHENTICATE PLAIN")
        heard = messages(await client.says(f"AUTHENTICATE {plain('ann', 'ann')}"))
        assert heard[-1].name == "RPL_SASLSUCCESS"


async def test_a_labelled_one_is_answered_before_the_caller_goes() -> None:
    async with chat(users=USERS) as house:
        eve = await house.enter("eve", caps="sasl batch labeled-response")
        for _ in range(LOGIN_ATTEMPTS - 1):
            await eve.says("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('ann', 'eve')}")
        await eve.say("AUTHENTICATE PLAIN", f"@label=last AUTHENTICATE {plain('ann', 'eve')}")
        assert (await eve.hears_the_end())[1:] == [
            "@label=last :tincans 904 eve :the name or the password is wrong",
            "ERROR :Closing link: localhost (too many wrong logins)",
        ]


async def test_so_many_are_refused_and_then_the_caller_goes() -> None:
    async with chat(users=USERS) as house:
        client = house.call()
        await client.says("CAP REQ sasl", "NICK eve", "USER eve 0 * :Eve")
        for _ in range(LOGIN_ATTEMPTS - 1):
            await client.says("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('ann', 'eve')}")
        await client.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('ann', 'eve')}", "CAP END")
        assert await client.hears_the_end() == [
            ":tincans AUTHENTICATE +",
            ":tincans 904 * :the name or the password is wrong",
            "ERROR :Closing link: localhost (too many wrong logins)",
        ]
