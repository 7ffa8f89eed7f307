"""examples/cdk: synthesised, and deployed into MiniStack with the CDK's own command."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .install import ROOT, environment, s2sauth_source
from .ministack import MiniStack
from .node import NODE, packages

EXAMPLE = ROOT / "examples" / "cdk"


@dataclass(frozen=True)
class Assembly:
    """What a synthesis wrote."""

    folder: Path

    @property
    def file(self) -> Path:
        """The template."""
        (file,) = self.folder.glob("*.template.json")
        return file

    @property
    def template(self) -> dict[str, Any]:
        """Its content."""
        template: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        return template

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of the resources of this type, by their names."""
        found = self.template["Resources"].items()
        return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}


def build() -> None:
    """Make the folder that goes into the caller's zip, with packages for MiniStack's interpreter."""
    s2sauth, *_ = s2sauth_source()
    wheel = () if s2sauth == ROOT else ("--wheel", s2sauth)
    command = [ROOT / "examples" / "files-service" / "build.py", "--here", "--to", EXAMPLE / "build", *wheel]
    handler = ("--handler", EXAMPLE / "caller" / "handler.py")
    python = environment("ministack") / "python"
    subprocess.run([python, *command, *handler], check=True, stdin=subprocess.DEVNULL)


def synthesise(folder: Path, **context: str) -> Assembly:
    """Run the app as for an account of AWS, with these context values."""
    told = {"CDK_CONTEXT_JSON": json.dumps(context)} if context else {}
    _run([environment("checks") / "python", "app.py"], {"HOME": str(folder), "CDK_OUTDIR": str(folder), **told})
    return Assembly(folder)


def deploy(aws: MiniStack, *, stack: str) -> dict[str, str]:
    """`cdk bootstrap`, then `cdk deploy` with the app's context values for a local AWS; the stack's outputs."""
    command = packages("cdk") / "node_modules" / "aws-cdk" / "bin" / "cdk"
    cdk = [
        NODE,
        command,
        "--no-notices",
        "--app",
        f"{environment('checks') / 'python'} app.py",
        "--output",
        aws.folder / stack,
    ]
    account = "aws://000000000000/us-east-1"  # MiniStack's
    _run([*cdk, "bootstrap", account], aws.cli_environ)
    context = {"stack": stack, "cognito_domain": aws.url, "api_base_url": f"{aws.url}/_aws/execute-api"}
    told = [argument for name, value in context.items() for argument in ("--context", f"{name}={value}")]
    _run([*cdk, "deploy", "--require-approval", "never", *told], aws.cli_environ)
    (described,) = aws.aws("cloudformation", "describe-stacks", "--stack-name", stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _run(command: list[str | Path], environ: dict[str, str]) -> None:
    quiet = {"CI": "1", "CDK_DISABLE_VERSION_CHECK": "1", "CDK_DISABLE_CLI_TELEMETRY": "true"}  # asks nobody outside
    jsii = {
        "JSII_NODE": str(NODE),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / ".cache" / "jsii"),
    }  # 4 s in place of 15
    variables = {"PATH": os.environ["PATH"], **environ, **quiet, **jsii}
    done = subprocess.run(command, cwd=EXAMPLE, env=variables, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
