"""The two HTTP libraries, for tests that hold for both."""

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest

from s2sauth import CognitoClientCredentials
from tests.support import fixtures, worlds

FAMILIES = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
"""Those that are installed: httpx2 is an extra."""


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the test's module calls `httpx` is each library in turn, and so are hook, clients and token requests."""
    library = importlib.import_module(request.param)
    if request.param == "httpx2":
        for module in (request.module, fixtures, worlds, sys.modules.get("tests.support.wires")):
            if module is not None:  # else nobody has imported it
                monkeypatch.setattr(module, "httpx", library, raising=False)
        monkeypatch.setattr(CognitoClientCredentials, "httpx_auth", CognitoClientCredentials.httpx2_auth)
    return library
