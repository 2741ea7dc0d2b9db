"""The options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tincans.address import Address
from tincans.apps.settings import Settings as AppSettings
from tincans.cli import options
from tincans.cli.options import ADDRESS, Listening, Record, Settings, Show, open_the_journal
from tincans.errors import AddressError, JournalError, NoSuchProtocol, UsageError
from tincans.limits import Limits
from tincans.users import Users, Verifier


def parse(decorate: Callable[[options.Function], options.Function], *arguments: str) -> dict[str, Any]:
    """What a command with these options is given."""
    given: dict[str, Any] = {}

    @click.command()
    @decorate
    def command(**values: Any) -> None:
        given.update(values)

    command.main(list(arguments), standalone_mode=False)
    return given


def test_a_bundle_is_one_argument() -> None:
    assert parse(options.showing) == {"show": Show(protocol="", hex=False, full=False, secrets=False, json=False)}
    assert parse(options.showing, "--hex", "--full", "--json", "--secrets", "--as", "lines:nul") == {
        "show": Show(protocol="lines:nul", hex=True, full=True, secrets=True, json=True)
    }
    assert parse(options.recording) == {"record": Record(journal=None, record=True, quiet=False)}
    assert parse(options.recording, "--no-record", "-q", "--journal", "here") == {
        "record": Record(journal="here", record=False, quiet=True)
    }


def test_what_listens_has_limits() -> None:
    assert parse(options.listening)["listening"].limits == Limits()
    given = parse(options.listening, "--clients", "3", "--idle", "1.5", "--workers", "2", "--port-file", "p")
    assert given["listening"] == Listening(port_file="p", workers=2, clients=3, idle=1.5)
    assert given["listening"].limits == Limits(clients=3, idle=1.5)


@pytest.mark.parametrize("wrong", [("--clients", "0"), ("--idle", "0"), ("--workers", "257"), ("--port-file", "/")])
def test_a_limit_has_bounds_itself(wrong: tuple[str, str]) -> None:
    with pytest.raises(click.BadParameter):
        parse(options.listening, *wrong)


@pytest.mark.parametrize("wrong", ["line", "lines:what", "tincans:Side", "no.such:Thing"])
def test_a_protocol_is_looked_up_at_once(wrong: str) -> None:
    with pytest.raises(NoSuchProtocol, match="is not a protocol"):
        parse(options.showing, "--as", wrong)


def test_a_shell_completes_protocols() -> None:
    completed = options.ProtocolType().shell_complete(click.Context(click.Command("x")), click.Option(["--as"]), "l")
    assert [item.value for item in completed] == ["lines"]


ANN = str(Verifier.of("pencil", rounds=1))


def told(*arguments: str) -> AppSettings:
    """What an app is told."""
    given = parse(options.telling, *arguments)["telling"].settings
    assert isinstance(given, AppSettings)
    return given


def test_what_an_app_is_told(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    users.write_text(f"[users]\nann = '{ANN}'\n")
    assert told() == AppSettings()
    assert told("--write", "--no-guests") == AppSettings(write=True, guests=False)
    assert told("--guests").guests is True
    assert told("--users", str(users)) == AppSettings(users=Users({"ann": ANN}))
    assert told("--tls", "required", "--passive", "50000-50100") == AppSettings(tls="required", passive="50000-50100")
    assert told("--mails", "m", "--keep", "1", "--days", "0.5") == AppSettings(mails="m", keep=1, days=0.5)


def test_a_certificate_is_there_to_be_shown() -> None:
    assert told("--cert", "c", "--key", "k") == AppSettings(tls="offered", cert="c", key="k")
    assert told("--cert", "c", "--tls", "off").tls == "off"
    assert told("--cert", "c", "--tls", "required").tls == "required"


def test_every_setting_of_an_app_has_its_option() -> None:
    assert set(options.Telling._fields) == set(AppSettings.__struct_fields__)


@pytest.mark.parametrize("passive", ["50000", "2-1", "0-5", "1-65536", "a-b", "-"])
def test_what_are_no_ports(passive: str) -> None:
    with pytest.raises(UsageError, match=f"'{passive}' are no ports: write the first and the last, as in 50000-50100"):
        told("--passive", passive)


@pytest.mark.parametrize(
    "wrong", [("--keep", "0"), ("--keep", "1000000001"), ("--days", "0"), ("--days", "1000001"), ("--tls", "on")]
)
def test_a_setting_has_bounds(wrong: tuple[str, str]) -> None:
    with pytest.raises(click.BadParameter):
        parse(options.telling, *wrong)


def test_verbosity_adds_up_before_and_after_the_command() -> None:
    settings = Settings()

    @click.group()
    @options.common
    def group() -> None:
        pass

    @group.command()
    @options.common
    def command() -> None:
        assert options.settings() is settings

    group.main(["-v", "--debug", "command", "-v"], standalone_mode=False, obj=settings)
    assert settings.verbosity == 2
    assert settings.debug


def test_an_address_is_parsed_once() -> None:
    address = ADDRESS.convert(":7707", None, None)
    assert address == Address.parse(":7707")
    assert ADDRESS.convert(address, None, None) is address
    with pytest.raises(AddressError):
        ADDRESS.convert("::", None, None)


async def test_the_journal_is_opened_and_closed_or_left_out() -> None:
    async with Record(journal="memory:", record=True, quiet=False).opened() as journal:
        assert journal is not None
        assert await journal.conversations() == []
    async with Record(journal="memory:", record=False, quiet=False).opened() as journal:
        assert journal is None


def test_a_journal_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(JournalError, match="journal"):
        open_the_journal(str(tmp_path / "file" / "journal"))
