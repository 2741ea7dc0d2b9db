"""The channel between two applications: it listens, dials, carries, and lets taps look."""

from __future__ import annotations

from tincans.relay.relay import relay

__all__ = ["relay"]
