"""A password is kept as PostgreSQL keeps it, and nobody finds out more than whether it was right."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.errors import UsageError
from tincans.limits import PASSWORD_ROUNDS, PASSWORD_ROUNDS_MOST
from tincans.tasks import spawn
from tincans.users import Users, Verifier

#: RFC 7677 §3.
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
PENCIL = Verifier.of("pencil", rounds=4096, salt=SALT)
SAID = (
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
PROOF = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SIGNATURE = b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")

#: Few rounds: a test has no time for a password that is hard to guess.
ANN = str(Verifier.of("pencil", rounds=4096))
BOB = str(Verifier.of("eraser", rounds=4096))


# ── verifiers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_of_the_rfc() -> None:
    signature = hmac.digest(PENCIL.stored_key, SAID, "sha256")
    client_key = bytes(one ^ other for one, other in zip(PROOF, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == PENCIL.stored_key
    assert hmac.digest(PENCIL.server_key, SAID, "sha256") == SIGNATURE


def test_a_record_is_written_as_rfc_5803_and_postgresql_write_it() -> None:
    assert str(PENCIL) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert Verifier.parse(str(PENCIL)) == PENCIL


@given(password=st.text(max_size=30), salt=st.binary(min_size=1, max_size=40), rounds=st.integers(1, 5))
def test_what_is_written_is_read_and_fits_its_password_alone(password: str, salt: bytes, rounds: int) -> None:
    verifier = Verifier.of(password, rounds=rounds, salt=salt)
    assert Verifier.parse(str(verifier)) == verifier
    assert verifier.fits(password)
    assert not verifier.fits(password + "x")


def test_each_has_a_salt_of_its_own_and_as_many_rounds_as_are_asked_for_today() -> None:
    one, other = Verifier.of("pencil"), Verifier.of("pencil")
    assert one.rounds == PASSWORD_ROUNDS
    assert len(one.salt) == 16
    assert one.salt != other.salt
    assert one.stored_key != other.stored_key


def test_a_password_may_be_typed_in_more_than_one_way() -> None:
    verifier = Verifier.of("gru\u0308n\u00a0tee", rounds=1)
    assert verifier.fits("gr\u00fcn tee")
    assert not verifier.fits("grun tee")
    assert Verifier.of("tab\tand \ud800", rounds=1).fits("tab\tand \ud800")  # nothing that could be prepared


@pytest.mark.parametrize(
    "record",
    [
        "",
        "pencil",
        str(PENCIL)[:-1],
        f"{PENCIL} ",
        str(PENCIL).replace("4096", "0"),
        str(PENCIL).replace("4096", "-1"),
        str(PENCIL).replace("4096", "٤"),
        str(PENCIL).replace("4096", str(PASSWORD_ROUNDS_MOST + 1)),
        str(PENCIL).replace("SHA-256", "SHA-1"),
        str(PENCIL).replace("W22ZaJ0SNY7soEsUEjb6gQ==", "W22Za"),
    ],
)
def test_what_is_no_record(record: str) -> None:
    with pytest.raises(UsageError) as raised:
        Users({"ann": record})
    assert str(raised.value) == "the user 'ann': a password is kept as tincans passwd prints it, SCRAM-SHA-256$…"


def test_as_many_rounds_as_there_may_be() -> None:
    record = str(PENCIL).replace("4096", str(PASSWORD_ROUNDS_MOST))
    assert Verifier.parse(record).rounds == PASSWORD_ROUNDS_MOST


# ── users ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\n", "ann:", "a" * 65, "a\0", '"'])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{name!r} is no user's name: letters, digits and . @ + - _, at ")):
        Users({name: ANN})


@pytest.mark.parametrize("name", ["ann", "a", "a" * 64, "ann@example.org", "ännchen", "a.b+c-d_e", "42"])
def test_what_is_a_name(name: str) -> None:
    assert list(Users({name: ANN})) == [name]


async def test_who_is_let_in() -> None:
    users = Users({"ann": ANN, "bob": BOB})
    for name in ("ann", "bob", "carl", "ANN", ""):
        for password in ("pencil", "eraser", ""):
            right = (name, password) in {("ann", "pencil"), ("bob", "eraser")}
            assert await users.check(name, password) is right
    assert not await Users().check("ann", "pencil")


async def test_a_right_password_is_remembered_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    fits = Verifier.fits

    def noted(verifier: Verifier, password: str) -> bool:
        tried.append(password)
        return fits(verifier, password)

    monkeypatch.setattr(Verifier, "fits", noted)
    users = Users({"ann": ANN, "bob": BOB})
    for password in ("pencil", "pencil", "wrong", "wrong", "pencil"):
        assert await users.check("ann", password) is (password == "pencil")
    assert tried == ["pencil", "wrong", "wrong"]
    assert not await users.check("bob", "pencil")  # what is right for one is not so for the other
    assert not await users.check("carl", "pencil")  # and a name that nobody has is tried as well
    assert tried == ["pencil", "wrong", "wrong", "pencil", "pencil"]
    assert not any(b"pencil" in each for each in users._right.values())


async def test_the_loop_goes_on_while_a_password_is_tried() -> None:
    users = Users({"ann": str(Verifier.of("pencil", rounds=100_000))})
    trying = spawn(users.check("ann", "pencil"))
    turns = 0
    while not trying.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert trying.result()


async def test_who_gives_up_waiting_changes_nothing() -> None:
    users = Users({"ann": str(Verifier.of("pencil", rounds=100_000))})
    trying = spawn(users.check("ann", "pencil"))
    await asyncio.sleep(0)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert await users.check("ann", "pencil")


def test_a_name_that_nobody_has_looks_like_one_that_somebody_has() -> None:
    users, again = Users({"ann": ANN, "bob": BOB}), Users({"ann": ANN, "bob": BOB})
    nobody = users.verifier("carl")
    assert users.verifier("ann") == Verifier.parse(ANN)
    assert nobody == again.verifier("carl")  # in another process, and after a restart
    assert (nobody.rounds, len(nobody.salt)) == (4096, 16)
    assert len(nobody.stored_key) == len(nobody.server_key) == 32
    assert nobody.salt not in (users.verifier("dora").salt, users.verifier("ann").salt)
    assert nobody.salt != Users({"ann": BOB}).verifier("carl").salt  # and it tells nothing to who has no records
    assert Verifier.parse(str(nobody)) == nobody
    assert Users().verifier("carl").rounds == PASSWORD_ROUNDS


def test_they_are_what_they_have() -> None:
    users = Users({"ann": ANN, "bob": BOB})
    assert users
    assert not Users()
    assert (len(users), list(users)) == (2, ["ann", "bob"])
    assert "ann" in users
    assert "carl" not in users
    same = Users({"ann": ANN, "bob": BOB})
    assert users == same
    assert hash(users) == hash(same)
    assert users != Users({"ann": ANN})
    assert users != Users({"ann": BOB, "bob": ANN})
    assert users != {"ann": ANN, "bob": BOB}
    assert Users() == Users({})


def test_salts_are_as_long_as_they_are() -> None:
    salt = b64encode(b"x" * 100).decode()
    assert Verifier.parse(str(PENCIL).replace("W22ZaJ0SNY7soEsUEjb6gQ==", salt)).salt == b"x" * 100
