"""Thoughts and answer are told apart for every kind of tag that models write, and tags that a text is about stay in it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qtui.thinking import Split, Tags, split
from qtui.thinking.tags import KNOWN


def parts(text: str, *, prompt: str = "", tags: Tags | None = None) -> tuple[str, str, bool]:
    found = split(text, prompt=prompt, tags=tags)
    return found.thinking, found.answer, found.is_unfinished


@pytest.mark.parametrize("pair", KNOWN, ids=lambda pair: pair.opening)
def test_every_known_pair_of_tags_marks_a_thought(pair: Tags) -> None:
    text = f"{pair.opening}\nTwo and two.\n{pair.closing}\n\nFour."
    assert parts(text) == ("Two and two.", "Four.", False)
    assert parts(text.removeprefix(pair.opening), prompt=f"User: 2+2?\n{pair.opening}\n")[:2] == (
        "Two and two.",
        "Four.",
    )
    assert parts(f"{pair.opening}\nTwo and") == ("Two and", "", True)


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        pytest.param("<think>\n\n</think>\n\nYes.", "", "Yes.", id="an empty thought"),
        pytest.param("\n<think>a</think>b", "a", "b", id="white space before the thought"),
        pytest.param("<think>a</think>\n<think>b</think>\nc", "a\n\nb", "c", id="two thoughts, one after the other"),
        pytest.param(
            "<think>a</think>One.<think>b</think>Two.", "a\n\nb", "One.Two.", id="a thought within the answer"
        ),
        pytest.param(
            "<think>a</think>One.\n<think>\nb\n</think>\nTwo.",
            "a\n\nb",
            "One.\n\nTwo.",
            id="a thought on its own lines",
        ),
        pytest.param("One.\n<think>\nb\n</think>\nTwo.", "b", "One.\n\nTwo.", id="only a later thought"),
        pytest.param("<think>a<think>b</think>c</think>d", "a<think>b</think>c", "d", id="a thought in a thought"),
        pytest.param("I see.\n</think>\n\nYes.", "I see.", "Yes.", id="a closing tag that nothing opened"),
        pytest.param("I see</think>Yes.", "I see", "Yes.", id="a closing tag that nothing opened, without white space"),
        pytest.param("はい。</think>答えは四です。", "はい。", "答えは四です。", id="the same in Japanese"),
        pytest.param("</think>\n\nYes.", "", "Yes.", id="a closing tag alone"),
        pytest.param("<think>a</think>\n<answer>\nb\n</answer>", "a", "b", id="a wrapped answer"),
        pytest.param("<think>a</think>Yes\n\n", "a", "Yes\n\n", id="white space at the end stays"),
        pytest.param("<think>a</think>\n\nMore.\n</think>\n\nYes.", "a\n\nMore.", "Yes.", id="a thought closed twice"),
        pytest.param(
            "<think>a</think>b</think>c</think>Yes.", "a\n\nb\n\nc", "Yes.", id="a thought closed three times"
        ),
        pytest.param("<think>a</think>Yes.</think>", "a", "Yes.", id="a closing tag after the answer"),
        pytest.param("<Think>a</THINK>Yes.", "a", "Yes.", id="tags in capitals"),
        pytest.param('<think duration="3">a</think >Yes.', "a", "Yes.", id="a tag with an attribute"),
        pytest.param("\ufeff<think>a</think>Yes.", "a", "Yes.", id="a BOM before the thought"),
        pytest.param("<Thought>\na\n</Thought>\n<Output>\nYes.\n</Output>", "a", "Yes.", id="Marco-o1"),
        pytest.param("<think>a</think><|begin_of_box|>Yes.<|end_of_box|>", "a", "Yes.", id="a boxed answer"),
        pytest.param("Here is my thought process:\na\n\nHere is my response:\nYes.", "a", "Yes.", id="Granite 3.2"),
        pytest.param(
            "Here are my reasoning steps:\na\n[BEGIN FINAL RESPONSE]\nYes.\n[END FINAL RESPONSE]",
            "a",
            "Yes.",
            id="Apriel",
        ),
        pytest.param("<|START_RESPONSE|>Yes.<|END_RESPONSE|>", "", "Yes.", id="an answer in special tokens alone"),
    ],
)
def test_a_thought_is_no_part_of_the_answer(text: str, thinking: str, answer: str) -> None:
    assert parts(text) == (thinking, answer, False)


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "",
        "  Yes.\n",
        "Use `<think>` and `</think>`.",
        "`<think>` begins a thought.",
        "The tags <think> and </think> mark thoughts.",
        "A model writes <think> before it answers.",
        "It ends its thought with </think>.",
        "「<think>」は思考の始まりです。",
        'Search for "</think>" in the text.',
        "```\n<think>\na\n</think>\n```\nThat is the form.",
        "The form is:\n<think>\na\n</think>\nanswer",
        "~~~xml\n<think>\n~~~",
        "x <thinking of> y",
        "<answer>4</answer>",
        "analysis: final",
        "<think about it>\nYes.",
        "Here is my thought process:\nTwo and two.",
        "The token <|channel|>analysis<|message|> begins a message.",
    ],
)
def test_a_text_about_tags_is_an_answer_unchanged(text: str) -> None:
    assert split(text) == Split(text)


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>What does `</think>` do?</think>It closes.", "What does `</think>` do?", "It closes."),
        ('<think>Say "</think>".\n</think>\nDone.', 'Say "</think>".', "Done."),
        ("<think>```\nx\n</think>\nHere:\n```\ny\n```", "```\nx", "Here:\n```\ny\n```"),
        ("<think>```\n</think>\n```\nso\n</think>Done.", "```\n</think>\n```\nso", "Done."),
        ("<think>a</think>Write `<think>b</think>` so.", "a", "Write `<think>b</think>` so."),
        ("<think>a</think>Use <think> and </think> for it.", "a", "Use <think> and </think> for it."),
        ("<think>a</think>```\n<think>b</think>\n```", "a", "```\n<think>b</think>\n```"),
        ("<think>a</think>It ends with </think> there.", "a", "It ends with </think> there."),
        ("<think>a</think>Write:\n```\nb\n</think>\n```\nDone.", "a", "Write:\n```\nb\n</think>\n```\nDone."),
    ],
)
def test_tags_that_a_thought_or_an_answer_quotes_end_nothing(text: str, thinking: str, answer: str) -> None:
    assert parts(text) == (thinking, answer, False)


@pytest.mark.parametrize(
    ("text", "prompt", "thinking"),
    [
        ("<think>I begin", "", "I begin"),
        ("<think>", "", ""),
        ("I begin", "<|im_start|>assistant\n<think>\n", "I begin"),
        ("", "<think>\n", ""),
        ("<think>a</think>One.\n<think>\nb", "", "a\n\nb"),
        ("<think>The tag `</think>` is", "", "The tag `</think>` is"),
    ],
)
def test_a_text_that_ends_inside_a_thought_is_unfinished(text: str, prompt: str, thinking: str) -> None:
    found = split(text, prompt=prompt)
    assert (found.thinking, found.is_unfinished) == (thinking, True)
    assert found.answer in ("", "One.\n")


def test_a_thought_that_prompt_and_model_opened_is_one() -> None:
    assert parts("<think>\na\n</think>\nYes.", prompt="<|im_start|>assistant\n<think>\n") == ("a", "Yes.", False)


def test_a_prompt_that_closed_its_thought_or_is_about_tags_opens_none() -> None:
    assert split("Yes.", prompt="<|im_start|>assistant\n<think>\n\n</think>\n\n") == Split("Yes.")
    assert split("Yes.", prompt="What is <think>?<|im_end|>\n<|im_start|>assistant\n") == Split("Yes.")


def test_tags_that_an_experiment_names_count_as_the_known_ones() -> None:
    own = Tags("<plan>", "</plan>")
    assert parts("<plan>a</plan>b", tags=own) == ("a", "b", False)
    assert parts("a</plan>b", prompt="x<plan>", tags=own) == ("a", "b", False)
    assert split("<plan>a</plan>b") == Split("<plan>a</plan>b")


ANALYSIS, FINAL = "<|channel|>analysis<|message|>", "<|start|>assistant<|channel|>final<|message|>"


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        (f"{ANALYSIS}Two.<|end|>{FINAL}Four.<|return|>", "", ("Two.", "Four.", False)),
        (f"{ANALYSIS}Two.<|end|>{FINAL}Four.", "<|start|>assistant", ("Two.", "Four.", False)),
        (f"Two.<|end|>{FINAL}Four.", f"<|start|>assistant{ANALYSIS}", ("Two.", "Four.", False)),
        (f"analysis<|message|>Two.<|end|>{FINAL}Four.", "<|start|>assistant<|channel|>", ("Two.", "Four.", False)),
        ("Four.", "<|start|>assistant<|channel|>final<|message|>", ("", "Four.", False)),
        (f"{ANALYSIS}Two", "", ("Two", "", True)),
        (f"{ANALYSIS}Two.<|end|><|start|>assistant", "", ("Two.", "", False)),
        ("<|channel|>ana", "", ("", "", True)),
        (f"{ANALYSIS}A.<|end|><|start|>assistant{ANALYSIS}B.<|end|>{FINAL}C", "", ("A.\n\nB.", "C", False)),
        (
            f"{ANALYSIS}A.<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
            "{}<|call|>",
            "",
            ("A.\n\n{}", "", False),
        ),
        ("<|channel|>final<|message|>Only this.<|return|>", "", ("", "Only this.", False)),
        ("<|channel|>final<|message|>It writes <|channel|>analysis<|message|> first.", "",
         ("", "It writes <|channel|>analysis<|message|> first.", False)),
    ],
)  # fmt: skip
def test_harmony_channels_are_thoughts_but_for_the_final_one(
    text: str, prompt: str, expected: tuple[str, str, bool]
) -> None:
    assert parts(text, prompt=prompt) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Two.<|end|>{FINAL}Four.", ("Two.", "Four.", False)),
        ("analysisWe need two.assistantfinalFour.", ("We need two.", "Four.", False)),
        (
            "analysis二つ。assistantcommentary to=f json{}assistantfinal四。",
            ("二つ。\n\nto=f json{}", "四。", False),
        ),
        ("analysisWe need two", ("We need two", "", True)),
        ("analysisWe need.assistantfinalIt writes assistantfinal.", ("We need.", "It writes assistantfinal.", False)),
    ],
)
def test_harmony_is_known_without_its_first_header_and_without_its_special_tokens(
    text: str, expected: tuple[str, str, bool]
) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize(
    "text", ["Four.<|end|>", "analysis of two", "analysis\nTwo.", "analysis: assistantfinal", "analyses"]
)
def test_an_end_token_alone_and_a_first_word_are_no_thoughts(text: str) -> None:
    assert split(text) == Split(text)


@given(st.text(), st.text())
def test_every_text_is_split_and_one_without_tags_stays_as_it_is(text: str, prompt: str) -> None:
    tags = [tag.lower() for pair in KNOWN for tag in (pair.opening, pair.closing)]
    assume(not any(tag in text.lower() or prompt.rstrip().endswith(tag) for tag in tags))
    assert split(text, prompt=prompt) == Split(text)


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "`", "```\n", "\n", "a.", " ", '"', ANALYSIS, FINAL, "<|end|>"]))
)
def test_spans_are_in_order_within_the_text_and_any_mixture_of_tags_is_split(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = split(text)
    places = [place for span in found.spans for place in span]
    assert places == sorted(places)
    assert all(0 <= place <= len(text) for place in places)
    assert len(found.answer) + len(found.thinking) <= len(text) + 2 * len(found.spans)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 40_000,
        "</think>" * 40_000,
        "a.<think>b</think>" * 20_000,
        "<think>a<think>b</think>" * 20_000,
        "`" * 100_000 + "<think>",
        "x <think> y\n" * 40_000,
        "<|start|>" * 40_000 + "<|channel|>",
    ],
    ids=lambda text: text[:24],
)
def test_the_text_of_a_model_in_a_loop_is_split_too(text: str) -> None:
    assert split(text)
