"""What GitHub and pre-commit read: workflows, forms, the update bot's settings, the hooks before a commit."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from parts.install import ROOT, environment

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
CHOICE = GITHUB / "ISSUE_TEMPLATE" / "config.yml"
FORMS = sorted(set(CHOICE.parent.iterdir()) - {CHOICE})
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    **dict.fromkeys(FORMS, "vendor.github-issue-forms"),
    CHOICE: "vendor.github-issue-config",
    GITHUB / "dependabot.yml": "vendor.dependabot",
}
READ_YAML = """
import json, sys
from ruamel.yaml import YAML

with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps(YAML(typ="safe").load(file)))
"""


def ran(command: list[str | Path], **environ: str) -> str:
    """What the command printed; it must have ended well."""
    done = subprocess.run(command, cwd=ROOT, env=environ or None, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read(path: Path) -> dict[str, Any]:
    """The file's content."""
    content: dict[str, Any] = json.loads(ran([environment("checks") / "python", "-c", READ_YAML, path]))
    return content


def parts_run(job: dict[str, Any]) -> list[str]:
    """The parts of `scripts/test` that a job runs."""
    commands = [shlex.split(step["run"], comments=True) for step in job.get("steps", []) if "run" in step]
    return [part for command in commands if command[0] == "scripts/test" for part in command[1:]]


@pytest.fixture(scope="module")
def jobs() -> dict[str, dict[str, Any]]:
    """The jobs of ci.yml."""
    found: dict[str, dict[str, Any]] = read(GITHUB / "workflows" / "ci.yml")["jobs"]
    return found


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_file_has_the_form_that_github_reads(path: Path) -> None:
    """By the published schema of its kind, which the checker carries along."""
    ran([environment("checks") / "check-jsonschema", "--builtin-schema", SCHEMAS[path], path])


def test_every_file_for_github_has_a_schema() -> None:
    """A file that is added is checked."""
    assert set(SCHEMAS) == set(GITHUB.rglob("*.yml"))


def test_workflows_have_no_known_weakness() -> None:
    """zizmor audits them and the update bot's settings, without the network."""
    ran([environment("checks") / "zizmor", "--offline", "-q", ".github"])


def test_actions_are_pinned_to_a_commit() -> None:
    """With the version beside it; a tag can be moved to other code."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    used = re.findall(r"uses: (?!\./)(.+)", text)
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []
    assert "secrets." not in text


def test_every_part_has_a_job(jobs: dict[str, dict[str, Any]]) -> None:
    """The jobs run what `scripts/test` runs, and lint has a job to itself."""
    script = (ROOT / "scripts" / "test").read_text(encoding="utf-8")
    (parts,) = re.findall(r"\|\| PARTS=\((.+)\)", script)
    assert {part for job in jobs.values() for part in parts_run(job)} == set(parts.split())
    assert parts_run(jobs["lint"]) == ["lint"]
    assert parts.split()[0] == "lint"


def test_coverage_is_measured_by_a_job(jobs: dict[str, dict[str, Any]]) -> None:
    """It is complete only over both parts, so one job runs both."""
    assert [job for job in jobs.values() if {"unit", "faults"} <= set(parts_run(job))]


def test_every_python_of_the_metadata_is_tested(jobs: dict[str, dict[str, Any]]) -> None:
    """Unit runs on each of them; the jobs that take long run on the oldest and the newest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert jobs["unit"]["strategy"]["matrix"]["python"] == named
    for job in ("faults", "integration"):
        assert jobs[job]["strategy"]["matrix"]["python"] == [named[0], named[-1]]


def test_only_other_systems_may_fail(jobs: dict[str, dict[str, Any]]) -> None:
    """Every other job is required, and none runs without a limit."""
    assert [name for name, job in jobs.items() if job.get("continue-on-error")] == ["unit-elsewhere"]
    assert [name for name, job in jobs.items() if "timeout-minutes" not in job] == []


def test_a_scheduled_job_takes_the_newest_dependencies() -> None:
    """A release that breaks us is known before an update is wanted."""
    workflow = (GITHUB / "workflows" / "newest.yml").read_text(encoding="utf-8")
    (job,) = read(GITHUB / "workflows" / "newest.yml")["jobs"].values()
    (command,) = [step for step in job["steps"] if "run" in step]
    assert "schedule:" in workflow
    assert command["env"]["S2SAUTH_NEWEST"] == "1"
    assert {"unit", "faults"} <= set(parts_run(job))


def test_bot_updates_every_kind_of_pin() -> None:
    """Actions, requirement files and package locks, each in one pull request."""
    updates = read(GITHUB / "dependabot.yml")["updates"]
    places = {place for update in updates for place in update.get("directories", [update.get("directory")])}
    locks = {f"/{path.parent.relative_to(ROOT)}" for path in (ROOT / "requirements").rglob("package-lock.json")}
    assert places == {"/", "/requirements", *locks}
    assert all(update["groups"] for update in updates)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_form_asks_for_no_secret(form: Path) -> None:
    """It says what to leave out, and no field is called after one."""
    content = read(form)
    assert re.search(r"(?i)leave out tokens|without real ids and secrets", json.dumps(content))
    labels = [field["attributes"]["label"] for field in content["body"] if "label" in field["attributes"]]
    assert [label for label in labels if re.search(r"(?i)token|secret|password|pool|client", label)] == []


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="the hooks use the tools of .venv")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="pre-commit needs a git checkout")
def test_hooks_before_a_commit_pass_and_download_nothing(tmp_path: Path) -> None:
    """All of them, on every file of the project. Takes seconds: ruff and import-linter run."""
    assert {repository["repo"] for repository in read(ROOT / ".pre-commit-config.yaml")["repos"]} == {"local"}
    path = f"{environment('checks')}:/usr/bin:/bin"
    ran(["pre-commit", "run", "--all-files"], PATH=path, PRE_COMMIT_HOME=str(tmp_path), HOME=str(tmp_path))
