"""Logins, as a client would make them: the RFCs' own examples, what is no response, and passwords that are wrong."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest

from tincans.apps import login
from tincans.apps.login import Login, LoginRefused, Why, offered
from tincans.limits import LOGIN_NAME_BYTES
from tincans.users import Users, Verifier

#: RFC 7677 §3.
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NOBODY = Users()


@pytest.fixture(scope="module")
def users() -> Users:
    return Users(
        {"user": str(Verifier.of("pencil", rounds=4096, salt=SALT)), "ada": str(Verifier.of("1815", rounds=1))}
    )


def said(data: bytes | str) -> str:
    return b64encode(data.encode() if isinstance(data, str) else data).decode()


async def refused(mechanism: str, users: Users, *responses: str | None) -> Why:
    """Why the last of the responses is refused; those before are answered by challenges."""
    going = Login(mechanism, users)
    for response in responses[:-1]:
        assert await going.hear(response) is not None
    with pytest.raises(LoginRefused) as raised:
        await going.hear(responses[-1])
    assert not going.name
    return raised.value.why


def test_scram_is_offered_only_where_there_is_something_to_prove(users: Users) -> None:
    assert offered(users) == ("SCRAM-SHA-256", "PLAIN", "LOGIN")
    assert offered(NOBODY) == ("PLAIN", "LOGIN")


# ── PLAIN and LOGIN ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("acts", ["", "ada"])
async def test_plain_with_the_mechanism_or_after_it(users: Users, acts: str) -> None:
    going = Login("PLAIN", users)
    assert await going.hear(said(f"{acts}\0ada\x001815")) is None
    assert going.name == "ada"
    going = Login("PLAIN", users)
    assert await going.hear(None) == ""
    assert await going.hear(said(f"{acts}\0ada\x001815")) is None
    assert going.name == "ada"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("\0ada\x001816", Why.WRONG),
        ("\0nobody\x001815", Why.WRONG),
        ("user\0ada\x001815", Why.WRONG),  # nobody may act for another
        ("\0ada", Why.MALFORMED),
        ("\0ada\x001815\0", Why.MALFORMED),
        ("", Why.MALFORMED),
        (b"\0ada\0\xff", Why.MALFORMED),
    ],
)
async def test_plain_is_refused(users: Users, message: str | bytes, why: Why) -> None:
    assert await refused("PLAIN", users, said(message)) is why


async def test_login_asks_for_the_name_and_for_the_password(users: Users) -> None:
    going = Login("LOGIN", users)
    assert b64decode(await going.hear(None) or "") == b"Username:"
    assert b64decode(await going.hear(said("ada")) or "") == b"Password:"
    assert await going.hear(said("1815")) is None
    assert going.name == "ada"


async def test_login_takes_the_name_with_the_mechanism(users: Users) -> None:
    going = Login("LOGIN", users)
    assert b64decode(await going.hear(said("ada")) or "") == b"Password:"
    assert await going.hear(said("1815")) is None


async def test_an_empty_first_response_is_an_equals_sign_and_only_there(users: Users) -> None:
    assert await refused("PLAIN", users, "=") is Why.MALFORMED
    assert await refused("LOGIN", users, "=", said("1815")) is Why.WRONG
    assert await refused("LOGIN", users, None, "=") is Why.MALFORMED


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
async def test_a_star_gives_up_and_what_is_no_base64_is_none(users: Users, mechanism: str) -> None:
    assert await refused(mechanism, users, None, "*") is Why.CANCELLED
    assert await refused(mechanism, users, None, "a") is Why.MALFORMED
    assert await refused(mechanism, users, "?") is Why.MALFORMED


async def test_where_nobody_is_known_any_name_and_any_password_come_in() -> None:
    going = Login("PLAIN", NOBODY)
    assert await going.hear(said("\0team-a\0")) is None
    assert going.name == "team-a"


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00b"])
async def test_but_it_is_a_name(name: str) -> None:
    assert await refused("LOGIN", NOBODY, said(name), said("x")) is Why.WRONG


async def test_a_name_has_a_bound() -> None:
    longest = "a" * LOGIN_NAME_BYTES
    assert await refused("PLAIN", NOBODY, said(f"\0{longest}a\0x")) is Why.WRONG
    going = Login("PLAIN", NOBODY)
    assert await going.hear(said(f"\0{longest}\0x")) is None


# ── SCRAM ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_example_of_rfc_7677(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_nonce", lambda: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    going = Login("SCRAM-SHA-256", users)
    challenge = await going.hear(said("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
    nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    assert b64decode(challenge or "").decode() == f"{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    proven = await going.hear(said(f"c=biws,{nonce},p={proof}"))
    assert b64decode(proven or "") == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert await going.hear("") is None
    assert going.name == "user"


async def scram(users: Users, password: str, *, first: str = "n,,n=user,r=abc", header: str = "biws") -> Login:
    """Prove to know a password, up to the server's own proof; raises what the server raises."""
    going = Login("SCRAM-SHA-256", users)
    challenge = b64decode(await going.hear(said(first)) or "").decode()
    nonce, salt, rounds = (field[2:] for field in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(salt), int(rounds))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c={header},r={nonce}"
    bare = first.split(",", 2)[2]
    message = f"{bare},{challenge},{final}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
    assert await going.hear(said(f"{final},p={proof}")) is not None
    assert await going.hear("") is None
    return going


async def test_a_client_that_could_bind_and_one_that_names_whom_it_acts_for(users: Users) -> None:
    assert (await scram(users, "pencil")).name == "user"
    assert (await scram(users, "pencil", first="y,,n=user,r=abc", header=said("y,,"))).name == "user"
    assert (await scram(users, "pencil", first="n,a=user,n=user,r=abc", header=said("n,a=user,"))).name == "user"
    assert (await scram(users, "pencil", first="n,,n=user,r=abc,x=more")).name == "user"


@pytest.mark.parametrize(
    ("password", "first", "header"),
    [
        ("pencils", "n,,n=user,r=abc", "biws"),
        ("pencil", "n,,n=nobody,r=abc", "biws"),
        ("pencil", "n,,n=user,r=abc", "eSws"),  # another header than at first: somebody stands between
        ("pencil", "n,a=ada,n=user,r=abc", said("n,a=ada,")),
    ],
)
async def test_a_proof_that_proves_nothing(users: Users, password: str, first: str, header: str) -> None:
    with pytest.raises(LoginRefused) as raised:
        await scram(users, password, first=first, header=header)
    assert raised.value.why is Why.WRONG


async def test_a_nonce_that_is_not_the_servers(users: Users) -> None:
    final = said(f"c=biws,r=abc,p={said(bytes(32))}")
    assert await refused("SCRAM-SHA-256", users, said("n,,n=user,r=abc"), final) is Why.WRONG


@pytest.mark.parametrize(
    "message", ["", "n,,n=user", "n,,r=abc", "p=tls-unique,,n=user,r=abc", "n,,n=us=er,r=abc", "n,,m=x,n=user,r=abc"]
)
async def test_what_is_no_first_message(users: Users, message: str) -> None:
    assert await refused("SCRAM-SHA-256", users, said(message)) is Why.MALFORMED


async def test_a_proof_of_the_wrong_length_is_wrong(users: Users) -> None:
    going = Login("SCRAM-SHA-256", users)
    challenge = b64decode(await going.hear(said("n,,n=user,r=abc")) or "").decode()
    with pytest.raises(LoginRefused):
        await going.hear(said(f"c=biws,{challenge.split(',')[0]},p={said('short')}"))


def test_a_name_with_a_comma_is_written_without_one() -> None:
    assert login._unescaped("a=2Cb=3D") == "a,b="
