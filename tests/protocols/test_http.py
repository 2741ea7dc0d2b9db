"""HTTP/1.x, as transcripts, and strict where smuggling begins."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.protocols import Event
from tincans.protocols.http_events import Head, MessageEnd
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "http").glob("*.tin"))

#: Where the rest is to be guessed: from the first byte of something broken that may be another protocol than from two.
GUESSED = {"connect", "upgrade-refused"}


def in_order(event: Event) -> bool:
    """A strict session says nothing that another strict one would refuse."""
    return not (isinstance(event, Head | MessageEnd) and event.notes)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(
        path, "http", guessed=path.stem != "lenient", sendable=in_order
    )  # nobody is sure of a blank in a target


@pytest.mark.parametrize("path", [path for path in TRANSCRIPTS if path.stem not in GUESSED], ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: Random) -> None:
    check_mutations(path, "http", random)
