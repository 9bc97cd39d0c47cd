"""Names that are bytes and numbers beyond what a store holds, given to commands: used, or one sentence."""

import os
import subprocess
from pathlib import Path

import pytest

from qtui.processes import child_process
from qtui.store import open_store

TOO_LARGE = "9" * 25


def qtui(*arguments: bytes | str, store: Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command in a process of its own: only such one has arguments that are bytes."""
    command = [os.fsencode(each) for each in child_process.command("qtui", "--store", str(store))]
    done = subprocess.run(
        [*command, *(os.fsencode(each) for each in arguments)],
        capture_output=True,
        check=False,
        env=child_process.environment(first=[Path(__file__).parents[2]]),
    )
    assert b"Traceback" not in done.stderr
    return (
        done.returncode,
        done.stdout.decode(),
        done.stderr.decode(),
    )  # what is printed is UTF-8, whatever the names are


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name is not UTF-8, with a study and an experiment."""
    made = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    model = made / "study" / "org" / os.fsdecode(b"m\xff")
    model.mkdir(parents=True)
    whole = made / "study" / "org" / "pet"
    whole.mkdir()
    for place in (model, whole):
        (place / "dataset.jsonl").write_text('{"input_text": "q", "output_text": "a", "eval_aspect": "c"}\n')
        (place / "preds.jsonl").write_text('{"pred": "p"}\n')
    for name in ("result.jsonl", "result_take9223372036854775808.jsonl", f"result_take{TOO_LARGE}.jsonl"):
        (whole / name).write_text('{"grade": 3, "reason": "r"}\n')
    (made / "e.toml").write_text('name = "e"\ntasks = "demo"\n[[models]]\nname = "m"\n')
    return made


def test_a_study_in_folders_whose_names_are_not_utf8_is_imported_and_what_is_left_out_is_said(folder: Path) -> None:
    store = folder / os.fsdecode(b"store\xff.sqlite")
    code, out, err = qtui("import", "gpt4-autoeval", os.fsencode(folder / "study"), store=store)
    assert (code, err) == (0, "")
    assert "1 grade" in out
    assert out.count("Left out") == 2
    assert "result_take9223372036854775808.jsonl" in out
    assert qtui("runs", store=store)[0] == 0


def test_an_experiment_whose_path_is_not_utf8_is_refused_by_a_sentence(folder: Path, tmp_path: Path) -> None:
    code, _, err = qtui("run", os.fsencode(folder / "e.toml"), store=tmp_path / "s.sqlite")
    assert code == 1
    assert err.startswith("error: ")
    assert "its path is not UTF-8, and a run keeps the path: rename the file or its folder." in err


@pytest.mark.parametrize(
    "arguments", [("cancel", TOO_LARGE), ("pause", TOO_LARGE), ("resume", TOO_LARGE), ("scores", "--run", TOO_LARGE)]
)
def test_the_number_of_a_run_beyond_64_bits_is_a_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    open_store(store).close()
    code, _, err = qtui(*arguments, store=store)
    assert code == 1
    assert "a whole number is beyond 64 bits, such as the number of a run" in err


@pytest.mark.parametrize("name", ["~nosuchuser/x", "x" * 300])
def test_a_store_that_cannot_be_one_is_a_sentence(name: str) -> None:
    code, _, err = qtui("runs", store=Path(name))
    assert code == 1
    assert err.startswith(f'error: "{name[:60]}')
