"""The caller of ../files-service, with a metric for what happens to its tokens.

Its client secret is in Secrets Manager (COGNITO_CLIENT_SECRET_ARN), its tokens are shared in a table (TOKEN_STORE).
"""

import json
import os
from typing import Any

import httpx

from s2sauth import CognitoClientCredentials, Event

FILES = os.environ["FILES_SERVICE_URL"]
COUNTED = {
    "renewed",
    "token_taken",
    "renewal_attempt_failed",
    "renewal_failed",
    "token_rejected",
    "forced_renewal_withheld",
}


def to_cloudwatch(event: Event) -> None:
    """Print a line in CloudWatch's embedded metric format: Lambda's log makes metrics of it, without a call to AWS."""
    if event.name not in COUNTED:
        return
    metrics = [{"Name": event.name, "Unit": "Count"}]
    values: dict[str, float | None] = {event.name: 1}
    if event.name == "renewed":
        metrics.append({"Name": "renewal_seconds", "Unit": "Seconds"})
        values["renewal_seconds"] = event.seconds
    directive = {"Namespace": "s2sauth", "Dimensions": [["service"]], "Metrics": metrics}
    about = {"_aws": {"Timestamp": int(event.at * 1000), "CloudWatchMetrics": [directive]}}
    print(json.dumps({**about, **values, "service": os.environ["SERVICE"], "key": event.key, "error": event.error}))


credentials = CognitoClientCredentials.from_env(
    scopes="demo/read.file", store=os.environ["TOKEN_STORE"], on_event=to_cloudwatch
)
files = httpx.Client(base_url=FILES, auth=credentials.httpx_auth(FILES))


def handler(event: object, context: object) -> Any:
    """Answer with what the files service answers."""
    return files.get("/files").raise_for_status().json()
