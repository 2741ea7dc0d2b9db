"""`pytest` runs it. With TINCANS_GOLDEN=write in the environment, the transcript's comments are written anew."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thermostat import Message

from tincans.testing import check_mutations, check_session

TRANSCRIPT = Path(__file__).with_name("thermostat.tin")
NAME = "thermostat:ThermostatSession"


def test_the_transcript_means_what_it_says():
    check_session(TRANSCRIPT, NAME, guessed=False)


@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(random):
    check_mutations(TRANSCRIPT, NAME, random)


def test_a_value_can_never_become_a_second_message():
    with pytest.raises(ValueError, match="a message is"):
        Message(name="goal", what="=22;pin=0000")
