"""The channel between two applications: it listens, dials, carries, and lets taps look."""

from __future__ import annotations

from tincans.relays.exchange import relay

__all__ = ["relay"]
