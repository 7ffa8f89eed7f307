"""examples/files-service, built and deployed with the commands of its README."""

import subprocess
import sys
from pathlib import Path

from s2sauth.local._world import World as FilesService

from .install import ROOT, environment, s2sauth_source, unchanged
from .ministack import MiniStack

EXAMPLE = ROOT / "examples" / "files-service"
_BUCKET = "files-service-code"

__all__ = ["EXAMPLE", "FilesService", "build", "deploy"]


def build() -> Path:
    """The folder that goes into the caller's zip, with packages for MiniStack's and the Lambda runtime's interpreter.

    Of the wheel that this interpreter's environment was made with, else of the checkout.
    """
    s2sauth, *sources = s2sauth_source()
    made_of = [*sources, ROOT / "requirements" / "caller.txt", EXAMPLE / "build.py", EXAMPLE / "caller" / "handler.py"]
    python = environment("ministack") / "python"
    with unchanged(EXAMPLE / "build" / ".stamp", sys.version, *(path.read_bytes() for path in made_of)) as fits:
        if not fits:
            print("Building examples/files-service", file=sys.stderr)
            wheel = () if s2sauth == ROOT else ("--wheel", s2sauth)
            subprocess.run((python, EXAMPLE / "build.py", "--here", *wheel), check=True, stdin=subprocess.DEVNULL)
    return EXAMPLE / "build" / "caller"


def deploy(aws: MiniStack, *parameters: str, stack: str = "files-service") -> FilesService:
    """Build the example and deploy it into MiniStack, with these parameters of its template beside those for here."""
    build()
    here = [f"CognitoDomain={aws.url}", f"ApiBaseUrl={aws.url}/_aws/execute-api"]
    for command in (["aws", "s3", "mb", f"s3://{_BUCKET}"], ["./deploy.sh", stack, _BUCKET, *here, *parameters]):
        done = subprocess.run(command, cwd=EXAMPLE, env=aws.cli_environ, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}{aws.log()}")
    (described,) = aws.aws("cloudformation", "describe-stacks", "--stack-name", stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    pool, client = outputs["UserPoolId"], outputs["ClientId"]
    ids = ["--user-pool-id", pool, "--client-id", client]
    return FilesService(
        caller=outputs["CallerFunction"],
        url=outputs["FilesServiceUrl"],
        domain=outputs["CognitoDomain"],
        user_pool_id=pool,
        client_id=client,
        client_secret=aws.aws("cognito-idp", "describe-user-pool-client", *ids)["UserPoolClient"]["ClientSecret"],
        token_store=outputs.get("TokenStore"),
    )
