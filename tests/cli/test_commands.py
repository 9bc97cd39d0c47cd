"""Every command: what it prints for a reader and for a program, and how it ends."""

import csv
import io
import json
import resource
from contextlib import closing
from pathlib import Path

import click
import pyarrow.parquet
import pytest
from click.testing import Result

from qtui import paths, session_end
from qtui.cli import COMMANDS, cli
from qtui.errors import UserError
from qtui.records import Answer
from qtui.store import open_store
from tests import stores
from tests.cli.conftest import Invoke
from tests.filled_store import HOSTILE, fill
from tests.session_end.system import HOST, SESSION, System


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refusal(result: Result) -> str:
    assert isinstance(result.exception, UserError), (result.output, result.exception)
    return str(result.exception)


def table(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_loads_and_takes_a_store(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    members = command.commands.values() if isinstance(command, click.Group) else [command]
    without_store = {"models", "engines", "tasks"}
    for member in members:
        assert name in without_store or "store" in {parameter.name for parameter in member.params}


def test_scores_json_has_the_figures_of_each_pair(store_path: Path, invoke: Invoke) -> None:
    pairs = json.loads(done(invoke("scores", "--json")))["pairs"]
    assert [(p["candidate"], p["n"], p["verdict"], p["rule"]) for p in pairs] == [
        ("Q4_K_M", 12, "equivalent", "equivalent"),
        ("Q2_K", 12, "guarded", "worse"),
    ]
    assert pairs[1]["guards"] == ["candidate unhealthy: 1 of 12 answers empty, 0 of the baseline's"]
    for key in ("model", "baseline", "judge", "takes", "baseline_mean", "candidate_mean", "difference", "sd", "interval90",
                "interval95", "wins", "ties", "losses", "flips_down", "flips_up", "verdict_text", "behaviour",
                "behaviour_reasons", "guards", "mde80"):  # fmt: skip
        assert key in pairs[0]


def test_scores_in_a_pipe_are_whole_lines_without_colour(store_path: Path, invoke: Invoke) -> None:
    text = done(invoke("scores"))
    assert "\x1b" not in text
    assert "  equivalent within ±0.2: between " in text
    assert "  guarded, candidate unhealthy: 1 of 12 answers empty" in text
    header = next(line for line in text.splitlines() if line.startswith("Model"))
    assert header.split() == ["Model", "Variants", "Tasks", "Means", "Diff.", "90", "%", "interval"]


def test_scores_say_which_answers_moved_them(store_path: Path, invoke: Invoke) -> None:
    assert "from 1 empty answer" in done(invoke("scores"))


def test_the_published_figures_stand_beside_those_of_the_same_pair(
    shared: Path, tmp_path: Path, invoke: Invoke
) -> None:
    store = str(tmp_path / "study.sqlite")
    done(invoke("import", "gpt4-autoeval", str(shared / "data/gpt4-autoeval/assets"), "--store", store))
    assert "(2024 study, GPT-4, ELYZA-tasks-100): 2.26 → 2.58, difference +0.32" in done(
        invoke("scores", "--store", store)
    )


def test_lengths_json_has_variants_and_pairs(store_path: Path, invoke: Invoke) -> None:
    found = json.loads(done(invoke("lengths", "--json")))
    assert [(v["variant"], v["raw"]["n"], v["flags"]["truncated"]) for v in found["variants"]] == [
        ("FP16", 12, 1), ("Q4_K_M", 12, 1), ("Q2_K", 12, 1),
    ]  # fmt: skip
    assert [p["candidate"] for p in found["pairs"]] == ["Q4_K_M", "Q2_K"]


def test_lengths_for_a_reader_count_what_is_empty(store_path: Path, invoke: Invoke) -> None:
    row = next(line.split() for line in done(invoke("lengths")).splitlines() if line.startswith("pet-7b  Q2_K"))
    header = next(line.split() for line in done(invoke("lengths")).splitlines() if line.startswith("Model"))
    assert row[header.index("Empty")] == "1"


def test_check_passes_what_is_equivalent(store_path: Path, invoke: Invoke) -> None:
    assert "met      pet-7b: Q4_K_M" in done(invoke("check", "--pair", "pet-7b:Q4_K_M"))


def test_check_exits_with_3_where_one_is_worse(store_path: Path, invoke: Invoke) -> None:
    result = invoke("check", "--json")
    # click's own runner leaves a command's return value aside; main() makes it the exit status (test_main).
    assert json.loads(result.stdout)["met"] is False
    assert [pair["met"] for pair in json.loads(result.stdout)["pairs"]] == [True, False]


def test_check_of_a_pair_that_is_not_there_lists_the_pairs(store_path: Path, invoke: Invoke) -> None:
    assert refusal(invoke("check", "--pair", "nobody")).endswith("(pairs: pet-7b:Q2_K, pet-7b:Q4_K_M)")


def test_compare_shows_both_answers_and_their_grades(store_path: Path, invoke: Invoke) -> None:
    text = done(invoke("compare", "2", "--candidate", "Q2_K"))
    assert "動物を2匹挙げて" in text
    assert "猫が2匹います。猫が2匹います。" in text
    assert "Q2_K, openai:strict, take 1: grade 3" in text
    assert "first difference at character 9" in text


def test_compare_json_has_both_sides(store_path: Path, invoke: Invoke) -> None:
    found = json.loads(done(invoke("compare", "3", "--json")))
    assert found["baseline"]["text"] == HOSTILE
    assert (found["candidate"]["variant"], found["similarity"], found["divergence"]) == ("Q4_K_M", 1.0, None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("家族👨‍👩‍👧‍👦です", "家族👩‍👧です"),
        ("👍🏻", "👍🏿"),
        ("a\tb", "a    b"),
        ("一\r\n二", "一\n二"),
        ("\x1b[31m赤", "赤"),
        ("か\u3099", "が"),
        (" 猫 ", "猫"),
    ],
)
def test_compare_says_the_same_figures_in_words_and_in_json(
    store_path: Path, invoke: Invoke, before: str, after: str
) -> None:
    with closing(open_store(store_path)) as store:
        for variant, text in (("FP16", before), ("Q2_K", after)):
            stores.answer(store, 1, variant, 1, Answer(f"{variant} {text}", text, "stop"))
    found = json.loads(done(invoke("compare", "1", "--candidate", "Q2_K", "--json")))
    text = done(invoke("compare", "1", "--candidate", "Q2_K"))
    assert f"similarity {found['similarity']:.2f}" in text
    assert f"first difference at character {found['divergence'] + 1}" in text


def test_compare_of_a_task_that_is_not_there_says_which_are(store_path: Path, invoke: Invoke) -> None:
    assert refusal(invoke("compare", "13")) == "there is no task 13: run 1 has the tasks 1 to 12"


def test_compare_with_another_baseline_takes_it(store_path: Path, invoke: Invoke) -> None:
    found = json.loads(done(invoke("compare", "1", "--baseline", "Q4_K_M", "--candidate", "Q2_K", "--json")))
    assert (found["baseline"]["variant"], found["candidate"]["variant"]) == ("Q4_K_M", "Q2_K")


def test_compare_of_what_is_not_there_says_what_is(store_path: Path, invoke: Invoke) -> None:
    assert "'gone'" in refusal(invoke("compare", "1", "--model", "gone"))
    assert refusal(invoke("compare", "1", "--candidate", "Q9")).endswith("(variants: FP16, Q4_K_M, Q2_K)")
    assert "cannot be compared with itself" in refusal(invoke("compare", "1", "--candidate", "FP16"))


def test_an_exported_answer_is_the_stored_one_in_every_form(store_path: Path, invoke: Invoke, tmp_path: Path) -> None:
    by_csv = table(invoke("export", "answers", "--format", "csv"))
    by_lines = [json.loads(line) for line in done(invoke("export", "answers", "--format", "jsonl")).split("\n")[:-1]]
    invoke("export", "answers", "--output", str(tmp_path / "own.parquet"))
    by_parquet = pyarrow.parquet.read_table(tmp_path / "own.parquet").to_pylist()
    columns = [
        "model",
        "variant",
        "task",
        "sample",
        "text",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "seconds",
        "thinking",
        "thinking_tokens",
        "thought_unfinished",
        "left_out",
    ]
    assert list(by_csv[0]) == list(by_lines[0]) == list(by_parquet[0]) == columns
    assert by_lines == by_parquet
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in by_lines] == by_csv
    assert (len(by_csv), by_csv[2]["text"]) == (36, HOSTILE)


def test_markdown_keeps_a_hostile_answer_in_its_cell(store_path: Path, invoke: Invoke) -> None:
    lines = done(invoke("export", "answers", "--format", "md")).split("\n")
    row = next(line for line in lines if "owned" in line)
    assert row.startswith(r"| pet-7b | FP16 | 3 | 0 | [/INST] ]0;owned2J\| 猫<br>&lt;b>「犬」 | stop | 10 | 15 | 0.5 |")
    assert len(lines) == 36 + 2 + 1


def test_exported_grades_have_their_reasons(store_path: Path, invoke: Invoke) -> None:
    first = table(invoke("export", "grades"))[0]
    assert (first["judge"], first["take"], first["grade"], first["reason"]) == (
        "openai:strict",
        "1",
        "4",
        "良い\x1b[31m",
    )


@pytest.mark.parametrize(("subject", "rows"), [("scores", 2), ("lengths", 3)])
def test_figures_export_as_flat_rows(store_path: Path, invoke: Invoke, subject: str, rows: int) -> None:
    found = table(invoke("export", subject))
    assert len(found) == rows
    assert not any(value.startswith(("{", "[")) for row in found for value in row.values())


def test_the_experiment_is_a_column_where_there_are_several(store_path: Path, invoke: Invoke) -> None:
    fill(store_path, "second")
    assert {row["experiment"] for row in table(invoke("export", "answers"))} == {"pets", "second"}
    assert "experiment" not in table(invoke("export", "answers", "--experiment", "pets"))[0]


def test_output_to_a_place_that_is_not_there_is_refused(store_path: Path, invoke: Invoke, tmp_path: Path) -> None:
    assert "cannot be written: No such file" in refusal(
        invoke("export", "answers", "-o", str(tmp_path / "no" / "x.csv"))
    )


@pytest.mark.parametrize("command", ["export answers -o x.csv", "export answers -o x.jsonl", "export answers -o x.parquet",
                                     "export answers -o x.md", "backup x.sqlite", "bugreport --yes --output x.tar.gz"])  # fmt: skip
def test_a_file_that_there_is_no_room_for_is_one_sentence_and_no_half_of_it_stays(
    store_path: Path, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with closing(open_store(store_path)):  # its shared memory need not grow any more
            resource.setrlimit(resource.RLIMIT_FSIZE, (512, old[1]))
            result = invoke(*command.split())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert command.rsplit(maxsplit=1)[-1] in refusal(result)
    assert refusal(result).count("\n") == 0
    assert list((tmp_path / "out").iterdir()) == []


def test_runs_names_each_run_with_its_state(store_path: Path, invoke: Invoke) -> None:
    assert done(invoke("runs")).splitlines()[1].split()[:5] == ["1", "pets", "done", "36/36", "36"]
    run = json.loads(done(invoke("runs", "--json")))["runs"][0]
    assert (run["id"], run["experiment"], run["state"], len(run["variants"])) == (1, "pets", "done", 3)


def test_models_are_those_of_the_catalog(invoke: Invoke) -> None:
    assert "calm2-7b-chat" in done(invoke("models"))
    assert len(json.loads(done(invoke("models", "--json")))["models"]) >= 14


def test_locate_says_where_the_store_is(store_path: Path, invoke: Invoke, tmp_path: Path) -> None:
    assert done(invoke("locate", "store")) == f"{store_path}\n"
    assert done(invoke("locate", "store", "--store", str(tmp_path / "x"))) == f"{tmp_path / 'x'}\n"
    assert json.loads(done(invoke("locate", "--json")))["config"] == str(paths.config_file())


def test_doctor_never_prints_a_key(store_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-geheim")
    for form in ((), ("--json",)):
        assert "geheim" not in done(invoke("doctor", *form))
    found = json.loads(done(invoke("doctor", "--json")))
    assert found["keys"] == {"OPENAI_API_KEY": True, "HF_TOKEN": False}
    assert (found["store"]["journal_mode"], found["store"]["runs"], found["store"]["mode"]) == ("wal", 1, "600")
    assert {engine["engine"] for engine in found["engines"]} == {"transformers", "llama.cpp", "openai"}


def test_doctor_says_what_ends_a_run_that_is_started_here(
    store_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system = System(tmp_path / "root")
    monkeypatch.setattr(session_end, "ROOT", system.root)
    assert "session         runs continue after this terminal is closed\n" in done(invoke("doctor"))
    system.is_in(SESSION)
    system.configure("etc/systemd/logind.conf", "KillUserProcesses=yes")
    monkeypatch.setenv("LSB_JOBID", "12")
    assert "session         This is LSF batch job 12: " in done(invoke("doctor"))
    [job, logout] = json.loads(done(invoke("doctor", "--json")))["session"]
    assert (job["ends"], logout["ends"]) == ("with LSF job 12", f"when you log out of {HOST}")


def test_doctor_names_a_store_that_cannot_be_used(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "text").write_text("no store " * 1000)
    found = json.loads(invoke("doctor", "--json", "--store", str(tmp_path / "text")).stdout)
    assert found["problems"] == [
        f"{tmp_path / 'text'}: is not a store (not an SQLite file). Name another with --store FILE."
    ]


@pytest.mark.parametrize("command", ["scores", "lengths", "check", "runs"])
def test_without_a_store_a_command_says_how_one_is_made(command: str, invoke: Invoke, tmp_path: Path) -> None:
    assert "no store there. Run `qtui demo`" in refusal(invoke(command, "--store", str(tmp_path / "gone.sqlite")))
    assert not (tmp_path / "gone.sqlite").exists()


def test_an_unknown_experiment_or_run_is_named(store_path: Path, invoke: Invoke) -> None:
    assert refusal(invoke("scores", "--experiment", "x")) == f"{store_path}: has no experiment 'x' (experiments: pets)"
    assert "has no run 7" in refusal(invoke("lengths", "--run", "7"))


def test_import_tells_what_it_read(shared: Path, tmp_path: Path, invoke: Invoke) -> None:
    folder = str(shared / "data/gpt4-autoeval/assets")
    arguments = ("import", "gpt4-autoeval", folder, "--store", str(tmp_path / "study.sqlite"))
    assert done(invoke(*arguments)).startswith(
        "11 variants of 6 models, 100 tasks (ELYZA-tasks-100), 1100 answers, 300 grades"
    )
    again = json.loads(done(invoke(*arguments, "--json")))
    assert (again["new_answers"], again["new_grades"], len(again["variants"])) == (0, 0, 11)


def test_check_says_how_the_tasks_were_read_in_words_and_in_json(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "own.csv").write_bytes("question,answer\n猫は何匹ですか。,\n".encode("cp932"))
    file = tmp_path / "e.toml"
    file.write_text(
        'name = "e"\ntasks = "own.csv"\n[[models]]\nname = "m"\n[[models.variants]]\nname = "v"\nengine = "transformers"\n'
        'weights = "demo"\n'
    )
    notes = json.loads(done(invoke("run", str(file), "--check", "--json")))["notes"]
    said = done(invoke("run", str(file), "--check"))
    assert [
        words in note for words, note in zip(("CP932", '"question"', "empty for the only task"), notes, strict=True)
    ]
    assert all(f"  note: {note}\n" in said for note in notes)


def test_check_refuses_names_with_controls_and_line_breaks_without_showing_them(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "t.jsonl").write_text('{"input": "a"}\n')
    file = tmp_path / "e.toml"
    variant = 'engine = "openai"\nweights = "w"\nbase_url = "http://127.0.0.1:9/v1"'
    file.write_text(
        'name = "e\\u001b[31m\\nf"\ntasks = "t.jsonl"\n'
        f'[[models]]\nname = "m\\u001b]0;x\\u0007"\n[[models.variants]]\nname = "v\\u0000"\n{variant}\n'
    )
    result = invoke("run", str(file), "--check")
    assert result.exit_code != 0
    assert [line.rpartition(": has a control character")[0] for line in str(result.exception).splitlines()] == [
        f"{file}:1: name",
        f"{file}:4: models[1].name",
        f"{file}:6: models[1].variants[1].name",
    ]
