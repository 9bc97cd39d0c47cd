from pathlib import Path

import pytest

from qtui import paths
from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.experiment.draft import Draft, to_toml
from qtui.store import Store
from qtui.text import safe
from qtui.ui.app import QtuiApp
from qtui.ui.dialogs import new_run
from qtui.ui.dialogs.new_run import NewRunScreen
from tests.ui.waiting import screen_text, until, until_shown


def test_the_fields_give_a_valid_experiment(tmp_path: Path) -> None:
    draft = Draft(
        name='a "quoted" 名前',
        model="demo-ja",
        weights="demo",
        variants="FP16, Q4_K_M , Q2_K",
        judge="gpt-x@http://h/v1",
    )
    made = experiment.parse(to_toml(draft, tmp_path), tmp_path / "x.toml")
    assert made.name == 'a "quoted" 名前'
    assert [(v.name, v.engine, v.is_baseline) for v in made.variants] == [
        ("FP16", "transformers", True),
        ("Q4_K_M", "llama.cpp", False),
        ("Q2_K", "llama.cpp", False),
    ]
    assert [(j.kind, j.model, j.base_url) for j in made.judges] == [("openai", "gpt-x", "http://h/v1")]


def test_control_arm_and_noise_floor_among_the_variants_are_lines_of_the_model(tmp_path: Path) -> None:
    draft = Draft(model="demo-ja", weights="demo", variants="FP16, Q4_K_M, Control arm, noise floor", judge="none")
    text = to_toml(draft, tmp_path)
    assert ("control = true" in text, "noise_floor = true" in text) == (True, True)
    made = experiment.parse(text, tmp_path / "x.toml")
    assert [(v.name, v.role) for v in made.variants] == [
        ("FP16", "baseline"),
        ("Q4_K_M", "candidate"),
        ("F16", "control arm"),
        ("noise floor", "noise floor"),
    ]


async def test_the_form_says_what_control_arm_and_noise_floor_are(store_path: Path, store: Store) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(180, 40)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "104 answers: demo-ja FP16, demo-ja Q4_K_M. Judges: reference.")
        app.screen.query_one("#variants").value = "FP16, control arm, noise floor"  # type: ignore[attr-defined]
        await until_shown(pilot, "demo-ja F16 (the control arm), demo-ja noise floor (the baseline again with 1 slot)")
        await pilot.press("escape")


def test_a_variant_may_have_weights_of_its_own_and_paths_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"")
    text = to_toml(Draft(model="m", weights="owner/m", variants="FP16, Q8_0=mine.gguf", judge="none"), tmp_path)
    made = experiment.parse(text, Path("/elsewhere/x.toml"))
    assert [v.weights for v in made.variants] == ["owner/m", str(tmp_path / "mine.gguf")]
    assert made.judges == ()


async def test_what_is_typed_is_checked_and_every_problem_is_said(
    store_path: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "New run")
        await until_shown(pilot, "104 answers: demo-ja FP16, demo-ja Q4_K_M. Judges: reference.")
        screen = app.screen
        assert isinstance(screen, NewRunScreen)
        screen.query_one("#tasks").value = "nowhere.jsonl"  # type: ignore[attr-defined]
        screen.query_one("#max_tokens").value = "0"  # type: ignore[attr-defined]
        await until_shown(pilot, "max_tokens")
        await until(pilot, lambda: "sampling.max_tokens: 0 is not valid" in screen_text(pilot))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_a_file_is_shown_and_checked_as_it_is(
    store_path: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine\x1b"\n[[models]]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "New run")
        await pilot.press("ctrl+o")
        await until_shown(pilot, 'name = "mine"')
        await until_shown(pilot, "mine.toml:1: is not valid TOML")
        assert "\x1b" not in screen_text(pilot)


async def test_a_password_that_is_typed_into_an_address_is_not_saved(
    store_path: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "New run")
        app.screen.query_one("#judge").value = "m@https://u:hunter2pw@h/v1"  # type: ignore[attr-defined]
        await until(pilot, lambda: "hunter2pw@h" in app.screen.query_one("#toml").text)  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until_shown(pilot, "contains a password or key")
        await pilot.press("escape")
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hunter2pw" in content for content in written)


HOSTILE_NAMES = (
    "../../out",
    "/etc/out",
    "..",
    ".",
    "",
    "~/out",
    "a/../../out",
    "a\\b",
    "nul\x00",
    "\x1b]0;o\x07",
    "\u202eout",
    ".hidden",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_an_experiment_is_saved_in_its_folder_whatever_its_name_is(name: str) -> None:
    saved = new_run.save("text", name)
    assert saved.parent == paths.user_data() / "experiments"
    assert saved.resolve().parent == saved.parent.resolve()
    assert safe(saved.name) == saved.name
    assert not saved.name.startswith(".")
    assert saved.read_text() == "text"


def test_a_name_that_is_too_long_for_a_file_is_said_in_a_sentence() -> None:
    with pytest.raises(UserError, match="cannot save the experiment here"):
        new_run.save("text", "x" * 300)
