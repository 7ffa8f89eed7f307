"""Values that arrive as they stood in a file: in quotes, or as a placeholder that nothing replaced.

`docker run --env-file` passes quotes on, and a template that was not rendered leaves `${NAME}` or `<client-id>` behind.
No text repeats the value, which may be a secret.
"""

import re
from typing import Final

QUOTED: Final = "is in quotes: remove them (docker run --env-file, for one, passes quotes on)"
PLACEHOLDER: Final = "is a placeholder that nothing replaced: give the value itself"

_PAIRS: Final = ('""', "''", "``", "“”", "‘’", "„“", "‚‘", "””", "’’", "«»", "»«", "‹›", "›‹")
_FIRST: Final = "$%{<#@"
_WHOLE: Final = (
    r"\$+\w+"  # a shell
    r"|\$+[{(].*[})]"  # a shell, docker compose, Kubernetes, GitHub Actions, Azure Pipelines
    r"|\$env:\w+"  # PowerShell
    r"|%\w+%|%[({]\w+[)}]s?"  # cmd.exe, Python
    r"|\{\{.*\}\}|\{%.*%\}|\{\w+\}"  # Jinja, Helm, CloudFormation; Python
    r"|#\{.*\}#?|@\w+@"  # Azure DevOps, CMake
    r"|<[^<>]+>"  # a manual
)
_WITHIN: Final = r"\$\{|\{\{|<[^<>]+>"


def wrong_with(value: str) -> str | None:
    """What is wrong with a value that is, as a whole, in quotes or a placeholder; None for every other value."""
    return (QUOTED if is_quoted(value) else None) or (PLACEHOLDER if is_placeholder(value) else None)


def is_quoted(value: str) -> bool:
    """Whether the value as a whole is in quotes of any kind."""
    value = value.strip()
    return len(value) > 1 and value[0] + value[-1] in _PAIRS


def is_placeholder(value: str) -> bool:
    """Whether the value as a whole is one. Other servers' secrets may look like that, Cognito's cannot."""
    value = value.strip()
    return value[:1] in _FIRST and re.fullmatch(_WHOLE, value, re.DOTALL) is not None


def wrong_with_address(value: str) -> str | None:
    """The same for a host, a URL or a Region, no part of which can be a placeholder either."""
    return wrong_with(value) or (PLACEHOLDER if re.search(_WITHIN, value) else None)
