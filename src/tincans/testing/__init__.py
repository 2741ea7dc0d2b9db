"""What tests of channels and journals need, and what proves an implementation of either. Public."""

from tincans.testing.channels import check_channel
from tincans.testing.journals import check_journal
from tincans.testing.sessions import check_mutations, check_session
from tincans.transports.memory import memory_pair

__all__ = ["check_channel", "check_journal", "check_mutations", "check_session", "memory_pair"]
