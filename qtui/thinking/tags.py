"""The tags by which models mark their thoughts, as their chat templates and model cards write them.

A tag is text here. In many vocabularies it is a special token, which has no text in an answer: an engine that decodes keeps the
special tokens that are `MARKERS`, so that thoughts can be told from the answer.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tags:
    """The text that begins a thought and the text that ends it."""

    opening: str
    closing: str
    closes_alone: bool = True
    """Whether the closing tag, where nothing opened it, shows that the text began inside a thought."""


KNOWN = (
    Tags(
        "<think>", "</think>"
    ),  # DeepSeek, Qwen, GLM, SmolLM3, EXAONE 4, Hunyuan, Phi-4, Falcon, OLMo, MiniMax, Nemotron
    Tags("<seed:think>", "</seed:think>"),  # Seed-OSS
    Tags("[THINK]", "[/THINK]"),  # Magistral, Ministral
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    Tags("<|channel>thought", "<channel|>"),  # Gemma 4
    Tags("<thought>", "</thought>"),  # EXAONE Deep, Marco-o1
    Tags("<thinking>", "</thinking>"),
    Tags("<longcat_think>", "</longcat_think>"),
    Tags("◁think▷", "◁/think▷"),  # Kimi
    Tags("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    Tags("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    Tags("<|think|>", "<|end|>", closes_alone=False),  # Solar; of other models it is the end token
    Tags("<unused94>thought", "<unused95>"),  # MedGemma
)

SENTENCES = (
    Tags("Here is my thought process:", "Here is my response:"),  # Granite 3.2
    Tags("Here's my thought process:", "Here's my response:"),
    Tags("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),  # Apriel
)
"""What marks thoughts and is no tag. Another model may begin an answer so: only both show a thought."""

ASIDES = tuple(
    Tags(f"<{name}>", f"</{name}>")
    for name in (
        "thoughts",
        "reasoning",
        "reflection",
        "scratchpad",
        "analysis",
        "inner_monologue",
        "seed:cot_budget_reflect",
    )
)
"""Further tags of what a judge writes on its way to a grade. In an answer they may be what the task asked for."""

WRAPPERS = (
    ("<answer>", "</answer>"),  # Hunyuan
    ("<response>", "</response>"),  # Granite, ERNIE
    ("<output>", "</output>"),  # Marco-o1
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),  # GLM-4.1V
    ("<|begin|>assistant<|content|>", "<|end|>"),
    ("", "[END FINAL RESPONSE]"),  # Apriel
)
"""Texts around an answer that follows a thought. They are no part of the answer."""

CHANNEL, MESSAGE, START = "<|channel|>", "<|message|>", "<|start|>"
ENDS = ("<|end|>", "<|return|>", "<|call|>")
"""The special tokens of OpenAI's harmony format, in which gpt-oss and LLM-jp-4 write."""

_HARMONY = (CHANNEL, MESSAGE, START, "<|constrain|>", *ENDS)


def marker_texts(named: Tags | None = None) -> frozenset[str]:
    """Return the texts of tokens that tell thoughts from an answer, with those of the tags that an experiment names."""
    pairs = (*KNOWN, named) if named else KNOWN
    tags = {text for pair in pairs for text in (pair.opening, pair.closing)}
    # These tags are a special token and a word.
    first_tokens = {"<|channel>", "<unused94>"}
    wrappers = {text for pair in WRAPPERS for text in pair if text} | {"<|begin|>", "<|content|>"}
    return frozenset(tags | first_tokens | wrappers | set(_HARMONY))
