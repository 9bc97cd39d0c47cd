"""The README says what is true: its keys are the keys, its commands exist, its pictures are there."""

import re
from pathlib import Path

from docs.refresh import keys_table
from qtui.cli import COMMANDS
from qtui.experiment.experiment import parse
from qtui.records import Task

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
    experiment = parse(_experiment(tmp_path).replace("hf:elyza/ELYZA-tasks-100", "demo"), tmp_path / "calm2.toml")
    assert [v.name for v in experiment.variants] == ["FP16", "Q4_K_M", "F16", "noise floor"]


def test_the_table_of_tasks_in_the_readme_takes_the_place_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_bytes("context,question,answer\n文,問,答\n".encode("euc_jp"))
    [table] = [each for each in _toml_blocks() if each.startswith("[tasks]")]
    text = re.sub(r"(?m)^tasks = .*$", "", _experiment(tmp_path)) + table
    assert parse(text, tmp_path / "calm2.toml").task_set.tasks == (Task("文\n\n問", "答"),)


def _toml_blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", README, re.DOTALL)


def _experiment(folder: Path) -> str:
    """The experiment in the README, with the file that it names."""
    (folder / "models").mkdir()
    (folder / "models" / "calm2-7b-chat.Q4_K_M.gguf").write_bytes(b"GGUF")
    return _toml_blocks()[0]
