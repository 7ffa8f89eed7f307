"""A Lambda function's module whose logger is Powertools'; run as a program, it prints the lines of two invocations."""

from types import SimpleNamespace

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import utils

from s2sauth import CognitoClientCredentials, S2SAuthError
from s2sauth.testing import FakeCognito

logger = Logger(service="billing", level="DEBUG")
utils.copy_config_to_registered_loggers(source_logger=logger, include={"s2sauth"})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, str], context: object) -> str:
    """Says what came of asking for a token."""
    logger.append_keys(tenant=event["tenant"])
    try:
        return credentials.with_scopes(event["scope"]).get_token().token_type
    except S2SAuthError as error:
        logger.exception("no token")
        return type(error).__name__


if __name__ == "__main__":
    with FakeCognito(client_id="id-of-the-app-client", client_secret="secret-of-the-app-client") as fake:
        credentials = CognitoClientCredentials.from_env(environ=fake.environ)
        for number, scope in enumerate(("demo/read.file", "demo/unknown")):
            context = SimpleNamespace(
                function_name="caller",
                memory_limit_in_mb=128,
                invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:caller",
                aws_request_id=f"request-{number}",
            )
            handler({"tenant": f"tenant-{number}", "scope": scope}, context)
