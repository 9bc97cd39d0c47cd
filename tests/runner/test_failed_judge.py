"""Added judges that do not work: they are reported once, spoil no later command, and can be taken from the run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.experiment.experiment import load
from qtui.judges import fingerprint
from qtui.records import JudgeSpec
from qtui.results.answers import comparison, pairs
from qtui.run_progress import JudgeProgress, RunSummary
from qtui.runner import added_judges, start
from qtui.store import Store, grades, judges, leases, open_store, runs
from qtui.store.task_answers import sides
from tests import stores
from tests.judges.endpoint import Failure, Say, endpoint
from tests.runner.test_added_judge import graded, judge, judge_at, store
from tests.runner.test_attach import SHORT

__all__ = ["store"]

NOBODY = "http://127.0.0.1:9/v1"
NO_MODEL = Failure(404, {"error": {"message": "no such model"}})
TYPO = "openai:typo"


def qtui(store: Store, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store.path)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | environment
    )


def run_of(store: Store) -> RunSummary:
    return runs.summaries(store)[0]


def judge_of(store: Store, label: str) -> JudgeProgress:
    return next(judge for judge in run_of(store).judges if judge.label == label)


def ask_typo(store: Store, say: Say = lambda *_: NO_MODEL) -> "tuple[subprocess.CompletedProcess[str], list[str]]":
    with endpoint(say) as served:
        done = judge(store, "openai", "--model", "typo", "--base-url", served.base_url)
    return done, served.prompts


def test_judge_without_a_single_grade_is_reported_and_the_run_stays_done(store: Store) -> None:
    done, _ = ask_typo(store)
    assert done.returncode == 1
    assert 'no model "typo" there' in done.stderr
    assert "error: run 1: " in done.stderr
    assert run_of(store).state == "done"
    assert judge_of(store, TYPO).state == "failed"


def test_runs_names_a_failed_judge_with_its_reason(store: Store) -> None:
    ask_typo(store)
    assert f"run 1: judge {TYPO}: {judge_of(store, TYPO).reason}" in qtui(store, "runs").stdout


def test_reason_of_a_judge_without_a_grade_says_how_it_is_asked_again_and_removed(store: Store) -> None:
    ask_typo(store)
    reason = judge_of(store, TYPO).reason
    assert reason.endswith(
        "It is not asked again unless you add it again with `qtui judge`; `qtui judge remove openai:typo` removes it from the run."
    )


def test_judge_that_never_replied_leaves_no_grade_of_an_empty_answer(store: Store) -> None:
    ask_typo(store)
    assert graded(store) == []


@pytest.mark.parametrize("later", [("resume", "1"), ("judge", "reference")])
def test_later_commands_do_not_ask_it_again(store: Store, later: tuple[str, ...]) -> None:
    with endpoint(lambda *_: NO_MODEL) as served:
        judge(store, "openai", "--model", "typo", "--base-url", served.base_url)
        before = len(served.prompts)
        done = qtui(store, *later)
        assert len(served.prompts) == before
    assert done.returncode == 0, done.stderr
    assert judge_of(store, TYPO).state == "failed"


def test_named_again_it_is_asked_again(store: Store) -> None:
    ask_typo(store)
    done, prompts = ask_typo(store)
    assert (done.returncode, prompts != []) == (1, True)


def test_named_again_at_another_address_it_is_asked_there(store: Store) -> None:
    assert ask_typo(store)[0].returncode == 1
    done, prompts = ask_typo(store, lambda *_: '{"grade": 4}')
    assert (done.returncode, prompts != []) == (0, True)
    assert judge_of(store, TYPO).state == "done"


def test_run_that_such_a_judge_made_failed_under_an_older_qtui_recovers(store: Store) -> None:
    ask_typo(store)
    runs.set_state(store, 1, "failed", f"{TYPO}: {judge_of(store, TYPO).reason}")
    assert qtui(store, "resume", "1").returncode == 0
    assert run_of(store).state == "done"


def test_judge_that_graded_everything_needs_its_endpoint_no_more(store: Store) -> None:
    done, _ = judge_at(store, lambda *_: '{"grade": 4}')
    assert done.returncode == 0
    assert qtui(store, "resume", "1").returncode == 0
    assert judge_of(store, "openai:grader").state == "done"


def test_judge_that_graded_everything_needs_its_key_no_more(store: Store) -> None:
    cloud = JudgeSpec("openai", model="cloud", api_key_env="MY_KEY")
    added_judges.add(store, 1, cloud)
    stores.grade(store, 1, {"FP16": [4, 4], "Q4": [4, 1]}, judge=cloud.label, fingerprint=fingerprint(cloud))
    done = qtui(store, "resume", "1")
    assert (done.returncode, judge_of(store, "openai:cloud").state) == (0, "done"), done.stderr


def test_key_that_is_unset_when_the_judge_is_asked_first_is_said_and_nothing_added(store: Store) -> None:
    done = judge(store, "openai", "--model", "cloud", "--api-key-env", "MY_KEY")
    assert "the environment variable MY_KEY is not set" in done.stderr
    assert run_of(store).judges == ()


@pytest.fixture
def half_graded(store: Store) -> Store:
    """A run that a judge failed in after its first grades."""
    refusal = Failure(401, {"error": {"message": "no"}})
    judge_at(store, lambda _, number: '{"grade": 4}' if number == 0 else refusal, "--concurrency", "1")
    return store


def test_judge_with_some_grades_makes_the_run_failed_and_says_how_it_is_removed(half_graded: Store) -> None:
    assert run_of(half_graded).state == "failed"
    assert "`qtui judge remove openai:grader` removes it from the run." in run_of(half_graded).reason


def test_judge_with_some_grades_goes_on_where_it_stopped(half_graded: Store) -> None:
    done, prompts = judge_at(half_graded, lambda *_: '{"grade": 2}')
    assert (done.returncode, prompts) == (0, ["a|東京です"])


def test_removing_a_judge_with_some_grades_makes_the_run_done(half_graded: Store) -> None:
    done = qtui(half_graded, "judge", "remove", "openai:grader")
    assert done.returncode == 0
    assert done.stderr == "removed judge openai:grader from run 1; its 2 grades are no longer shown\n"
    assert (run_of(half_graded).state, run_of(half_graded).reason) == ("done", "")
    assert qtui(half_graded, "resume", "1").returncode == 0


def shown_judges(store: Store) -> set[str]:
    """Judges whose grades anything shows: figures and exports, Compare, `qtui compare`."""
    in_figures = {row["judge"] for row in grades.rows(store, [1])}
    found = sides(store, 1, "m", 1)
    assert found is not None
    in_compare = {line.judge for side in found.sides for answer in side.answers for line in answer.grades}
    compared = comparison(store.path, pairs(store.path, (1,))[0], 1)
    assert compared.baseline is not None
    return in_figures | in_compare | {grade.judge for grade in compared.baseline.grades}


def test_grades_of_a_removed_judge_are_shown_nowhere(store: Store) -> None:
    judge(store, "reference")
    judge_at(store, lambda *_: '{"grade": 4}')
    assert shown_judges(store) == {"reference", "openai:grader"}
    assert qtui(store, "judge", "remove", "openai:grader").returncode == 0
    assert shown_judges(store) == {"reference"}
    assert [each.label for each in run_of(store).judges] == ["reference"]


def test_removed_judge_that_is_asked_again_finds_its_grades(store: Store) -> None:
    judge_at(store, lambda *_: '{"grade": 4}')
    before = graded(store)
    qtui(store, "judge", "remove", "openai:grader")
    _, prompts = judge_at(store, lambda *_: '{"grade": 1}')
    assert (prompts, graded(store)) == ([], before)


def test_judge_without_grades_is_removed_too(store: Store) -> None:
    ask_typo(store)
    told = qtui(store, "judge", "remove", TYPO, "--run", "1").stderr
    assert told == "removed judge openai:typo from run 1; it had no grades\n"
    assert run_of(store).judges == ()


def test_unknown_label_lists_the_labels_there_are(store: Store) -> None:
    judge(store, "reference")
    ask_typo(store)
    done = qtui(store, "judge", "remove", "gpt-4", "--run", "1")
    assert done.returncode == 1
    assert 'run 1 has no judge "gpt-4" (judges: openai:typo, reference)' in done.stderr


def test_removal_is_refused_while_the_run_is_running(store: Store) -> None:
    ask_typo(store)
    leases.take(store, 1)
    done = qtui(store, "judge", "remove", TYPO)
    leases.release(store, 1)
    assert done.returncode == 1
    assert f"Run 1 is running (pid {os.getpid()} on " in done.stderr
    assert judge_of(store, TYPO).state == "failed"


def test_failed_judge_of_the_same_name_hides_no_grades_of_the_one_before(store: Store) -> None:
    judge_at(store, lambda *_: '{"grade": 4}')
    before = graded(store)
    prompt = store.path.with_name("other.txt")
    prompt.write_text("another prompt {pred}")
    with endpoint(lambda *_: NO_MODEL) as served:
        asked = ("openai", "--model", "grader", "--base-url", served.base_url, "--prompt", str(prompt))
        assert judge(store, *asked).returncode == 1
    assert graded(store) == before


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "short.toml"
    written.write_text(SHORT)
    return written


@pytest.fixture
def ran(tmp_path: Path, file: Path) -> Iterator[Store]:
    """A store with the finished run of an experiment that names the reference judge."""
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    opened = open_store(tmp_path / "ran.sqlite")
    assert qtui(opened, "run", str(file)).returncode == 0
    yield opened
    opened.close()


def test_typo_on_a_finished_run_spoils_no_later_command(ran: Store, file: Path) -> None:
    done, _ = ask_typo(ran)
    assert (done.returncode, run_of(ran).state) == (1, "done")
    for command in (("run", str(file)), ("resume", "1"), ("judge", "reference")):
        assert qtui(ran, *command).returncode == 0
    assert (run_of(ran).state, judge_of(ran, TYPO).state) == ("done", "failed")


def test_judge_of_the_experiment_cannot_be_removed_and_the_error_says_how_it_could(ran: Store, file: Path) -> None:
    done = qtui(ran, "judge", "remove", "reference")
    assert done.returncode == 1
    assert "the judge reference belongs to its experiment" in done.stderr
    assert f"[[judges]] table from {file}" in " ".join(done.stderr.split())
    assert judge_of(ran, "reference").state == "done"


def test_judge_that_was_taken_out_of_the_experiment_can_be_removed(ran: Store, file: Path) -> None:
    file.write_text(SHORT.partition("[[judges]]")[0])
    assert qtui(ran, "run", str(file)).returncode == 0
    assert qtui(ran, "judge", "remove", "reference").returncode == 0
    assert run_of(ran).judges == ()


def test_failing_judge_of_the_experiment_still_makes_the_run_failed(tmp_path: Path, file: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    opened = open_store(tmp_path / "s.sqlite")
    with endpoint(lambda *_: NO_MODEL) as served:
        file.write_text(SHORT.partition("[[judges]]")[0] + openai_judge("m", served.base_url))
        assert qtui(opened, "run", str(file)).returncode == 1
    assert (run_of(opened).state, judge_of(opened, "openai:m").state) == ("failed", "failed")
    assert "qtui judge remove" not in run_of(opened).reason


def openai_judge(model: str, address: str) -> str:
    return f'[[judges]]\nkind = "openai"\nmodel = "{model}"\nbase_url = "{address}"\n'


def experiments_judge(tmp_path: Path) -> tuple[Store, str]:
    """A run, not begun, whose experiment names a judge at an address, and that judge's label."""
    written = tmp_path / "judged.toml"
    written.write_text(SHORT + openai_judge("m", NOBODY))
    opened = open_store(tmp_path / "judged.sqlite")
    start.add(opened, load(written))
    return opened, "openai:m"


def test_asking_the_experiments_judge_elsewhere_is_refused_with_where_to_change_it(tmp_path: Path) -> None:
    opened, label = experiments_judge(tmp_path)
    done = judge(opened, "openai", "--model", "m", "--base-url", "http://127.0.0.1:10/v1")
    assert done.returncode == 1
    assert f"the judge {label} belongs to its experiment, which sets its address" in done.stderr
    assert judge_of(opened, label).takes == 1


def test_added_judge_that_the_experiment_names_later_is_the_experiments(ran: Store, file: Path) -> None:
    with endpoint(lambda *_: NO_MODEL) as served:
        judge(ran, "openai", "--model", "typo", "--base-url", served.base_url)
        file.write_text(SHORT + openai_judge("typo", served.base_url))
        assert qtui(ran, "run", str(file)).returncode == 1
    assert run_of(ran).state == "failed"
    assert "belongs to its experiment" in qtui(ran, "judge", "remove", TYPO).stderr


def test_more_takes_of_the_experiments_judge_are_graded(ran: Store) -> None:
    assert judge(ran, "reference", "--takes", "2").returncode == 0
    progress = judge_of(ran, "reference")
    assert (progress.takes, progress.graded) == (2, progress.expected)


def test_added_judge_of_a_label_that_the_experiment_names_is_removed_alone(ran: Store) -> None:
    stores.age_judges(ran, 1)
    assert judge(ran, "reference").returncode == 0
    [first, second] = judges.of_run(ran, 1)
    done = qtui(ran, "judge", "remove", "reference")
    assert [each.id for each in judges.of_run(ran, 1)] == [first.id]
    assert "the judge reference that the experiment names stays" in done.stderr
    assert second.settings["added"]


def test_judge_is_removed_from_every_run_in_view_that_has_it(ran: Store, file: Path) -> None:
    file.write_text(SHORT.replace('"short"', '"other"'))
    assert qtui(ran, "run", str(file)).returncode == 0
    ask_typo(ran)
    assert qtui(ran, "judge", "remove", TYPO, "--experiment", "other").stderr.count("removed judge") == 1
    assert qtui(ran, "judge", "remove", TYPO).stderr == ("removed judge openai:typo from run 1; it had no grades\n")
    assert {each.label for run in runs.summaries(ran) for each in run.judges} == {"reference"}


def test_store_named_before_the_command_is_that_of_the_subcommand(store: Store) -> None:
    ask_typo(store)
    command = [sys.executable, "-m", "qtui", "--store", str(store.path), "judge", "remove", TYPO]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    assert run_of(store).judges == ()
