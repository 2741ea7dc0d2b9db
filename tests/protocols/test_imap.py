"""IMAP, as transcripts and rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.protocols import Event
from tincans.protocols.mail import Text
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "imap").glob("*.tin"))


def can_be_sent(event: Event) -> bool:
    """Whether it breaks no rule."""
    return not getattr(event, "faults", ()) and not (isinstance(event, Text) and b"\n." in event.data)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "imap", sendable=can_be_sent)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "imap", random)  # type: ignore[arg-type]
