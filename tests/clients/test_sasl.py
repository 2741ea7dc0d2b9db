"""Logins of ours with the server's side of ours, and with servers that are not who they say they are."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tincans.apps.login import Login as Heard
from tincans.apps.login import LoginRefused, offered
from tincans.clients.login import Login
from tincans.clients.sasl import Answers, choose
from tincans.errors import RemoteProtocolError
from tincans.limits import SCRAM_ROUNDS
from tincans.users import Users, Verifier

USERS = Users({"ada": str(Verifier.of("pencil ü", rounds=4096))})


async def log_in(answers: Answers, heard: Heard) -> None:
    """One end says to the other what it has to, until the server says welcome."""
    challenge = await heard.hear(answers.first)
    while challenge is not None:
        challenge = await heard.hear(answers.answer(challenge))
    answers.finish()


@pytest.mark.parametrize("mechanism", offered(USERS))
async def test_the_two_ends_agree(mechanism: str) -> None:
    heard = Heard(mechanism, USERS)
    await log_in(Answers(mechanism, Login("ada", "pencil ü")), heard)
    assert heard.name == "ada"
    for login in (Login("ada", "pencil u"), Login("bob", "pencil ü"), Login("ada", "")):
        with pytest.raises(LoginRefused):
            await log_in(Answers(mechanism, login), Heard(mechanism, USERS))


def test_the_best_mechanism_is_chosen() -> None:
    assert choose(["LOGIN", "plain", "SCRAM-SHA-256"]) == "SCRAM-SHA-256"
    assert choose(["LOGIN", "plain"]) == "PLAIN"
    assert choose(["LOGIN", "GSSAPI"]) == "LOGIN"
    assert choose(["GSSAPI"]) == ""


def encoded(words: str) -> str:
    return b64encode(words.encode()).decode()


def test_who_does_not_know_the_password_is_not_believed() -> None:
    login = Login("ada", "secret")
    answers = Answers("SCRAM-SHA-256", login)
    with pytest.raises(RemoteProtocolError, match="did not prove that it knows the password"):
        answers.finish()
    nonce = answers._said.first.decode().partition("r=")[2]  # type: ignore[union-attr]
    answers.answer(encoded(f"r={nonce}x,s=c2FsdA==,i=1"))
    with pytest.raises(RemoteProtocolError, match="it is another one's"):
        answers.answer(encoded("v=c2FsdA=="))


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ("%%%", "the server's challenge is not base64"),
        (encoded("r=mine,s=c2FsdA==,i=1"), "the server's challenge is none of SCRAM"),
        (encoded("r={nonce},s=c2FsdA==,i=1"), "the server's challenge is none of SCRAM"),
        (encoded("hello"), "the server's challenge is none of SCRAM"),
    ],
)
def test_a_challenge_that_is_none(challenge: str, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        Answers("SCRAM-SHA-256", Login("ada", "secret")).answer(challenge)


def test_a_server_cannot_keep_a_client_busy_for_ever() -> None:
    answers = Answers("SCRAM-SHA-256", Login("ada", "secret"))
    nonce = answers._said.first.decode().partition("r=")[2]  # type: ignore[union-attr]
    with pytest.raises(RemoteProtocolError, match=f"asks for {SCRAM_ROUNDS + 1} rounds"):
        answers.answer(encoded(f"r={nonce}x,s=c2FsdA==,i={SCRAM_ROUNDS + 1}"))


@pytest.mark.parametrize(("mechanism", "questions"), [("PLAIN", 0), ("LOGIN", 2)])
def test_nothing_more_is_said_than_there_is(mechanism: str, questions: int) -> None:
    answers = Answers(mechanism, Login("ada", "secret"))
    for _ in range(questions):
        answers.answer(encoded("what?"))
    with pytest.raises(RemoteProtocolError, match=f"asks for more than {mechanism} has to say"):
        answers.answer(encoded("and what else?"))
