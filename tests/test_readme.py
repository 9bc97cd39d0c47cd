"""The README says what is true: its keys are the keys, its commands exist, its pictures are there."""

import re
from pathlib import Path

from docs.refresh import keys_table
from qtui.cli import COMMANDS
from qtui.experiment.experiment import parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_keys_in_the_readme_are_those_of_the_table() -> None:
    assert keys_table() in README, "run `make docs`"


def test_every_command_in_the_readme_exists() -> None:
    named = set(
        re.findall(r"\bqtui ([a-z]+)\b", "\n".join(re.findall(r"`[^`\n]+`|```console.*?```", README, re.DOTALL)))
    )
    assert named - set(COMMANDS) == set()


def test_every_linked_file_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_experiment_in_the_readme_is_valid(tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "calm2-7b-chat.Q4_K_M.gguf").write_bytes(b"GGUF")
    experiment = parse(text.replace("hf:elyza/ELYZA-tasks-100", "demo"), tmp_path / "calm2.toml")
    assert [v.name for v in experiment.variants] == ["FP16", "Q4_K_M", "F16", "noise floor"]
