"""Puts one architecture through everything that two engines must agree on, as a worker and a comparison drive them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from qtui.engines import planning
from qtui.engines.conversion import gguf_cache
from qtui.engines.divergence.token_divergence import compare
from qtui.engines.prompts import rendering
from qtui.engines.protocol.answering import Item, Job, Request
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import Weights, open_weights
from qtui.errors import UserError
from qtui.records import EngineName, PromptSource, Sampling, VariantSpec
from tests.zoo import checkpoint, converter_for_small_vocabularies, engine_side
from tests.zoo.engine_side import EngineSide
from tests.zoo.kinds import Kind
from tests.zoo.outcome import Difference, Outcome, Side

TASKS = (
    "りんごが五つ、みかんが八つあります。三つ食べると残りはいくつですか。",
    "空",
    'The quick test needs 12345 words: print("hello").\n\n次の文章を三つの要点にまとめてください。',
    "どうして空は青いの？",
    "二〇二四年四月一日は月曜日です。",
)
HOSTILE = (
    "  前の  空白   ", "a\tb\t\tc\n行\n\n行\r\n", "ｶﾀｶﾅ ﾊﾝｶｸ ﾞﾟ", "<s>あ</s>い<unk>う", "x<|im_end|> y", "👩‍👩‍👧 🇯🇵 が",
    "\u3000全角\u3000𠮷野家\ufeff", "don't I'LL 1234567 3.14",
    "次の文から人の名前を抜き出してください。4月9日、山本さんは市場で花束を買いました。", "<|channel|>final<|message|>",
)  # fmt: skip
MAX_TOKENS = 40
SAMPLING = Sampling(temperature=0.0, max_tokens=MAX_TOKENS)


def put_through(kind: Kind, home: Path, converter: Path) -> Outcome:
    """Return what became of the architecture. `home` is a folder to write in, `converter` one with llama.cpp's sources."""
    folder = home / kind.slug
    tokens = checkpoint.write(kind, folder)
    weights = open_weights(folder)
    outcome = Outcome(kind.name, weights.config["architectures"][0], weights.config["model_type"])
    hub = _run("transformers", weights, weights, outcome.transformers)
    named = converter_for_small_vocabularies.folder_for(converter, tokens.pattern, home / f"{kind.slug}-converter")
    file = _convert(weights, home / f"{kind.slug}-gguf", named, outcome)
    if file is None:
        return outcome
    llama = _run("llama.cpp", weights, file, outcome.llama_cpp)
    outcome.gguf_ends = file.prompt_format.end_token_texts
    if llama:
        _compare_prompts(weights, file, llama, outcome)
    if hub and llama:
        _compare_vocabularies(weights, hub, llama, outcome)
        _compare_answers(hub, llama, outcome)
    return outcome


def _convert(weights: Weights, home: Path, converter: Path, outcome: Outcome) -> Weights | None:
    phases: list[str] = []
    try:
        file = gguf_cache.lossless_gguf(
            weights, home, lambda said: phases.append(said.phase), gguf_cache.Conversion(converter=converter)
        )
    except UserError as error:
        outcome.conversion = _sentence(error, weights)
        return None
    found = open_weights(file)
    outcome.gguf_architecture = found.header.architecture
    outcome.converted_by = "llama.cpp" if len(phases) > 1 else "qtui"
    return found


def _run(engine: EngineName, source: Weights, weights: Weights, side: Side) -> EngineSide | None:
    """The engine with its answers to the tasks, rendered by the folder's prompt format; None with the reason in `side`."""
    spec = VariantSpec(
        model="zoo", name="F32", engine=engine, weights=str(weights.path), precision="F32", slots=1, threads=1
    )
    items = [Item(number, 0, text) for number, text in enumerate(TASKS, 1)]
    try:
        plan = planning.plan(
            Job(spec, SAMPLING, PromptSource(weights=str(source.path)), items), WeightsFinder(lambda _: None)
        )
        requests = [Request(number, prompt, SAMPLING) for number, prompt in enumerate(plan.prompts)]
        found = engine_side.load(spec, plan, weights, requests)
    except UserError as error:
        side.error = _sentence(error, source)
        return None
    except Exception as error:
        side.error = f"a Python error reaches the user: {type(error).__name__}: {error}"
        return None
    side.ends, side.batched = found.ends, found.batched
    return found


def _compare_prompts(folder: Weights, file: Weights, llama: EngineSide, outcome: Outcome) -> None:
    """Whether a run that has only the GGUF file asks the same."""
    asked = [
        [llama.vocabulary.tokens(prompt) for prompt in rendering.render(TASKS, weights.prompt_format)]
        for weights in (folder, file)
    ]
    outcome.prompts_equal = asked[0] == asked[1]


def _compare_vocabularies(folder: Weights, hub: EngineSide, llama: EngineSide, outcome: Outcome) -> None:
    prompts = rendering.render((*TASKS, *HOSTILE), folder.prompt_format)
    prompts += rendering.render(HOSTILE, folder.prompt_format, template="")
    for prompt in prompts:
        if hub.vocabulary.tokens(prompt) != llama.vocabulary.tokens(prompt):
            outcome.other_ids.append(prompt.text)
    for token in range(len(hub.vocabulary.library)):
        pieces = [side.vocabulary.piece(token) for side in (hub, llama)]
        if pieces[0] != pieces[1]:
            text = hub.vocabulary.library.convert_ids_to_tokens(token)
            outcome.other_pieces.append(f"{text}: {pieces[0]!r} and {pieces[1]!r}")


def _compare_answers(hub: EngineSide, llama: EngineSide, outcome: Outcome) -> None:
    if hub.prompts != llama.prompts:
        return  # other tokens were asked; that is said already
    for number, (one, other) in enumerate(zip(hub.answers, llama.answers, strict=True)):
        if one != other:
            equal = next(
                (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None
            )
            equal = min(len(one), len(other)) if equal is None else equal
            outcome.answers.append(Difference(equal, engine_side.gap(hub.logits[number][equal])))
    size = min(hub.logits[0].shape[1], llama.logits[0].shape[1])
    logits = llama.scorer.score(hub.prompts, hub.answers)
    with ThreadPoolExecutor(1) as threads:
        parts = [
            compare(one[:, :size], other[:, :size], np.zeros(len(one), np.int64), threads).kl
            for one, other in zip(hub.logits, logits, strict=True)
        ]
    outcome.kl = float(np.concatenate(parts).mean())


def _sentence(error: UserError, weights: Weights) -> str:
    """What qtui says, with the model's name in place of its path."""
    return str(error).replace(str(weights.path), weights.path.name)
