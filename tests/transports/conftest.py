"""A certificate that everybody trusts, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tincans.address import Address
from tincans.certificates import Authority, Leaf, local_authority, make_leaf


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of the tests' own, far from the user's."""
    return local_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def leaf(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Leaf:
    """A certificate for localhost."""
    return make_leaf(["localhost", "127.0.0.1", "::1"], tmp_path_factory.mktemp("leaf"), authority=authority)


@pytest.fixture(scope="session")
def tls(leaf: Leaf) -> Address:
    """What both ends need to know: `tls://` with the files in its options."""
    return Address.parse(f"tls://localhost:1?ca={leaf.ca_path}&cert={leaf.cert_path}&key={leaf.key_path}")


@pytest.fixture(autouse=True)
def _own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here touches the user's own authority."""
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "authority"))
