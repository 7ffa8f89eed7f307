"""MiniStack's environment, which the code of `s2sauth local` itself makes, once for a checkout."""

from pathlib import Path

import pytest

from parts.ministack import made_by_s2sauth


@pytest.fixture(scope="session")
def ministack() -> Path:
    """Its interpreter."""
    return made_by_s2sauth()
