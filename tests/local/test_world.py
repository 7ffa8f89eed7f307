"""The deployed world, in MiniStack in the environment of the extra."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from parts.install import ROOT, environment
from s2sauth.local import _world
from s2sauth.local._ministack import MiniStack
from s2sauth.local._server import ServerFailed
from s2sauth.local._world import create_stack, deploy

WAITING = """
Resources:
  Handle:
    Type: AWS::CloudFormation::WaitConditionHandle
  Signal:
    Type: AWS::CloudFormation::WaitCondition
    Properties: {Handle: !Ref Handle, Timeout: "1"}
"""


class Local(MiniStack):
    """Of the environment of the extra."""

    def python(self) -> Path:
        return environment("local", s2sauth=True) / "python"


@pytest.fixture(scope="module")
def aws() -> Iterator[MiniStack]:
    """Up in half a second."""
    with Local() as aws:
        yield aws


def test_the_wheel_holds_the_example() -> None:
    """As it stands in the checkout: there is one copy."""
    packed = Path(_world.__file__).with_name("_files_service")
    files = ["template.yaml", "files/handler.py", "caller/handler.py"]
    found = [path.relative_to(packed).as_posix() for path in packed.rglob("*.*") if path.suffix != ".pyc"]
    assert sorted(found) == sorted(files)
    for name in files:
        assert (packed / name).read_bytes() == (ROOT / "examples" / "files-service" / name).read_bytes()


def test_stack_that_cannot_be_made(aws: MiniStack) -> None:
    """Is waited for, and says what became of it. It waits itself, for a signal that does not come: a second."""
    with pytest.raises(ServerFailed, match=r"the stack is .*ROLLBACK"):
        create_stack(aws, "waiting", WAITING, {})


def test_secret_is_not_in_the_repr(aws: MiniStack) -> None:
    """Of a world without the caller; a second one of the name is refused."""
    world = deploy(aws, caller=False)
    assert world.caller == ""
    assert len(world.client_secret) > 40
    assert world.client_secret not in repr(world)
    with pytest.raises(ServerFailed, match="AlreadyExists"):
        create_stack(aws, "files-service", WAITING, {})


def test_no_variable_of_the_users_account_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """MiniStack gets its own, and the answer of a Lambda says what is there. Starts another one."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the user's account")
    with Local() as aws:
        (process,) = [path for path in Path("/proc").glob("[0-9]*") if _is_below(path, aws.folder)]
        variables = (process / "environ").read_bytes()
    assert b"AWS_ACCESS_KEY_ID=test" in variables
    assert b"of the user's account" not in variables


def _is_below(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


def test_it_ends_with_its_parent() -> None:
    """However that ends: by the pipe to it."""
    aws = Local()
    with aws:
        assert aws._process is not None
        assert aws._process.stdin is not None
        aws._process.stdin.close()
        assert aws.wait() == -9
        assert not aws.folder.exists()
