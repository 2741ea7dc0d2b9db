"""TLS, as transcripts of what OpenSSL says, and beside what OpenSSL says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "tls").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "tls", sendable=False)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "tls", random)  # type: ignore[arg-type]
