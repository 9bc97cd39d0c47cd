"""The slots that a judge's prompt may have, and the names that other programs give them: for one answer, and for two."""

from collections.abc import Mapping
from dataclasses import dataclass

_QUESTION = ("input_text", "question", "instruction", "input", "prompt", "task", "query", "problem", "user_input",
             "課題", "質問", "問題", "指示")  # fmt: skip
_REFERENCE = ("output_text", "reference", "ref_answer_1", "ref_answer", "reference_answer", "reference_output",
              "reference_text", "ground_truth", "gold", "gold_answer", "ideal", "expected", "expected_output",
              "correct_answer", "target", "正解", "正解例", "模範解答", "参照")  # fmt: skip
_CRITERIA = ("eval_aspect", "criteria", "criterion", "rubric", "aspect", "grading_criteria", "evaluation_criteria",
             "採点基準", "評価基準", "観点", "採点の観点")  # fmt: skip


@dataclass(frozen=True, slots=True)
class SlotSet:
    """The slots of one kind of prompt."""

    slots: Mapping[str, str]
    """What may stand in a slot, as `[judges.slots]` names it → the slot's name in qtui's own form of a template."""
    names: Mapping[str, tuple[str, ...]]
    """The same → placeholders with this meaning, in lower case."""
    answers: tuple[str, ...]
    """Those that every template must have."""

    @property
    def own_form(self) -> frozenset[str]:
        """The names of the slots in qtui's own form."""
        return frozenset(self.slots.values())

    def slot_of(self, name: str) -> str | None:
        """Return what a placeholder stands for; None if that is not known."""
        return next((slot for slot, names in self.names.items() if name in names), None)


GRADING = SlotSet(
    {
        "question": "input_text",
        "reference": "output_text",
        "criteria": "eval_aspect",
        "answer": "pred",
        "scale": "scale",
    },
    {
        "question": _QUESTION,
        "reference": _REFERENCE,
        "criteria": _CRITERIA,
        "answer": ("pred", "answer", "response", "prediction", "model_answer", "model_output", "model_response", "completion",
                   "submission", "generated_text", "sample.output_text", "回答", "応答", "返答"),
        "scale": ("scale",),
    },
    ("answer",),
)  # fmt: skip
"""Of prompts about one answer; the first four are the study's."""
PAIRWISE = SlotSet(
    {
        "question": "input_text",
        "reference": "output_text",
        "criteria": "eval_aspect",
        "answer_a": "answer_a",
        "answer_b": "answer_b",
    },
    {
        "question": (*_QUESTION, "question_1"),
        "reference": _REFERENCE,
        "criteria": _CRITERIA,
        # MT-Bench and Arena-Hard say answer_a, AlpacaEval output_1, JudgeLM answer_1, PandaLM response1, Prometheus response_A.
        "answer_a": ("answer_a", "output_1", "answer_1", "answer1", "response_a", "response_1", "response1", "completion_a",
                     "completion_1", "model_a", "output_a", "assistant_a", "prediction", "prediction_a", "answer_a_1",
                     "回答a", "回答1", "応答a"),
        "answer_b": ("answer_b", "output_2", "answer_2", "answer2", "response_b", "response_2", "response2", "completion_b",
                     "completion_2", "model_b", "output_b", "assistant_b", "prediction_b", "answer_b_1",
                     "回答b", "回答2", "応答b"),
    },
    ("answer_a", "answer_b"),
)  # fmt: skip
"""Of prompts that show two answers. A is the one that is shown first."""
