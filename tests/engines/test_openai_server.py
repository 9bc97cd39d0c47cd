"""The openai engine against llama-cpp-python's own server, in a process of its own on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qtui.engines.openai import OpenAIEngine, load_engine
from qtui.engines.protocol.answering import Answered, Prompt, Request
from qtui.records import Sampling
from qtui.tasks import load_task_set
from tests.engines.conftest import variant
from tests.llama_server import demo_gguf, llama_server
from tests.loaded_engine import loaded_engine

QUESTIONS = tuple(task.input for task in load_task_set("demo", base=None).tasks[:12])


@pytest.fixture(scope="module")
def served(needs_engines: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The server's address and the GGUF file behind it."""
    file = demo_gguf()
    with llama_server(file, tmp_path_factory.mktemp("server") / "log") as url:
        yield url, file


def test_plain_completions_are_what_the_engine_in_process_says(served: tuple[str, Path]) -> None:
    url, file = served
    asked = [Request(i, Prompt(text, True), Sampling(max_tokens=24)) for i, text in enumerate(QUESTIONS)]
    here = loaded_engine(variant("llama.cpp", file, slots=1), file, asked)
    mine = answers(here, asked)
    theirs = answers(endpoint(url, "completions", asked), asked)
    assert {i: (a.text, a.prompt_tokens) for i, a in theirs.items()} == {
        i: (a.text, a.prompt_tokens) for i, a in mine.items()
    }


def test_chat_goes_through_the_template_of_the_server(served: tuple[str, Path]) -> None:
    url, _ = served
    asked = [Request(i, Prompt(text, False), Sampling(max_tokens=24)) for i, text in enumerate(QUESTIONS)]
    plain = answers(endpoint(url, "completions", asked), asked)
    chat = answers(endpoint(url, "chat", asked), asked)
    assert sorted(chat) == sorted(plain) == list(range(len(QUESTIONS)))
    assert all(chat[i].prompt_tokens != plain[i].prompt_tokens for i in chat)
    assert all(answer.finish_reason in ("stop", "length") for answer in chat.values())


def test_the_limit_and_stop_texts_reach_the_server(served: tuple[str, Path]) -> None:
    url, _ = served
    free = answers(endpoint(url, "completions", asked := _asked()), asked)
    index, text = next((i, a.text) for i, a in free.items() if len(a.text) > 2)
    stopped = answers(endpoint(url, "completions", asked := _asked(stop=(text[1],))), asked)[index]
    short = answers(endpoint(url, "completions", asked := _asked(max_tokens=1)), asked)[index]
    assert stopped.text == text[:1]
    assert stopped.finish_reason == "stop"
    assert short.finish_reason == "length"
    assert text.startswith(short.text.rstrip("\ufffd"))


def _asked(**sampling: Any) -> list[Request]:
    settings = Sampling(**{"max_tokens": 24, **sampling})
    return [Request(i, Prompt(text, False), settings) for i, text in enumerate(QUESTIONS)]


def endpoint(url: str, api: str, asked: list[Request]) -> OpenAIEngine:
    return load_engine(variant("openai", "demo", base_url=url, api=api, slots=2), asked)


def answers(engine: Any, asked: list[Request]) -> dict[int, Answered]:
    found = list(engine.answer(asked))
    return {event.index: event for event in found if isinstance(event, Answered)}
