"""`tincans passwd`: who may log in, in the table [users] of a tincans.toml."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tincans.cli import options
from tincans.errors import CannotKeepUser, ConfigError, NoSuchUser, UsageError, reason_of
from tincans.replacing import replacing


@click.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path), default="tincans.toml", metavar="[FILE]")
@click.option("--remove", is_flag=True, help="Take the name out: it may not log in any more.")
@click.option("--print", "only_print", is_flag=True, help="Print the line instead, and change no file.")
@options.common
def command(name: str, file: Path, remove: bool, only_print: bool) -> None:
    """Let NAME log in by a password, which is asked for twice, or read from the first line of stdin.

    It is written into the table [users] of FILE, by default ./tincans.toml, where nothing else changes; the file is
    made where there is none. What stands there can check the password and is not the password (RFC 5803). Whoever has
    no tincans.toml gives the file to tincans listen --users FILE.

    \b
      tincans passwd ann
      tincans passwd ann --remove
      pass show ann | tincans passwd ann users.toml
    """
    from tincans.toml_editing import assign, put, take_out
    from tincans.users import Verifier, check_name

    check_name(name)
    if remove:
        _change(file, lambda text: take_out(text, "users", name), name)
        click.echo(f"{name} may not log in any more: taken out of {file}; {_HOW}.")
        return
    record = str(Verifier.of(_password(name)))
    if only_print:
        click.echo(assign(name, record))
        return
    _change(file, lambda text: put(text, "users", name, record), name)
    click.echo(f"{name} may log in by this password: written into {file}; {_HOW}.")


#: When it counts.
_HOW = "a tincans up that runs reads it again on SIGHUP"


# ── the password ──────────────────────────────────────────────────────────────────────────────────────────


def _password(name: str) -> str:
    """What is typed twice and not shown, or the first line of stdin where that is no terminal."""
    if sys.stdin.isatty():
        from getpass import getpass

        password = getpass(f"password for {name}: ")
        if password and getpass("the same again: ") != password:
            raise UsageError("the two passwords differ; nothing was changed")
    else:
        try:
            password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UsageError("the password on stdin is not UTF-8; nothing was changed") from error
    if not password:
        raise UsageError("a password has at least one character; nothing was changed")
    return password


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


def _change(file: Path, edit: Callable[[str], str], name: str) -> None:
    """Change a file whole or not at all, while no other does: what is in it is read under a lock on its folder."""
    from tincans.toml_lines import TomlError

    path = file.resolve()  # where it is a link, what it leads to is replaced
    try:
        with _alone(path.parent):
            text, mode = _read(path)
            _replace(path, edit(text).encode(), mode)
    except OSError as error:
        raise CannotKeepUser(str(file), reason_of(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            str(file), error.object.count(b"\n", 0, error.start) + 1, "a byte here is not UTF-8"
        ) from error
    except TomlError as error:
        raise ConfigError(str(file), error.line, error.reason) from error
    except KeyError as error:
        raise NoSuchUser(name, str(file)) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> tuple[str, os.stat_result | None]:
    """What is in a file, and whose it is; nothing, where there is none."""
    try:
        with path.open("rb") as file:
            return file.read().decode(), os.fstat(file.fileno())
    except FileNotFoundError:
        return "", None


def _replace(path: Path, data: bytes, before: os.stat_result | None) -> None:
    """Put a file in the place of another, as whose it was; a new one is for its owner alone."""
    with replacing(path, forced=True) as file:
        file.write(data)
        if before is not None:
            os.fchmod(file.fileno(), before.st_mode & 0o777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
