"""Every public name has a type that is written down, so that all checkers see the same one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def completeness(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `pyright --verifytypes` says of the installed package, with all extras there; takes 10 s or more."""
    commands = Path(sys.executable).parent  # it looks for the package by the first Python on PATH
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        # Types of other packages are theirs: httpx, pydantic, redis and boto3 leave some out.
        [commands / "pyright", "--verifytypes", "s2sauth", "--ignoreexternal", "--outputjson"],
        cwd=tmp_path_factory.mktemp("project"),
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "PATH": f"{commands}{os.pathsep}{environ['PATH']}"},
    )
    found: dict[str, Any] = json.loads(done.stdout)["typeCompleteness"]
    return found


def test_every_public_type_is_written_down(completeness: dict[str, Any]) -> None:
    """Of the public names, and of what their signatures refer to: nothing inferred, nothing unknown."""
    wanting = {
        symbol["name"]: [diagnostic["message"] for diagnostic in symbol["diagnostics"]]
        for symbol in completeness["symbols"]
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    }
    assert wanting == {}
    assert completeness["completenessScore"] == 1


def test_it_was_the_whole_package_that_was_looked_at(completeness: dict[str, Any]) -> None:
    """A package that is not found would have nothing to complain of."""
    assert Path(completeness["packageRootDirectory"]).name == "s2sauth"
    assert {"s2sauth", "s2sauth.settings", "s2sauth.stores.redis"} <= {
        module["name"] for module in completeness["modules"]
    }
    assert completeness["exportedSymbolCounts"]["withKnownType"] > 200
