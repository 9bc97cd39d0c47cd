"""The study's repository into a store: what is paired with what, and what is refused before anything is stored."""

import shutil
from pathlib import Path

import pytest

from qtui.exchange import gpt4_autoeval
from qtui.exchange.folder_names import quantization, variant_name
from qtui.store import Store, answers, grades, open_store, runs
from tests.exchange.study_tree import TASKS, put_grades, put_lines, put_variant, refusal


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store.sqlite")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """One model before and after, graded by two judges."""
    assets = tmp_path / "assets"
    put_grades(put_variant(assets / "org" / "pet-7b", "猫", "犬"), "result.jsonl", 5, 4)
    put_variant(assets / "org" / "pet-7b-gguf-q4km-hf", "猫", "")
    judged = put_variant(assets / "org" / "pet-7b_cmdr+", "猫", "犬")
    put_grades(judged, "result_take1.jsonl", 3, 2)
    put_grades(judged, "result_take2.jsonl", 4, None)
    return assets


def test_the_study_is_eleven_variants_of_six_models_with_300_grades(shared: Path, store: Store) -> None:
    study = gpt4_autoeval.read(shared / "data/gpt4-autoeval/assets")
    run_id = gpt4_autoeval.write(store, study).run_id
    summary = runs.summaries(store, [run_id])[0]
    assert (len(summary.variants), len(summary.models), summary.task_set) == (11, 6, "ELYZA-tasks-100")
    assert {v.answered for v in summary.variants} == {100}
    assert len(grades.rows(store, [run_id])) == 300
    assert [(judge.label, judge.takes, judge.graded) for judge in summary.judges] == [("cmdr+", 3, 300)]
    assert sum(v.empty for v in summary.variants if v.model == "japanese-stablelm-instruct-beta-7b") == 24


def test_the_same_files_again_change_nothing(top: Path, store: Store) -> None:
    study = gpt4_autoeval.read(top)
    first = gpt4_autoeval.write(store, study)
    before = list(store.iterdump())
    second = gpt4_autoeval.write(store, gpt4_autoeval.read(top))
    assert list(store.iterdump()) == before
    assert (first.new_answers, first.new_grades) == (4, 6)
    assert second == gpt4_autoeval.Imported(first.run_id, 0, 0, 0)


def test_a_folder_named_after_a_judge_brings_grades_and_no_variant(top: Path, store: Store) -> None:
    run_id = gpt4_autoeval.write(store, gpt4_autoeval.read(top)).run_id
    found = [(row["name"], row[3], row["judge"], row["take"], row["grade"]) for row in grades.rows(store, [run_id])]
    assert [v.name for v in runs.summaries(store, [run_id])[0].variants] == ["FP16", "Q4_K_M"]
    assert found == [
        ("FP16", 1, "cmdr+", 1, 3),
        ("FP16", 1, "cmdr+", 2, 4),
        ("FP16", 1, "gpt-4", 1, 5),
        ("FP16", 2, "cmdr+", 1, 2),
        ("FP16", 2, "cmdr+", 2, None),
        ("FP16", 2, "gpt-4", 1, 4),
    ]


def test_answers_are_stored_as_they_were_with_the_baseline_marked(top: Path, store: Store) -> None:
    run_id = gpt4_autoeval.write(store, gpt4_autoeval.read(top)).run_id
    found = [
        (row["name"], row["is_baseline"], row["text"], row["finish_reason"]) for row in answers.rows(store, [run_id])
    ]
    assert found == [
        ("FP16", 1, "猫", "unknown"),
        ("FP16", 1, "犬", "unknown"),
        ("Q4_K_M", 0, "猫", "unknown"),
        ("Q4_K_M", 0, "", "unknown"),
    ]


def test_grades_that_come_later_join_the_run_that_is_there(top: Path, store: Store) -> None:
    first = gpt4_autoeval.write(store, gpt4_autoeval.read(top))
    put_grades(top / "org" / "pet-7b_cmdr+", "result_take3.jsonl", 1, 1)
    second = gpt4_autoeval.write(store, gpt4_autoeval.read(top))
    assert (second.run_id, second.new_answers, second.new_grades) == (first.run_id, 0, 2)


def test_a_changed_grade_is_kept_as_it_was_and_counted(top: Path, store: Store) -> None:
    gpt4_autoeval.write(store, gpt4_autoeval.read(top))
    put_grades(top / "org" / "pet-7b", "result.jsonl", 1, 4)
    assert gpt4_autoeval.write(store, gpt4_autoeval.read(top)).differing_grades == 1


def test_a_changed_answer_is_another_run(top: Path, store: Store) -> None:
    first = gpt4_autoeval.write(store, gpt4_autoeval.read(top))
    put_variant(top / "org" / "pet-7b-gguf-q4km-hf", "猫", "犬！")
    assert gpt4_autoeval.write(store, gpt4_autoeval.read(top)).run_id != first.run_id


def test_a_judge_folder_may_hold_grades_alone(top: Path) -> None:
    put_grades(top / "org" / "pet-7b-gguf-q4km-hf_cmdr+", "result_take1.jsonl", 2, 2)
    quantized = gpt4_autoeval.read(top).variants[1]
    assert (quantized.name, [take.judge for take in quantized.takes]) == ("Q4_K_M", ["cmdr+"])


def test_an_underscore_in_a_name_is_no_judge(top: Path) -> None:
    """The repository has the same model with other settings beside it: `…_do_sample`, graded by the usual judge."""
    put_grades(put_variant(top / "org" / "pet-7b_do_sample", "虎", "狼"), "result.jsonl", 1, 1)
    found = next(v for v in gpt4_autoeval.read(top).variants if v.model == "pet-7b_do_sample")
    assert [(take.judge, take.number) for take in found.takes] == [("gpt-4", 1)]


def test_a_model_with_the_quantized_side_only_has_no_baseline(tmp_path: Path) -> None:
    put_variant(tmp_path / "big-70b-gguf-q4km-hf", "猫", "犬")
    only = gpt4_autoeval.read(tmp_path).variants[0]
    assert (only.model, only.name, only.is_baseline) == ("big-70b", "Q4_K_M", False)


def test_models_of_one_name_are_told_apart_by_their_organisation(tmp_path: Path) -> None:
    for organisation in ("a", "b"):
        put_variant(tmp_path / organisation / "pet", "猫", "犬")
    assert gpt4_autoeval.read(tmp_path).models == ("a/pet", "b/pet")


def test_two_folders_of_one_variant_are_refused(tmp_path: Path) -> None:
    for name in ("pet-gguf-q4km", "pet-gguf-q4km-hf"):
        put_variant(tmp_path / "org" / name, "猫", "犬")
    assert "is Q4_K_M of pet, and so is " in refusal(tmp_path)


@pytest.mark.parametrize(
    ("folder", "variant"),
    [
        ("m-gguf-q4km-hf", "Q4_K_M"),
        ("m-gguf-Q5_K_S", "Q5_K_S"),
        ("m-gguf-q6k", "Q6_K"),
        ("m-gguf-q8_0", "Q8_0"),
        ("m-gguf-q40", "Q4_0"),
        ("m_gguf-iq2m-hf", "IQ2_M"),
        ("m-gguf-iq3xxs-hf", "IQ3_XXS"),
        ("m-gguf-iq4_nl", "IQ4_NL"),
        ("m-gguf-fp16", "F16"),
        ("m-GGUF_TheBloke", "THEBLOKE"),
        ("m-gguf-q4km-hf-elyza", "Q4_K_M (elyza)"),
        ("m-gguf-q4km-elyza-hf", "Q4_K_M (elyza)"),
        ("M-GGUF-Q4_K_M-HF-elyza", "Q4_K_M (elyza)"),
        ("m-gguf-q4_k_m-llama2-chat", "Q4_K_M (llama2-chat)"),
        ("m_gguf_q4_k_m_hf_v2", "Q4_K_M (v2)"),
        ("m-gguf-q4-k-m", "Q4_K_M"),
        ("m-gguf-iq4xs-hf-elyza", "IQ4_XS (elyza)"),
        ("m-gguf-f16-elyza", "F16 (elyza)"),
        ("m-gguf-bf16-hf", "BF16"),
        ("m-gguf-q8_0-hf-elyza", "Q8_0 (elyza)"),
        ("m-gguf-q6k-large", "Q6_K (large)"),
        ("m-gguf-q4_0_4_4", "Q4_0_4_4"),
        ("m-gguf-ud-q4kxl-hf", "UD-Q4_K_XL"),
        ("m-gguf-mxfp4-moe", "MXFP4_MOE"),
        ("m-gguf-hf", "GGUF"),
        ("m-gguf", "GGUF"),
        ("m", "FP16"),
    ],
)
def test_the_variant_is_named_by_the_quantization_in_the_folder(folder: str, variant: str) -> None:
    found = variant_name(folder)
    assert (found.model.lower(), found.variant) == ("m", variant)


def test_a_note_on_the_prompt_is_a_variant_of_its_own_with_the_same_type(top: Path, store: Store) -> None:
    put_variant(top / "org" / "pet-7b-gguf-q4km-hf-elyza", "猫", "狐")
    study = gpt4_autoeval.read(top)
    run_id = gpt4_autoeval.write(store, study).run_id
    [run] = runs.summaries(store, [run_id])
    assert [(v.model, v.name, v.precision, v.is_baseline) for v in run.variants] == [
        ("pet-7b", "FP16", "FP16", True),
        ("pet-7b", "Q4_K_M", "Q4_K_M", False),
        ("pet-7b", "Q4_K_M (elyza)", "Q4_K_M", False),
    ]
    assert [v.prompt_note for v in study.variants] == ["", "", "elyza"]


def test_files_in_other_encodings_are_read_and_named(tmp_path: Path) -> None:
    folder = put_variant(
        tmp_path / "org" / "pet", "猫です", "犬です", tasks=[{"input_text": "何の鳴き声ですか。"}, TASKS[0]]
    )
    put_grades(folder, "result.jsonl", 5, 4)
    plain = gpt4_autoeval.read(tmp_path)
    for name, encoding in (("preds.jsonl", "utf-8-sig"), ("dataset.jsonl", "cp932"), ("result.jsonl", "utf-16")):
        (folder / name).write_bytes((folder / name).read_text(encoding="utf-8").encode(encoding))
    found = gpt4_autoeval.read(tmp_path)
    assert (found.variants, found.task_set.tasks) == (plain.variants, plain.task_set.tasks)
    assert [note.rpartition("/")[2] for note in found.notes] == [
        "dataset.jsonl was read as CP932 (Shift_JIS), because it is not UTF-8.",
        "result.jsonl was read as UTF-16, because it is not UTF-8.",
    ]


def test_an_import_is_not_told_of_a_table_that_it_does_not_have(top: Path) -> None:
    put_lines(top / "org" / "pet-7b" / "dataset.jsonl", {"prompt": "a", "question": "b"})
    [said] = map(str, gpt4_autoeval.read(top).left_out)
    assert "(columns: prompt, question)" in said
    assert "[tasks]" not in said


def test_every_type_of_the_library_keeps_its_name() -> None:
    for name in ("Q2_K", "Q3_K_L", "IQ1_S", "IQ2_XXS", "IQ4_XS", "TQ1_0", "Q5_1", "BF16"):
        assert quantization(name.lower()) == name


def test_grades_without_answers_are_refused(tmp_path: Path) -> None:
    put_grades(tmp_path / "org" / "pet", "result.jsonl", 1, 2)
    assert refusal(tmp_path).startswith(f"{tmp_path / 'org/pet/preds.jsonl'}: no such file")


def test_regraded_answers_that_are_others_are_refused(top: Path) -> None:
    put_variant(top / "org" / "pet-7b_cmdr+", "猫", "狐")
    assert "answer 2 differs from that in " in refusal(top)


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("preds.jsonl", '{"pred": "猫"}', ": 1 lines for 2 tasks"),
        ("preds.jsonl", '{"pred": "猫"}\n{"text": "犬"}', ':2: no "pred" (keys: text)'),
        ("preds.jsonl", '{"pred": "猫"}\n{"pred": null}', ':2: "pred" is null, not text'),
        ("result.jsonl", '{"grade": 5}\n{"grade": 6}', ':2: "grade" is a number, not 1 to 5'),
        ("result.jsonl", '{"grade": 5}\n{"grade": true}', ':2: "grade" is true or false, not 1 to 5'),
        ("result.jsonl", '{"grade": 5}\n{"reason": "x"}', ':2: no "grade" (keys: reason)'),
    ],
)
def test_a_bad_line_is_refused_by_its_place(top: Path, name: str, line: str, told: str) -> None:
    shutil.rmtree(top / "org" / "pet-7b_cmdr+")
    file = top / "org" / "pet-7b" / name
    file.write_text(line, encoding="utf-8")
    assert refusal(top) == f"{file}{told}"


def test_a_grade_written_as_a_digit_is_that_grade(top: Path) -> None:
    put_grades(top / "org" / "pet-7b", "result.jsonl", "5", 4.0)
    lines = next(take.lines for take in gpt4_autoeval.read(top).variants[0].takes if take.judge == "gpt-4")
    assert [line.grade for line in lines] == [5, 4]


def test_take_one_cannot_be_two_files(top: Path) -> None:
    put_grades(top / "org" / "pet-7b", "result_take1.jsonl", 1, 1)
    assert "has result.jsonl and result_take1.jsonl, which are both take 1" in refusal(top)


def test_a_task_that_is_there_twice_keeps_two_answers_and_two_grades(tmp_path: Path, store: Store) -> None:
    put_grades(put_variant(tmp_path / "pet", "同", "同", tasks=[TASKS[0], TASKS[0]]), "result.jsonl", 1, 5)
    run_id = gpt4_autoeval.write(store, gpt4_autoeval.read(tmp_path)).run_id
    assert [row["grade"] for row in grades.rows(store, [run_id])] == [1, 5]


def test_a_folder_without_answers_says_what_is_expected(tmp_path: Path) -> None:
    assert "no preds.jsonl below it" in refusal(tmp_path)
    assert "no such folder" in refusal(tmp_path / "gone")
