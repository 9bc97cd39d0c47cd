"""What both engines that decode here promise alike: every answer once, seeds per answer, limits, stop texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from qtui.engines.prompts import rendering
from qtui.engines.protocol.answering import Answered, Engine, Progress, Prompt, Request, Unanswered
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.records import Sampling
from tests.engines.conftest import QUESTIONS, variant
from tests.loaded_engine import loaded_engine

ENGINES = ("llama.cpp", "transformers")


@pytest.fixture(params=ENGINES)
def weights(request: pytest.FixtureRequest, spm: Path, spm_gguf: Path) -> Path:
    return spm_gguf if request.param == "llama.cpp" else spm


def test_every_question_is_answered_once_with_what_was_asked(weights: Path) -> None:
    answers = answer(weights, requests(weights, max_tokens=9))
    assert sorted(answers) == list(range(len(QUESTIONS)))
    for found in answers.values():
        assert found.finish_reason in ("stop", "length")
        assert found.completion_tokens <= 9
        assert (found.completion_tokens == 9) >= (found.finish_reason == "length")
        assert found.prompt_tokens > 10
        assert found.seconds > 0


def test_answers_are_reported_as_they_end_and_not_at_the_end(weights: Path) -> None:
    asked = requests(weights, max_tokens=3)[:4]
    asked[0] = Request(0, asked[0].prompt, Sampling(max_tokens=200))
    found = [event for event in stream(weights, asked, slots=4) if isinstance(event, Answered)]
    assert found[-1].index == 0
    assert max(event.seconds for event in found[:-1]) < found[-1].seconds / 2


def test_llama_cpp_fills_a_slot_again_while_others_go_on(spm_gguf: Path) -> None:
    asked = requests(spm_gguf, max_tokens=3)
    asked[0] = Request(0, asked[0].prompt, Sampling(max_tokens=200))
    found = [event for event in stream(spm_gguf, asked, slots=2) if isinstance(event, Answered)]
    assert found[-1].index == 0  # one slot answered everything else meanwhile


def test_llama_cpp_decodes_neighbouring_sequences_in_order_and_so_in_one_pass(
    spm_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llama_cpp

    asked = [Request(i, made, Sampling(max_tokens=3 + 7 * i % 11)) for i, made in enumerate(prompts(spm_gguf))]
    engine: Any = loaded(spm_gguf, asked, slots=4)
    decode, decoded = llama_cpp.llama_decode, []
    expected = texts(answer(spm_gguf, asked, slots=1))

    def recorded(context: Any, batch: Any) -> Any:
        sequences = [batch.seq_id[row][0] for row in range(batch.n_tokens)]
        if len(set(sequences)) == len(sequences):  # of a prompt several tokens are read at once
            decoded.append(sequences)
        return decode(context, batch)

    monkeypatch.setattr(llama_cpp, "llama_decode", recorded)
    found = texts({event.index: event for event in engine.answer(asked) if isinstance(event, Answered)})
    assert len(decoded) > 10
    assert len({len(sequences) for sequences in decoded}) > 1
    assert all(sequences == list(range(len(sequences))) for sequences in decoded)
    assert found == expected


@pytest.mark.parametrize("slots", [1, 4])
def test_a_sampled_answer_does_not_depend_on_the_order(weights: Path, slots: int) -> None:
    asked = requests(weights, max_tokens=10, temperature=0.9)
    forwards = texts(answer(weights, asked, slots=1))
    backwards = texts(answer(weights, asked[::-1], slots=1))
    alone = texts(answer(weights, asked[5:6], slots=slots))
    assert forwards == backwards
    assert alone[5] == forwards[5]


def test_another_seed_gives_other_answers_and_greedy_ignores_it(weights: Path) -> None:
    sampled = [texts(answer(weights, requests(weights, temperature=1.0, seed=seed))) for seed in (1, 2)]
    greedy = [texts(answer(weights, requests(weights, seed=seed))) for seed in (1, 2)]
    assert sampled[0] != sampled[1]
    assert greedy[0] == greedy[1]


def test_greedy_answers_are_equal_on_both_engines(spm: Path, spm_gguf: Path) -> None:
    asked = requests(spm, max_tokens=16)
    of_hub, of_llama = (texts(answer(path, asked, slots=1)) for path in (spm, spm_gguf))
    equal = sum(of_hub[index] == of_llama[index] for index in of_hub)
    assert equal >= len(of_hub) - 2  # where two tokens are nearly as likely, F16 and float32 may take another


def test_a_stop_text_ends_an_answer_and_is_no_part_of_it(weights: Path) -> None:
    asked = requests(weights, max_tokens=16)
    whole = texts(answer(weights, asked))
    index, text = next((index, text) for index, text in whole.items() if len(text) > 6 and text.isprintable())
    stop = text[3:5]
    asked[index] = Request(index, asked[index].prompt, Sampling(max_tokens=16, stop=("nowhere at all", stop)))
    found = answer(weights, asked)[index]
    assert found.finish_reason == "stop"
    assert found.text == text[: text.index(stop)]


def test_a_prompt_longer_than_the_context_is_unanswered_and_the_others_go_on(weights: Path) -> None:
    asked = requests(weights)
    asked[3] = Request(3, Prompt("長い" * 400, True), Sampling(max_tokens=4))
    found = {event.index: event for event in stream(weights, asked) if isinstance(event, Answered | Unanswered)}
    assert len(found) == len(asked)
    refused = found.pop(3)
    assert isinstance(refused, Unanswered)
    assert "context" in refused.reason
    assert all(isinstance(event, Answered) for event in found.values())


def test_an_answer_ends_at_the_context_with_length(weights: Path) -> None:
    asked = requests(weights, max_tokens=500)[:2]
    found = answer(weights, asked, context=64)
    for event in found.values():
        if event.finish_reason == "length":
            assert event.prompt_tokens + event.completion_tokens == 64
    assert any(event.finish_reason == "length" for event in found.values())


def test_an_empty_prompt_without_a_bos_is_unanswered(weights: Path) -> None:
    asked = [Request(0, Prompt("", False), Sampling(max_tokens=4))]
    events = [event for event in stream(weights, asked) if not isinstance(event, Progress)]
    assert [type(event) for event in events] == [Unanswered]


def test_the_token_that_ends_an_answer_is_neither_text_nor_counted(weights: Path) -> None:
    """With flat chances over 720 tokens the end token is drawn sooner or later."""
    asked = [
        Request(index, made, Sampling(max_tokens=400, temperature=50.0, seed=index))
        for index, made in enumerate(prompts(weights)[:6])
    ]
    ended = [found for found in answer(weights, asked, slots=6).values() if found.finish_reason == "stop"]
    assert ended
    for found in ended:
        assert "</s>" not in found.text
        assert found.completion_tokens < 400


def test_progress_counts_every_token(weights: Path) -> None:
    engine = loaded(weights, requests(weights))
    answers = [event for event in engine.answer(requests(weights)) if isinstance(event, Answered)]
    facts = engine.facts()
    assert facts.prompt_tokens == sum(found.prompt_tokens for found in answers)
    assert facts.completion_tokens == sum(found.completion_tokens for found in answers)
    assert (facts.tokens_per_second or 0) > 0
    assert (facts.peak_rss_bytes or 0) > 1 << 20


def test_settings_of_the_checkpoint_do_not_leak_in(spm: Path, tmp_path: Path) -> None:
    import json
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(spm, copy)
    known = json.loads((copy / "generation_config.json").read_text())
    leaky = {
        "do_sample": True,
        "temperature": 1.9,
        "top_k": 3,
        "repetition_penalty": 5.0,
        "max_length": 3,
        "min_p": 0.5,
    }
    (copy / "generation_config.json").write_text(json.dumps(known | leaky))
    asked = requests(spm)
    assert texts(answer(copy, asked)) == texts(answer(spm, asked))


def test_every_end_token_that_the_checkpoint_names_ends_an_answer(spm: Path, tmp_path: Path) -> None:
    import json
    import shutil

    from qtui.engines.transformers.tokenizer import HubTokenizer

    first = answer(spm, requests(spm))[0]
    token = HubTokenizer(open_weights(spm)).library.convert_tokens_to_ids(
        HubTokenizer(open_weights(spm)).library.tokenize(first.text)[-1]
    )
    copy = tmp_path / "copy"
    shutil.copytree(spm, copy)
    known = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps(known | {"eos_token_id": [2, token]}))
    assert answer(copy, requests(spm))[0].finish_reason == "stop"


def test_both_engines_end_at_the_tokens_that_the_baseline_names_and_at_no_other(
    extended: Path, extended_gguf: Path, tmp_path: Path
) -> None:
    """llama.cpp of itself ends at <|im_end|> by its text, transformers at what the checkpoint names."""
    import json
    import shutil

    chatty = tmp_path / "chatty"
    shutil.copytree(extended, chatty)
    known = json.loads((chatty / "generation_config.json").read_text())
    (chatty / "generation_config.json").write_text(
        json.dumps(known | {"eos_token_id": [2, _id(extended, "<|im_end|>")]})
    )
    for baseline, ends in ((extended, ("</s>",)), (chatty, ("</s>", "<|im_end|>"))):
        assert open_weights(baseline).prompt_format.end_token_texts == ends
        asked = [replace_ends(request, ends) for request in requests(extended)]
        for path in (extended, extended_gguf):
            engine = loaded(path, asked)
            assert texts_of_ends(engine) == set(ends), path


def test_a_gguf_baseline_names_what_llama_cpp_ends_at(extended_gguf: Path, spm_gguf: Path) -> None:
    from qtui.engines.llama_cpp.model import LlamaModel

    for path in (extended_gguf, spm_gguf):
        model = LlamaModel(open_weights(path), vocabulary_only=True)
        assert set(open_weights(path).prompt_format.end_token_texts) == set(model.texts_of(model.default_end_ids()))


def test_a_vocabulary_without_the_baselines_end_tokens_is_an_error(weights: Path) -> None:
    asked = [replace_ends(request, ("<|nowhere|>",)) for request in requests(weights)]
    with pytest.raises(UserError, match=r"<\|nowhere\|>"):
        loaded(weights, asked)


def test_a_stop_text_that_is_a_special_token_ends_an_answer_too(extended: Path, extended_gguf: Path) -> None:
    token = _id(extended, "<|im_end|>")
    for path in (extended, extended_gguf):
        asked = [
            replace_ends(request, ("</s>",))
            for request in requests(extended, stop=("<|im_end|>", "りんご"), max_tokens=2)
        ]
        end_tokens: Any = loaded(path, asked).end_tokens  # type: ignore[attr-defined]
        assert end_tokens.for_sampling(asked[0].sampling) == end_tokens.always | {token}


@pytest.mark.parametrize("system", ["あなたは親切な案内係です。短く答えてください。" * 3])
def test_llama_cpp_reads_what_all_prompts_begin_with_once_and_says_the_same(spm_gguf: Path, system: str) -> None:
    made = rendering.render(QUESTIONS, open_weights(spm_gguf).prompt_format, system=system)
    asked = [Request(index, each, Sampling(max_tokens=12)) for index, each in enumerate(made)]
    alone, together = (loaded(spm_gguf, asked, slots=slots) for slots in (1, 5))
    one, many = (
        {event.index: event for event in engine.answer(asked) if isinstance(event, Answered)}
        for engine in (alone, together)
    )
    assert alone.shared == 0  # type: ignore[attr-defined]
    assert together.shared > 40  # type: ignore[attr-defined]
    assert texts(one) == texts(many)
    read = {engine: engine.meter.tokens_read for engine in (alone, together)}  # type: ignore[attr-defined]
    assert read[alone] - read[together] == together.shared * (len(asked) - 1)  # type: ignore[attr-defined]
    again = [event for event in together.answer(asked) if isinstance(event, Answered)]
    assert texts({event.index: event for event in again}) == texts(many)


def test_slots_are_hardly_idle_when_limits_differ(weights: Path) -> None:
    asked = [Request(index, made, Sampling(max_tokens=4 + 3 * index)) for index, made in enumerate(prompts(weights))]
    engine = loaded(weights, asked, slots=3)
    found = [event for event in engine.answer(asked) if isinstance(event, Answered)]
    assert len(found) == len(asked)
    share = engine.facts().idle_slot_share
    assert share is not None
    assert share < 0.15


def test_one_slot_gives_the_same_answers_to_the_bit_whatever_else_is_asked(weights: Path) -> None:
    asked = requests(weights, max_tokens=24, temperature=1.3)
    whole = texts(answer(weights, asked, slots=1))
    for few in (asked[3:4], asked[7:2:-2]):
        found = texts(answer(weights, few, slots=1, context=200))
        assert found == {index: whole[index] for index in found}


def test_transformers_goes_on_with_half_the_rows_when_memory_runs_out(
    spm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    asked = requests(spm, max_tokens=8)
    expected = texts(answer(spm, asked, slots=1))
    engine: Any = loaded(spm, asked, slots=6)
    forward, rows = engine.model.forward, []

    def short_of_memory(**inputs: Any) -> Any:
        rows.append(len(inputs["input_ids"]))
        if rows[-1] > 3 and len(rows) > 4:
            raise torch.OutOfMemoryError("no memory left")
        return forward(**inputs)

    monkeypatch.setattr(engine.model, "forward", short_of_memory)
    found = [event for event in engine.answer(asked) if isinstance(event, Answered)]
    assert texts({event.index: event for event in found}) == expected
    assert len(found) == len(asked)
    assert max(rows[rows.index(6) + 5 :]) <= 3
    assert engine.facts().completion_tokens == sum(event.completion_tokens for event in found)


@pytest.mark.parametrize(
    ("slots", "active", "waiting", "on_cpu", "on_gpu"),
    [
        (64, 0, 100, True, True),  # nobody waits for a step
        (64, 63, 100, True, False),
        (64, 57, 100, True, False),
        (64, 56, 100, True, True),
        (64, 60, 4, True, True),  # no more will come
        (64, 61, 4, True, False),
        (4, 3, 9, True, True),
        (4, 4, 9, False, False),
        (4, 2, 0, False, False),
    ],
)
def test_free_rows_are_refilled_at_once_on_a_cpu_and_several_at_a_time_on_a_gpu(
    slots: int, active: int, waiting: int, on_cpu: bool, on_gpu: bool
) -> None:
    transformers = pytest.importorskip("qtui.engines.transformers.engine")
    assert transformers.refills_now(slots, active, waiting, is_gpu=False) is on_cpu
    assert transformers.refills_now(slots, active, waiting, is_gpu=True) is on_gpu


def test_refilling_several_rows_at_a_time_says_the_same(spm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("qtui.engines.transformers.engine")
    asked = [Request(i, made, Sampling(max_tokens=3 + 5 * (i % 4))) for i, made in enumerate(prompts(spm))]
    expected = texts(answer(spm, asked, slots=4))
    rule, reads = transformers.refills_now, []

    def as_on_a_gpu(slots: int, active: int, waiting: int, *, is_gpu: bool) -> bool:
        assert not is_gpu
        reads.append(decided := rule(slots * 4, active + slots * 3, waiting, is_gpu=True))
        return bool(decided)

    monkeypatch.setattr(transformers, "refills_now", as_on_a_gpu)
    assert texts(answer(spm, asked, slots=4)) == expected
    assert True in reads
    assert False in reads


def test_transformers_attends_to_each_row_alone_and_computes_what_a_mask_would(spm: Path) -> None:
    import torch

    asked = [Request(index, made, Sampling(max_tokens=3 + 2 * (index % 5))) for index, made in enumerate(prompts(spm))]
    engine: Any = loaded(spm, asked, slots=4)
    forward, compared = engine.model.forward, []

    def both(*, row_lengths: Any = None, **inputs: Any) -> Any:
        if row_lengths is None:
            return forward(**inputs)
        out = forward(row_lengths=row_lengths, **inputs)
        # The same step again overwrites the cells it has written.
        torch.testing.assert_close(forward(**inputs).logits, out.logits, atol=1e-4, rtol=1e-4)
        compared.append(len(set(row_lengths)))
        return out

    engine.model.forward = both
    assert len([event for event in engine.answer(asked) if isinstance(event, Answered)]) == len(asked)
    assert max(compared) == 4  # rows of four lengths at once


@pytest.mark.parametrize("rows", [1, 11, 12, 30, 64, 65])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_of_few_rows_computes_the_same(rows: int, bias: bool) -> None:
    import torch

    from qtui.engines.transformers import few_rows

    torch.manual_seed(0)
    plain = torch.nn.Linear(96, 40, bias=bias)
    given = torch.randn(rows, 1, 96)
    expected = plain(given)
    few_rows.install(plain)
    torch.testing.assert_close(plain(given), expected, atol=1e-5, rtol=1e-5)
    assert plain(given).is_contiguous()


def test_transformers_without_rows_of_unequal_length_says_the_same(spm: Path) -> None:
    asked = [Request(index, made, Sampling(max_tokens=3 + 2 * (index % 5))) for index, made in enumerate(prompts(spm))]
    engine: Any = loaded(spm, asked, slots=4)
    assert engine.refills
    refilled = [event for event in engine.answer(asked) if isinstance(event, Answered)]
    engine.refills = False
    batches = [event for event in engine.answer(asked) if isinstance(event, Answered)]
    assert texts({event.index: event for event in refilled}) == texts({event.index: event for event in batches})


def test_missing_tensors_are_an_error_and_not_random_numbers(spm: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    copy = tmp_path / "copy"
    shutil.copytree(spm, copy)
    tensors = load_file(copy / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"missing, model\.layers\.1\.mlp\.up_proj\.weight"):
        loaded(copy, requests(spm))


def test_weights_that_are_no_numbers_are_an_error(spm: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from qtui.engines.conversion import llama_folder

    copy = tmp_path / "copy"
    shutil.copytree(spm, copy)
    tensors = load_file(copy / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    llama_folder.convert(open_weights(copy), tmp_path / "nan.gguf")
    for path in (copy, tmp_path / "nan.gguf"):
        with pytest.raises(UserError, match=r"NaN|nan|invalid"):
            answer(path, requests(spm))


def prompts(path: Path) -> list[Prompt]:
    return rendering.render(QUESTIONS, open_weights(path).prompt_format)


def requests(path: Path, **sampling: Any) -> list[Request]:
    settings = Sampling(**{"max_tokens": 12, **sampling})
    return [Request(index, made, settings) for index, made in enumerate(prompts(path))]


def replace_ends(request: Request, ends: tuple[str, ...]) -> Request:
    import msgspec

    return msgspec.structs.replace(request, prompt=msgspec.structs.replace(request.prompt, end_token_texts=ends))


def texts_of_ends(engine: Any) -> set[str]:
    if hasattr(engine, "tokenizer"):
        return set(engine.tokenizer.library.convert_ids_to_tokens(list(engine.end_tokens.always)))
    return set(engine.model.texts_of(engine.end_tokens.always))


def _id(folder: Path, token: str) -> int:
    from qtui.engines.transformers.tokenizer import HubTokenizer

    return HubTokenizer(open_weights(folder)).ids_of({token})[token]


def loaded(path: Path, asked: Sequence[Request], **settings: Any) -> Engine:
    if path.is_dir():
        engine: Engine = loaded_engine(variant("transformers", path, "FP16", **settings), path, asked)
    else:
        engine = loaded_engine(variant("llama.cpp", path, **settings), path, asked)
    return engine


def stream(path: Path, asked: Sequence[Request], **settings: Any) -> Iterator[Any]:
    return iter(loaded(path, asked, **settings).answer(asked))


def answer(path: Path, asked: Sequence[Request], **settings: Any) -> dict[int, Answered]:
    found = [event for event in stream(path, asked, **settings) if isinstance(event, Answered)]
    assert len({event.index for event in found}) == len(found)
    return {event.index: event for event in found}


def texts(answers: dict[int, Answered]) -> dict[int, str]:
    return {index: found.text for index, found in sorted(answers.items())}
