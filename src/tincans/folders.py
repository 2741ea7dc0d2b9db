"""Where the user's own things are kept. A module of its own, because who only asks where should not pay for more."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def authority_folder() -> Path:
    """The local certificate authority: TINCANS_CA, or the folder `ca` in the user's data folder."""
    chosen = os.environ.get("TINCANS_CA")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("tincans")) / "ca"


def mails_folder() -> Path:
    """Where the app `mail` keeps what it takes: TINCANS_MAILS, or the folder `mails` in the user's data folder."""
    chosen = os.environ.get("TINCANS_MAILS")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("tincans")) / "mails"


def rooms_folder() -> Path:
    """Where the app `chat` keeps its rooms: TINCANS_ROOMS, or the folder `rooms` in the user's data folder."""
    chosen = os.environ.get("TINCANS_ROOMS")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("tincans")) / "rooms"


def peers_folder() -> Path:
    """Where a peer keeps who it is and whom it knows: TINCANS_PEERS, or `peers` in the user's data folder."""
    chosen = os.environ.get("TINCANS_PEERS")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("tincans")) / "peers"
