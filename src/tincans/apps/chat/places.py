"""Where a caller is, and where the hub is as the caller knows it."""

from __future__ import annotations

from tincans.channel import Channel


def host_of(channel: Channel) -> str:
    """Where a caller is, as others are shown it: a word that does not begin with a colon."""
    host = channel.remote.host or "localhost"
    return f"0{host}" if host.startswith(":") else host


def base_url(channel: Channel) -> str:
    """The hub's address as this caller knows it, to stand before the path of a file; empty where there is none."""
    local = channel.local
    if not local.port:
        return ""
    host = f"[{local.host}]" if ":" in local.host else local.host
    return f"http{'s' if 'tls.version' in channel.facts else ''}://{host}:{local.port}"
