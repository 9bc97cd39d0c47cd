"""Which choice an answer takes, by what it says and by log-likelihood."""

import pytest

from qtui.records import ChoiceScore, Expected
from tests.scorers.ask import ask

ANIMALS = Expected(choices=("猫", "犬", "子犬", "鳥"), right_choice=1)


@pytest.mark.parametrize(
    "answer",
    [
        "B",
        "Ｂ",
        "(B)",
        "B. 犬",
        "B：犬",
        "答えはBです。",
        "答えは犬です",
        "正解：**B**",
        "選択肢Bが正しい",
        "The answer is (B).",
        "犬",
        "A is wrong because it meows. The answer is B.",
        "\\boxed{B}",
        "b) a dog",
        "the answer is b.",
    ],
)
def test_the_choice_is_taken_by_label_or_text(answer: str) -> None:
    assert ask("choice", answer, expected=ANIMALS).score == 1


@pytest.mark.parametrize(
    "answer", ["A", "子犬です", "A dog is nice", "The answer is a dog", "B or C", "猫ではなく犬", "I do not know", ""]
)
def test_another_choice_none_or_several_are_wrong(answer: str) -> None:
    assert ask("choice", answer, expected=ANIMALS).score == 0


def test_the_reason_names_the_choices() -> None:
    assert ask("choice", "C", expected=ANIMALS).reason == "took C, expected B (犬)"
    assert "names B, C" in ask("choice", "B or C", expected=ANIMALS).reason


def test_labels_are_those_of_the_prompt() -> None:
    assert ask("choice", "1", expected=ANIMALS, labels="numbers_from_0").score == 1
    assert ask("choice", "1", expected=ANIMALS, labels="numbers").score == 0
    assert ask("choice", "答えはイです", expected=ANIMALS, labels=["ア", "イ", "ウ", "エ"]).score == 1
    assert ask("choice", "ア", expected=ANIMALS, labels=["ア"]).score is None


def test_log_likelihood_takes_the_likeliest_by_sum_or_per_character() -> None:
    """lm-evaluation-harness: acc is the argmax of the sums, acc_norm that of sums divided by lengths in characters."""
    scores = (ChoiceScore(-4.0, 2, 2), ChoiceScore(-6.0, 3, 6), ChoiceScore(-9.0, 3, 4), ChoiceScore(-9.5, 9, 5))

    def by(length: str) -> float | None:
        return ask("choice", "", expected=ANIMALS, choice_scores=scores, by="log_likelihood", length=length).score

    assert (by("none"), by("characters"), by("tokens")) == (0, 1, 0)


@pytest.mark.parametrize("scores", [None, (), (ChoiceScore(-1, 1, 1),) * 3, (ChoiceScore(float("nan"), 1, 1),) * 4])
def test_without_log_likelihoods_for_every_choice_it_is_unscored(scores: tuple[ChoiceScore, ...] | None) -> None:
    assert ask("choice", "B", expected=ANIMALS, choice_scores=scores, by="log_likelihood").score is None


def test_a_task_without_choices_is_unscored() -> None:
    assert ask("choice", "B").score is None
    assert ask("choice", "B", expected=Expected(choices=("x",), right_choice=4)).score is None


def test_the_reason_has_the_likelihood_of_every_choice() -> None:
    scores = (ChoiceScore(-4.0, 2, 2), ChoiceScore(-6.0, 3, 6), ChoiceScore(-9.0, 3, 4), ChoiceScore(-9.5, 9, 5))
    reason = ask("choice", "", expected=ANIMALS, choice_scores=scores, by="log_likelihood").reason
    assert [value in reason for value in ("-4.000", "-6.000", "-9.000", "-9.500")] == [True] * 4


def test_likelihoods_of_other_texts_are_not_scored() -> None:
    scores = tuple(ChoiceScore(-1.0 - i, 1, 1, label) for i, label in enumerate("ABCD"))
    assert ask("choice", "", expected=ANIMALS, choice_scores=scores, by="log_likelihood").score is None
    by_label = {"by": "log_likelihood", "continuation": "label"}
    assert ask("choice", "", expected=ANIMALS, choice_scores=scores, **by_label).score is not None
