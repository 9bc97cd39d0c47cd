"""Whose failure it is: that of one question, or that of the endpoint."""

import pytest

from qtui.endpoints.failures import MOST_FAULTS_IN_A_ROW, MOST_IN_A_ROW, Failure, History, Scope, of_status


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "This model's maximum context length is 4096 tokens."),
        (
            400,
            "the request exceeds the available context size. try increasing the context size (type exceed_context_size_error)",
        ),
        (500, "the request exceeds the available context size"),
        (400, "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."),
        (403, "Input was flagged by moderation"),
        (400, "Content Exists Risk"),
        (400, "Input data may contain inappropriate content."),
        (413, "Payload Too Large"),
        (422, "Input validation error: `inputs` must have less than 1024 tokens: the prompt is too long"),
    ],
)
def test_a_refusal_of_one_question(status: int, words: str) -> None:
    assert of_status(status, words).scope is Scope.QUESTION


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ""),
        (402, "Insufficient Balance"),
        (404, "no"),
        (429, "You exceeded your current quota"),
        (400, "API key not valid. Please pass a valid API key."),
        (400, "Model Not Exist"),
        (400, "Invalid model name passed in model=x"),
        (400, "google/gemini-x is not a valid model ID"),
        (400, "Your credit balance is too low to access the API."),
        (403, "Incorrect API key provided"),
        (400, "The model `gpt-9` does not exist or you do not have access to it."),
        (400, "No models loaded. Please load a model in the developer page."),
    ],
)
def test_a_failure_of_the_endpoint_ends_it_at_once(status: int, words: str) -> None:
    history = History()
    history.note_reply()
    assert history.ends_with(of_status(status, words))


@pytest.mark.parametrize("status", [500, 503, 403])
def test_an_endpoint_that_never_replied_is_given_up_after_a_fault(status: int) -> None:
    assert History().ends_with(of_status(status, ""))


@pytest.mark.parametrize(
    ("status", "most"), [(500, MOST_FAULTS_IN_A_ROW), (403, MOST_FAULTS_IN_A_ROW), (400, MOST_IN_A_ROW)]
)
def test_one_that_replied_is_given_up_after_several_in_a_row(status: int, most: int) -> None:
    history = History()
    history.note_reply()
    assert [history.ends_with(of_status(status, "")) for _ in range(most)] == [False] * (most - 1) + [True]
    history.note_reply()
    assert not history.ends_with(of_status(status, ""))


def test_questions_that_are_refused_never_end_an_endpoint_that_replied() -> None:
    history = History()
    history.note_reply()
    filtered = Failure(400, "content filter", Scope.QUESTION)
    assert not any(history.ends_with(filtered) for _ in range(50))
