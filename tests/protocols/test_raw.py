"""Raw bytes: a stream of data, or whole messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.protocols import Data, find_protocol
from tincans.protocols.raw import Message
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "raw").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "raw")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "raw", random)  # type: ignore[arg-type]


def test_a_stream_has_no_messages_and_messages_no_stream() -> None:
    raw = find_protocol("raw")
    assert raw.session().send(Side.CLIENT, Data(data=b"x")) == b"x"
    assert raw.session(boundaries=True).send(Side.CLIENT, Message(data=b"")) == b""
    with pytest.raises(LocalProtocolError, match="raw bytes have no Message"):
        raw.session().send(Side.CLIENT, Message(data=b"x"))
    with pytest.raises(LocalProtocolError, match="raw bytes have no Data"):
        raw.session(boundaries=True).send(Side.CLIENT, Data(data=b"x"))
