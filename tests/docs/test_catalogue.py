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
def test_1_it_is_mended() -> None: ...
async def test_12_it_is_mended(x: int) -> None: ...
def test_cve_2025_1_is_none_here() -> None: ...
def test_incident_some_words_happens_to_others() -> None: ...
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
    """206 numbers in their order, 26 norms."""
    sections = catalogue.read((catalogue.ROOT / catalogue.CATALOGUE).read_text(encoding="utf-8"))
    numbers = [entry.id for section in sections for entry in section.entries if len(section.id) == 1]
    assert numbers == [str(number) for number in range(1, 207)]
    (norms,) = [section for section in sections if section.id == "norms"]
    assert [entry.id for entry in norms.entries] == [f"N{number}" for number in range(1, 27)]


def test_a_small_checkout_is_fine(root: Path) -> None:
    """So that the others below show what they seem to show; the page has a link to the file and the test's name."""
    assert catalogue.check(root) == []
    text = (root / catalogue.PAGE).read_text(encoding="utf-8")
    link = "[test_some.py](../../tests/faults/test_some.py)"
    assert f"| 1 | It breaks. | It \\| is mended. | {link} `test_1_it_is_mended` |" in text
    assert f"{link} `test_12_it_is_mended`; Half of it. |" in text
    assert "| 102 | f | o | None: comes later. |" in text
    assert "| N1 | f (RFC 1) | o | None: no such thing. |" in text


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("test_1_it", "1 has no test: write one named test_1_"),
        ("test_cve_2025_1_is", "CVE-2025-1 has no test: write one named test_cve_2025_1_"),
        ("test_incident_some_words", "some-words has no test: write one named test_incident_some_words_"),
    ],
)
def test_an_entry_without_test_is_named(root: Path, name: str, entry: str) -> None:
    """The test was given another name."""
    write(root, ENTRIES, TESTS.replace(name, "test_other"))
    assert catalogue.main([], root) == 1
    (wrong,) = catalogue.check(root)
    assert wrong.startswith(entry)


def test_a_reason_beside_a_test_is_stale(root: Path) -> None:
    """What has come to be tested no longer says why it is not."""
    write(root, ENTRIES, TESTS + "def test_n1_holds() -> None: ...\n")
    assert "N1 has a test, test_n1_holds, and yet says not_here" in catalogue.check(root)[0]


def test_a_groups_reason_holds_for_those_that_have_no_test(root: Path) -> None:
    """A test of one of them needs no other word."""
    write(root, ENTRIES, TESTS + "def test_102_holds() -> None: ...\n")
    assert catalogue.main([], root) == 0


@pytest.mark.parametrize("name", ["test_7_x", "test_n9_x", "test_cve_2025_2_x", "test_incident_other_x"])
def test_a_test_of_no_entry_is_named(root: Path, name: str) -> None:
    """A number that nobody knows is a slip."""
    write(root, ENTRIES, f"{TESTS}def {name}() -> None: ...\n")
    assert catalogue.main([], root) == 1
    assert catalogue.check(root) == [f"{name} belongs to no entry of the catalogue"]


def test_a_test_that_an_entry_names_is_found_in_any_folder(root: Path) -> None:
    """By its subject: its name has no number, and it may be a method. One that is not there is a slip."""
    (root / "tests" / "hook").mkdir()
    (root / "tests" / "hook" / "test_other.py").write_text("class Test:\n    def test_401_is_mended(self): ...\n")
    named = ENTRIES.replace('not_here = "no such thing"', 'tests = ["test_401_is_mended"]')
    write(root, named, TESTS)
    assert catalogue.main([], root) == 0
    assert "[test_other.py](../../tests/hook/test_other.py) `test_401_is_mended`" in (root / catalogue.PAGE).read_text()
    write(root, named.replace("401", "402"), TESTS)
    assert "N1 names test_402_is_mended, which is not there" in catalogue.check(root)


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
    with pytest.raises(ValueError, match="nothere"):
        catalogue.read(ENTRIES.replace('not_here = "no', 'nothere = "no'))
