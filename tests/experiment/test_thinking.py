"""What an experiment says about thinking: a model's settings are those of its variants; what cannot be followed is an error."""

from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.experiment.experiment import Experiment

TEXT = """
name = "e"
tasks = "demo"
{top}
[[models]]
name = "m"
{model}
  [[models.variants]]
  name = "a"
  engine = "openai"
  weights = "a"
  base_url = "http://127.0.0.1:1/v1"
  {variant}
  [[models.variants]]
  name = "b"
  engine = "transformers"
  weights = "demo"
"""


def parsed(model: str = "", variant: str = "", top: str = "") -> Experiment:
    return experiment.parse(TEXT.format(model=model, variant=variant, top=top), Path("/e.toml"))


def test_a_variant_without_settings_has_those_of_its_model() -> None:
    a, b = parsed('thinking = "low"\ntemplate_args = {x = 1}', "thinking = false").variants
    assert (a.thinking, a.template_args, b.thinking, b.template_args) == (False, {"x": 1}, "low", {"x": 1})


def test_settings_and_date_are_part_of_the_plan_only_where_they_are_set() -> None:
    plans = [
        parsed(*settings).plan
        for settings in (
            ("",),
            ("thinking = true",),
            ("", "thinking = true"),
            ("template_args = {x = 1}",),
            ('thinking_tags = ["<a>", "</a>"]',),
            ("", "", "date = 2026-01-31"),
        )
    ]
    assert len(set(plans)) == len(plans)
    assert parsed("", "", "date = 2026-01-31").date == "2026-01-31"


@pytest.mark.parametrize(
    ("model", "variant", "expected"),
    [
        ("", 'thinking = "much"', 'thinking: "much" is not valid: should be true, false, "low", "medium" or "high".'),
        ("", "thinking = 1", "models[1].variants[1].thinking: 1 is not valid"),
        ("", "thinking_budget = 0", "thinking_budget: 0 is not valid"),
        ("", "thinking_budget = 9", "thinking_budget: servers have no common name for it"),
        ("", "template_args = {messages = 1}", "template_args: messages is set by qtui: remove it."),
        ("", "template_args = {day = 2026-01-31}", "template_args: has a date, a time, inf or nan"),
        ('thinking_tags = ["<a>", "<a>"]', "", "models[1].thinking_tags: needs two different texts"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_named(model: str, variant: str, expected: str) -> None:
    with pytest.raises(UserError) as error:
        parsed(model, variant)
    assert expected in str(error.value)
    assert str(error.value).startswith("/e.toml:")
