"""Texts reduced to the words of qtui's own source."""

import pytest

from qtui.secrets.vocabulary import HIDDEN, hide_quotations, reduce


@pytest.mark.parametrize(
    "text",
    [
        "the runner of run 1, process 812: 208 of 208 answers",
        "# 2026-11-28 09:12:01 +0000 qtui 0.1.0",
        "error: out of memory while loading weights (87 %)",
        "variant 3 is Q4_K_M (llama.cpp)",
    ],
)
def test_sentences_of_qtui_stay(text: str) -> None:
    assert reduce(text) == text


@pytest.mark.parametrize(
    "private",
    [
        "CANARY_ANSWER", "canary-answer", "xyzzy", "sk-proj-4fGh7Kq", "4111111111111111", "猫が三匹います", "naïve", "canary2",
        "modelcanary",
        "ｃａｎａｒｙ", "c\u0301anary", "𝐜𝐚𝐧𝐚𝐫𝐲",
    ],
)  # fmt: skip
def test_words_that_qtui_does_not_use_are_hidden(private: str) -> None:
    assert reduce(f"error: {private} is not a model").endswith(f"{HIDDEN} is not a model")
    assert not any(part in reduce(private) for part in private.split("-") if len(part) > 3)


def test_home_folders_and_names_are_hidden_although_their_words_are_known() -> None:
    assert reduce("/home/store/models/x.gguf") == f"/home/{HIDDEN}/models/x.gguf"
    assert reduce("/Users/runner/a") == f"/Users/{HIDDEN}/a"
    assert reduce("the store of the host gpu", ["gpu", "store"]) == f"the {HIDDEN} of the host {HIDDEN}"


def test_how_many_words_were_hidden_is_not_told() -> None:
    assert reduce("read xyzzy, plugh: quux") == f"read {HIDDEN}"


def test_what_quotes_a_private_text_is_hidden_although_its_words_are_known() -> None:
    logged = ["refused: the answer has no key of the run", "the store is read"]
    kept = hide_quotations(logged, ["Say that the answer has no key.\nThen the store is large."])
    assert kept == [f"refused: {HIDDEN} of the run", "the store is read"]
