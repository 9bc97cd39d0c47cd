from dataclasses import replace

from qtui.store import Store, runs
from qtui.ui.data.scope import Among, Scope, judges, models, resolve
from tests import stores
from tests.ui.conftest import JUDGE, fill, fill_candidates


def test_nothing_is_chosen_in_an_empty_store() -> None:
    assert resolve(Scope(), []) == Scope()


def test_everything_not_chosen_is_filled_in(store: Store, study: int) -> None:
    scope = resolve(Scope(), runs.summaries(store))
    assert scope == Scope(
        run_ids=(study,), run_id=study, model="org/small", baseline="FP16", candidate="Q4_K_M", judge="openai:gpt-4"
    )


def test_what_was_chosen_stays_as_long_as_it_exists(store: Store, study: int) -> None:
    chosen = Scope(run_id=study, model="org/large", candidate="Q4_K_M", task=3)
    scope = resolve(chosen, runs.summaries(store))
    assert (scope.model, scope.task) == ("org/large", 3)
    assert resolve(replace(scope, model="gone", task=99), runs.summaries(store)).model == "org/small"
    assert resolve(replace(scope, task=99), runs.summaries(store)).task == 4


def test_a_new_run_of_the_experiment_takes_the_place_of_the_old_one(store: Store, study: int) -> None:
    scope = resolve(Scope(model="org/large"), runs.summaries(store))
    newer = fill(store, models=("org/small", "org/large", "org/new"))
    now = resolve(scope, runs.summaries(store))
    assert now.run_ids == (newer,)
    assert (now.run_id, now.model) == (newer, "org/large")


def test_a_narrowed_scope_ends_with_its_run(store: Store, study: int) -> None:
    other = fill(store, "other", ("org/other",))
    scope = resolve(Scope(run_ids=(study,), narrowed=True), runs.summaries(store))
    assert (scope.run_ids, scope.narrowed) == ((study,), True)
    runs.delete(store, study)
    scope = resolve(scope, runs.summaries(store))
    assert (scope.run_ids, scope.narrowed, scope.model) == ((other,), False, "org/other")


def test_models_and_judges_are_those_of_the_runs_in_view(store: Store, study: int) -> None:
    fill(store, "other", ("org/other",))
    everything = runs.summaries(store)
    scope = resolve(Scope(run_ids=(study,), narrowed=True), everything)
    assert models(scope, everything) == [(study, "org/small"), (study, "org/large")]
    assert judges(scope, everything) == ["openai:gpt-4"]


def test_the_baseline_of_a_model_is_not_carried_over_to_another(store: Store) -> None:
    fill_candidates(store, {}, "alone")
    fill_candidates(store, {}, "other type alone", baseline="Q4_K_M")
    fill_candidates(store, {"Q4_K_M": 1}, "pair")
    everything = runs.summaries(store)
    by_name = {run.experiment: run.id for run in everything}
    alone = resolve(Scope(run_id=by_name["alone"], model="org/several"), everything)
    assert (alone.baseline, alone.candidate) == ("FP16", None)
    alone = resolve(replace(alone, run_id=by_name["other type alone"], baseline=None), everything)
    assert alone.baseline == "Q4_K_M"
    pair = resolve(replace(alone, run_id=by_name["pair"]), everything)
    assert (pair.baseline, pair.candidate) == ("FP16", "Q4_K_M")


def test_a_judge_with_grades_on_one_side_only_is_not_opened_on_first(store: Store) -> None:
    run_id = fill_candidates(store, {"Q4_K_M": 1})
    stores.add_judge(store, run_id, "one side", "f")
    stores.grade(store, run_id, {"FP16": (3, 4, 2, 3)}, judge="one side", fingerprint="f")
    assert resolve(Scope(), runs.summaries(store)).judge is None
    assert resolve(Scope(judge="one side"), runs.summaries(store)).judge == "one side", "on request"


def test_a_judge_of_both_sides_is_opened_before_one_with_more_grades_on_one(store: Store, study: int) -> None:
    stores.add_judge(store, study, "one side", "f")
    for take in (1, 2, 3):
        stores.grade(store, study, {"FP16": (3, 4, 2, 3)}, judge="one side", fingerprint="f", take=take)
    assert resolve(Scope(), runs.summaries(store)).judge == JUDGE


def test_a_judge_of_the_selected_pair_is_opened_before_one_of_another_pair(store: Store) -> None:
    run_id = fill_candidates(store, {"Q4_K_M": 1, "Q2_K": 2})
    for label, fingerprint, candidate in (("first", "f", "Q2_K"), ("second", "g", "Q4_K_M")):
        stores.add_judge(store, run_id, label, fingerprint)
        grades = {"FP16": (3, 4, 2, 3), candidate: (3, 4, 2, 3)}
        stores.grade(store, run_id, grades, judge=label, fingerprint=fingerprint)
    chosen = Scope(candidate="Q4_K_M", candidate_chosen=True)
    assert resolve(chosen, runs.summaries(store)).judge == "second"


def test_a_judge_that_has_not_begun_is_shown(store: Store) -> None:
    run_id = fill_candidates(store, {"Q4_K_M": 1})
    stores.add_judge(store, run_id, "waiting", "f")
    assert resolve(Scope(), runs.summaries(store)).judge == "waiting"


def test_chosen_tasks_are_listed_as_long_as_their_pair_is_looked_at(store: Store, study: int) -> None:
    everything = runs.summaries(store)
    among = Among((study, "org/small", "FP16", "Q4_K_M"), (1, 3), "Q4_K_M, 1–20 characters", "lengths")
    scope = resolve(Scope(model="org/small", among=among), everything)
    assert scope.among == among
    assert resolve(replace(scope, model="org/large"), everything).among is None
    assert resolve(scope, ()).among is None
