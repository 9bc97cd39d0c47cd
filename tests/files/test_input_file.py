"""Files that never end, or end far away: refused at once wherever a person may name one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qtui import catalog, config, paths
from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.files import input_file
from qtui.tasks import load_task_set
from qtui.ui import themes

PROMPT_OF = """
name = "e"
tasks = "demo"
[sampling]
max_tokens = 8
[[models]]
name = "m"
baseline = "B"
{model}
  [[models.variants]]
  name = "B"
  engine = "transformers"
  weights = "demo"
[[judges]]
kind = "openai"
model = "j"
{judge}
"""


def own_catalog(path: Path) -> object:
    paths.user_catalog().parent.mkdir(parents=True)
    paths.user_catalog().symlink_to(path)
    return catalog.entries()


def prompt_of_a_model(path: Path) -> object:
    return experiment.parse(PROMPT_OF.format(model=f'prompt = "{path}"', judge=""), path.parent / "e.toml")


def prompt_of_a_judge(path: Path) -> object:
    return experiment.parse(PROMPT_OF.format(model="", judge=f'prompt = "{path}"'), path.parent / "e.toml")


def tasks_named(suffix: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        link = Path(os.environ["XDG_DATA_HOME"]).parent.parent / f"tasks{suffix}"
        link.symlink_to(path)
        return load_task_set(str(link))

    return read


TEXTS: dict[str, Callable[[Path], object]] = {
    "experiment": experiment.load,
    "configuration": config.load,
    "theme": themes.load,
    "catalog": own_catalog,
    "prompt of a model": prompt_of_a_model,
    "prompt of a judge": prompt_of_a_judge,
}
TABLES = {f"tasks{suffix}": tasks_named(suffix) for suffix in (".jsonl", ".csv", ".parquet")}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", [*TEXTS, *TABLES])
def test_device_that_never_ends_is_refused(what: str) -> None:
    with pytest.raises(UserError, match="a device, not a file"):
        (TEXTS | TABLES)[what](Path("/dev/zero"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", [*TEXTS, *TABLES])
def test_pipe_that_nobody_writes_to_is_refused(what: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a pipe, not a file"):
        (TEXTS | TABLES)[what](tmp_path / "pipe")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", [*TEXTS, *TABLES])
def test_file_of_a_terabyte_is_refused(what: str, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(2**40)
    limit = 4 if what in TEXTS else 512
    with pytest.raises(UserError, match=f"is larger than {limit} MiB"):
        (TEXTS | TABLES)[what](sparse)


def test_file_of_the_kernel_without_a_size_is_read_no_further_than_the_limit() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(UserError, match="is larger than"):
        input_file.read(Path("/proc/self/maps"), limit=100)


def test_file_of_just_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert len(input_file.read(tmp_path / "f", limit=100)) == 100


def test_line_ends_are_newlines_as_in_any_text(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes("\ufeff猫\r\n犬\r鳥\n".encode())
    assert input_file.read_text(tmp_path / "f") == "猫\n犬\n鳥\n"
