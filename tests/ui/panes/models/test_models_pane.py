from pathlib import Path

import pytest
from rich.style import Style

from qtui import catalog, paths
from qtui.store import Store, runs
from qtui.text import width
from qtui.ui.app import QtuiApp
from qtui.ui.panes.models.known_models import File, bits_per_weight, known_models
from qtui.ui.panes.models.model_lines import model_lines
from qtui.ui.widgets.lines import ROLES
from qtui.variant_facts import VariantFacts
from tests.ui.conftest import fill
from tests.ui.waiting import notices, screen_text, until, until_shown


async def test_what_ran_here_is_shown_with_size_speed_and_bits_per_weight(store_path: Path, store: Store) -> None:
    run_id = fill(store, models=("calm2-7b-chat",))
    variant = runs.summaries(store, [run_id])[0].variants[1]
    facts = VariantFacts(file_bytes=4 * 2**30, parameters=7 * 10**9, tokens_per_second=12.5, peak_rss_bytes=5 * 2**30)
    runs.set_variant(store, variant.id, facts=facts)
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "bits/weight")
        [line] = [line for line in screen_text(pilot).splitlines() if "llama.cpp" in line]
        for figure in ("Q4_K_M", "4.0 GB", "4.91", "12.5", "5.0 GB"):
            assert figure in line
        assert "Pretraining data" in screen_text(pilot)


async def test_the_filter_leaves_matching_models_and_esc_ends_it(store_path: Path, store: Store) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "calm2-7b-chat")
        await pilot.press("slash", *"elyza")
        await until(pilot, lambda: "calm2-7b-chat" not in screen_text(pilot))
        assert "ELYZA-japanese-Llama-2-7b" in screen_text(pilot)
        await pilot.press("enter", "escape")
        await until_shown(pilot, "calm2-7b-chat")


async def test_the_users_catalog_is_shown_and_a_broken_one_is_named(store_path: Path, store: Store) -> None:
    own = paths.user_catalog()
    own.parent.mkdir(parents=True)
    own.write_text('[[model]]\nname = "[/INST]mine"\nhf_repo = "me/mine"\n', encoding="utf-8")
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "[/INST]mine")
    own.write_text('[[model]]\nnam = "mine"\n', encoding="utf-8")
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: any(f"{own}:2" in notice.message for notice in notices(app)))


def test_models_that_ran_come_first_and_take_their_catalog_entry_with_them(store: Store) -> None:
    fill(store, models=("cyberagent/calm2-7b-chat", "org/unknown"))
    found = known_models(catalog.entries(), runs.summaries(store), ())
    assert [model.name for model in found[:2]] == ["cyberagent/calm2-7b-chat", "org/unknown"]
    assert found[0].entry is not None
    assert found[0].entry.name == "calm2-7b-chat"
    assert [model.name for model in found].count("calm2-7b-chat") == 0


def test_a_made_file_belongs_to_the_model_of_its_name_or_to_none(store: Store) -> None:
    files = [File(Path("/c/a/calm2-7b-chat-Q4_K_M.gguf"), 5), File(Path("/c/b/mystery.gguf"), 7)]
    found = {model.name: model for model in known_models(catalog.entries(), (), files)}
    assert found["calm2-7b-chat"].bytes_on_disk == 5
    assert found["(other files)"].bytes_on_disk == 7


def test_bits_per_weight_are_unknown_without_a_size(store: Store, study: int) -> None:
    variant = runs.summaries(store)[0].variants[0]
    assert bits_per_weight(variant, 1000) is None


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_every_line_of_the_details_fits(
    store_path: Path, store: Store, study: int, size: tuple[int, int]
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "org/small")
        for _ in range(15):
            await pilot.press("j")
        await until_shown(pilot, "Base model")
        assert {len(line) for line in screen_text(pilot).splitlines() if line.isascii()} == {size[0]}


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_what_the_catalog_knows_of_the_study_and_of_a_sliding_window_is_shown(
    store_path: Path, store: Store, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "calm2-7b-chat")
        await pilot.press("slash", *"evollm", "enter")
        await until_shown(pilot, "EvoLLM-JP-v1-7B")
        await pilot.press("tab")
        seen = ""
        for _ in range(6):
            seen += screen_text(pilot)
            await pilot.press("pagedown")
        assert "attention covers the last 4,096 tokens" in " ".join(seen.split())
        assert "Study's sampling" in seen


def test_on_a_wide_screen_the_catalog_stands_beside_what_ran_here(store: Store) -> None:
    fill(store, models=("calm2-7b-chat",))
    model = known_models(catalog.entries(), runs.summaries(store), ())[0]
    styles = dict.fromkeys(ROLES, Style())
    wide = [line.plain for line in model_lines(model, 150, styles)]
    [heading] = [line for line in wide if "Catalog" in line]
    assert "variant" in heading
    assert max(map(width, wide)) <= 150


async def test_a_wide_list_cuts_no_name_of_the_catalog(store_path: Path, store: Store) -> None:
    async with QtuiApp(store_path).run_test(size=(160, 50)) as pilot:
        await pilot.press("6")
        for entry in catalog.entries():
            await until_shown(pilot, entry.name)
