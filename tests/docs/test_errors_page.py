"""docs/errors.md has every text of an error that the code can raise, and every class.

Private modules: the page has the tables of causes and refusals whole, and no error shows more than a row.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import s2sauth
from s2sauth._core import client_token, cognito, refusals

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src" / "s2sauth"
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")

MODULES = sorted(
    path
    for path in SOURCES.rglob("*.py")
    if not {"testing", "_cli", "local"} & {*path.relative_to(SOURCES).parts}  # the command line has pages of its own
    and path.name not in ("events.py", "otel.py", "dynamodb.py")  # these raise no text of their own
)
NOT_SAID = (
    r"^No response can be found for$",  # pytest-httpx says it
    r"^UTC; use token\.authorization or token\.access_token$",  # the end of a repr
    r"^<.*",  # a repr
    r".*\bredis\.call\(.*|.*\bARGV\b.*|elseif .*",  # Lua
    r"^(CREATE|SELECT|INSERT|DELETE|PRAGMA) .*",  # SQL
    r".*\btuple\[.*|.*Callable\[|.*\bStore str None|.*\bstr (Iterable|HasSecretValue)\b",  # types in quotes
    r"^\(\?i:.*",  # a pattern
    r"^th he in er an re ",  # pairs of letters
    r"^(takes the fields|has no attribute)$",  # the standard's own TypeError and AttributeError
    r"^(domain|token_url) (or|with) (token_url|get_client_token)$",  # names of forms
    r"^the HTTP client could not be closed: .*",  # a line of the log
    r"^No response can be found for$",  # pytest-httpx says so
    r"^(max number of clients|Too many connections)$",  # Redis and redis-py say so
    r"^(is not JSON|a member name occurs twice)$",  # caught where it is raised: `is no JSON object` is what is said
)
"""Texts of three words or more that no error says."""


def words(text: str) -> str:
    """Without markup and line breaks."""
    return " ".join(re.sub(r"[`*|]", " ", text).split())


SAID = words(PAGE)


def texts(path: Path) -> Iterator[str]:
    """What the module may say: its texts of three words or more, between what is filled in; no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        for part in node.value.split("{}"):
            text = words(part).strip(" ,;:.()>").removeprefix("Likely cause: ")
            if len(re.findall("(?:^| )[A-Za-z]{2,}", text)) >= 3 and not any(
                re.match(odd, text, re.DOTALL) for odd in NOT_SAID
            ):
                yield text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCES).as_posix())
def test_every_text_is_on_the_page(path: Path) -> None:
    """Word for word, so that who searches for it finds it."""
    assert [text for text in texts(path) if text not in SAID] == []


def test_texts_are_found() -> None:
    """Some of each kind: else the test above compares nothing."""
    assert "is a bare prefix, which needs region" in list(texts(SOURCES / "_core" / "endpoint.py"))
    assert "The token request failed" in list(texts(SOURCES / "_sender.py"))
    assert "The token endpoint's certificate was refused" in list(texts(SOURCES / "_sender.py"))
    assert sum(len(list(texts(path))) for path in MODULES) > 100


def test_every_class_is_on_the_page() -> None:
    """All that are public."""
    for name in s2sauth.__all__:
        public = getattr(s2sauth, name)
        if isinstance(public, type) and issubclass(public, s2sauth.S2SAuthError):
            assert f"`{name}`" in PAGE


@pytest.mark.parametrize("code", [*cognito._CAUSES, *client_token._CAUSES, *map(str, cognito._STATUSES)])
def test_each_code_stands_beside_its_cause(code: str) -> None:
    """In one line, whole."""
    cause = cognito._CAUSES.get(code) or client_token._CAUSES.get(code) or cognito._STATUSES[int(code)]
    (line,) = [line for line in PAGE.splitlines() if re.match(rf"\| `?{code}`? \|", line)]
    assert line.endswith(f"| {cause.removeprefix('Likely cause: ')} |")


@pytest.mark.fault(188)
def test_the_table_of_refusals_is_the_one_in_the_code() -> None:
    """Row by row, in the same order: what the command says is what the page says."""
    _, _, part = PAGE.partition("\n## Refusals of API Gateway and AWS WAF\n")
    rows = [line for line in part.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    headers = [(f"x-amzn-waf-action: {row.name}", row) for row in refusals.WAF]
    headers += [(f'www-authenticate: Bearer error="{row.name}"', row) for row in refusals.BEARER]
    headers += [(f"x-amzn-errortype: {row.name}", row) for row in refusals.API_GATEWAY]
    assert rows == [
        f"| `{header}` | {row.status} | {row.message and f'`{row.message}`'} | {row.cause} | {row.fix} |"
        for header, row in headers
    ]
