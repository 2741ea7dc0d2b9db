"""What every test may rely on: both loops, and nothing left behind."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
from hypothesis import settings

from running import Certificates


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="send a gigabyte through every transport (make deep)")


# `tincans` is on the path, as after `pip install .`; the tests run without the virtual environment being activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# Mails, rooms and peers of a test that has not said where are nobody's.
for _folder in ("MAILS", "ROOMS", "PEERS"):
    os.environ[f"TINCANS_{_folder}"] = tempfile.mkdtemp(prefix=f"tincans-{_folder.lower()}-")
    atexit.register(shutil.rmtree, os.environ[f"TINCANS_{_folder}"], ignore_errors=True)

# No test asserts a time: an example may take as long as a busy machine needs.
# The suite tries the same examples every time, so that it fails for a reason; `make fuzz` tries others, and many more.
settings.register_profile("tincans", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tincans"))

# libuv opens a pipe for signals with its first loop and keeps it: have it open before any test counts.
uvloop.new_event_loop().close()


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every async test runs twice: on uvloop and on plain asyncio."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def _no_descriptor_is_left() -> Iterator[None]:
    """A test gives back every descriptor that it opened."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    after = len(os.listdir("/proc/self/fd"))
    assert after <= before + 1, f"{after - before} descriptors are still open"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and a certificate for this machine that it signed, as files."""
    return Certificates.make(tmp_path_factory.mktemp("certificates"))
