"""Every fault, norm and incident of the catalogue has a test or a reason, and the page that lists them is current."""

from pathlib import Path

import pytest

from scripts import catalogue

ENTRIES = """\
[A]
title = "Some group"
[A.1]
fault = "It breaks."
outcome = "It | is mended."
[A.12]
fault = "It breaks again."
outcome = "It is mended again."
note = "Half of it."
[G]
title = "Some other group"
not_here = "comes later"
[G.102]
fault = "f"
outcome = "o"
[norms]
title = "Norms"
[norms.N1]
source = "RFC 1"
fault = "f"
outcome = "o"
not_here = "no such thing"
[incidents]
title = "Incidents"
[incidents.CVE-2025-1]
fault = "f"
outcome = "o"
[incidents.some-words]
fault = "f"
outcome = "o"
"""
TESTS = """\
@pytest.mark.fault(1)
def test_it_is_mended() -> None: ...
@pytest.mark.parametrize("x", [1])
@pytest.mark.fault(12, "some-words")
async def test_it_is_mended_twice(x: int) -> None: ...
@pytest.mark.fault("CVE-2025-1")
def test_is_none_here() -> None: ...
def test_of_no_number() -> None: ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small checkout in which all is well."""
    write(tmp_path, ENTRIES, TESTS)
    assert catalogue.main([], tmp_path) == 0
    return tmp_path


def write(root: Path, entries: str, tests: str) -> None:
    """A catalogue and its tests."""
    folder = root / "tests" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalogue.toml").write_text(entries, encoding="utf-8")
    (folder / "test_some.py").write_text(tests, encoding="utf-8")


def test_every_entry_has_a_test_or_a_reason_and_the_page_is_current() -> None:
    """Of this project's own catalogue: `python scripts/catalogue.py` writes the page, and says what is missing."""
    assert catalogue.check() == []


def test_the_catalogue_is_complete() -> None:
    """215 numbers in their order, 26 norms."""
    sections = catalogue.read((catalogue.ROOT / catalogue.CATALOGUE).read_text(encoding="utf-8"))
    numbers = [entry.id for section in sections for entry in section.entries if len(section.id) == 1]
    assert numbers == [str(number) for number in range(1, 216)]
    (norms,) = [section for section in sections if section.id == "norms"]
    assert [entry.id for entry in norms.entries] == [f"N{number}" for number in range(1, 27)]


def test_a_small_checkout_is_fine(root: Path) -> None:
    """So that the others below show what they seem to show; the page has a link to the file and the test's name."""
    assert catalogue.check(root) == []
    text = (root / catalogue.PAGE).read_text(encoding="utf-8")
    link = "[test_some.py](../../tests/faults/test_some.py)"
    assert f"| 1 | It breaks. | It \\| is mended. | {link} `test_it_is_mended` |" in text
    assert f"{link} `test_it_is_mended_twice`; Half of it. |" in text
    assert f"| some-words | f | o | {link} `test_it_is_mended_twice` |" in text
    assert "| 102 | f | o | None: comes later. |" in text
    assert "| N1 | f (RFC 1) | o | None: no such thing. |" in text


@pytest.mark.parametrize(
    ("mark", "wrong"),
    [
        ("(1)", "1 has no test: mark one with @pytest.mark.fault(1), or"),
        ("(12, ", "12 has no test: mark one with @pytest.mark.fault(12), or"),
        ('("CVE-2025-1")', 'CVE-2025-1 has no test: mark one with @pytest.mark.fault("CVE-2025-1"), or'),
        ('"some-words"', 'some-words has no test: mark one with @pytest.mark.fault("some-words"), or'),
    ],
)
def test_an_entry_without_test_is_named(root: Path, mark: str, wrong: str) -> None:
    """Its mark is gone."""
    left = {"(12, ": "(", '"some-words"': ""}.get(mark, "()")
    write(root, ENTRIES, TESTS.replace(mark, left))
    assert catalogue.main([], root) == 1
    (found,) = catalogue.check(root)
    assert found.startswith(wrong)


def test_a_reason_beside_a_test_is_stale(root: Path) -> None:
    """What has come to be tested no longer says why it is not."""
    write(root, ENTRIES, TESTS + '@pytest.mark.fault("N1")\ndef test_it_holds() -> None: ...\n')
    assert "N1 has a test, test_it_holds, and yet says not_here" in catalogue.check(root)[0]


def test_a_groups_reason_holds_for_those_that_have_no_test(root: Path) -> None:
    """A test of one of them needs no other word."""
    write(root, ENTRIES, TESTS + "@pytest.mark.fault(102)\ndef test_it_holds() -> None: ...\n")
    assert catalogue.main([], root) == 0


@pytest.mark.parametrize("entry", ["7", '"N9"', '"CVE-2025-2"', '"other-words"'])
def test_a_mark_of_no_entry_is_named(root: Path, entry: str) -> None:
    """A number that nobody knows is a slip."""
    write(root, ENTRIES, f"{TESTS}@pytest.mark.fault({entry})\ndef test_x() -> None: ...\n")
    assert catalogue.main([], root) == 1
    entry = entry.strip('"')
    assert catalogue.check(root) == [f"test_x is marked with {entry}, which is not there"]


def test_a_test_is_found_in_any_folder(root: Path) -> None:
    """By its mark; it may be a method."""
    (root / "tests" / "hooks").mkdir()
    method = "class Test:\n    @pytest.mark.fault(102)\n    def test_401_is_mended(self): ...\n"
    (root / "tests" / "hooks" / "test_other.py").write_text(method)
    assert catalogue.main([], root) == 0
    assert (
        "[test_other.py](../../tests/hooks/test_other.py) `test_401_is_mended`" in (root / catalogue.PAGE).read_text()
    )


def test_a_page_that_is_not_current_is_seen_and_not_touched(root: Path) -> None:
    """The check writes nothing."""
    page = root / catalogue.PAGE
    page.write_text("old", encoding="utf-8")
    assert catalogue.main(["--check"], root) == 1
    assert page.read_text(encoding="utf-8") == "old"
    page.unlink()
    assert catalogue.main(["--check"], root) == 1


def test_an_unknown_member_is_a_mistake() -> None:
    """A slip of the pen in the catalogue does not go by in silence."""
    with pytest.raises(TypeError, match="nothere"):
        catalogue.read(ENTRIES.replace('not_here = "no', 'nothere = "no'))
