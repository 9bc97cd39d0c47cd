"""What the documents for contributors name exists: linked files, sections, paths, and make's targets.

ARCHITECTURE.md has tests of its own in `test_architecture.py`.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("AGENTS.md", "CONTRIBUTING.md", "SECURITY.md", "docs/releasing.md", "docs/reliability.md")


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = ROOT / request.param
    return path


def test_every_linked_file_and_section_exists(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not is_there(link, document)] == []


def is_there(link: str, document: Path) -> bool:
    name, _, section = link.partition("#")
    target = document.parent / name if name else document
    return target.exists() and (not section or section in sections(target))


def sections(document: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_path_of_the_checkout_exists(document: Path) -> None:
    paths = re.findall(r"`((?:qtui|tests|docs|data|themes)/[\w./]*)`", document.read_text(encoding="utf-8"))
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


def test_every_target_of_make_exists(document: Path) -> None:
    command = r"(?:^|`|&& )make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)"
    named = set(re.findall(command, document.read_text(encoding="utf-8"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named - targets == set()
