"""Loads the engine that runs a variant. For llama.cpp a folder is first converted to a GGUF file.

Engines are imported only here and only when they are used, because their libraries are heavy.
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qtui.engines import compute
from qtui.engines.divergence.scoring import Scorer
from qtui.engines.planning import Plan
from qtui.engines.protocol.answering import Engine, Loading, Report, Request
from qtui.engines.weights.weights import Weights, open_weights
from qtui.errors import UserError
from qtui.files.parsing import reason
from qtui.processes import log_end
from qtui.records import VariantSpec

LOADING = Loading("loading weights")
_PACKAGE = Path(__file__).parents[1]


@contextmanager
def library_errors(variant: VariantSpec, plan: Plan, *, also_of_qtui: bool = False) -> Iterator[None]:
    """Raise UserError on the weights for what a library raises inside; its traceback is in the log.

    Libraries raise anything for files that are damaged in a way that no header shows. With `also_of_qtui`, code of qtui that
    walks through such files counts as well; else its exception is a defect and passes, as do a missing package and a lack of
    memory, of which the worker knows more.
    """
    try:
        yield
    except (UserError, ImportError, MemoryError):
        raise
    except Exception as error:
        is_of_system = isinstance(error, OSError) and error.errno is not None
        lacks_memory = log_end.lacks_memory(f"{type(error).__name__}: {error}")
        if is_of_system or lacks_memory or not (also_of_qtui or _is_of_library(error)):
            raise
        traceback.print_exc()
        raise UserError(
            f"{plan.path or variant.weights}: {variant.engine} cannot run it ({reason(error)}); take its files from one model, or "
            "download it again"
        ) from error


def _is_of_library(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and not Path(frames[-1].filename).is_relative_to(_PACKAGE)


def load_engine(variant: VariantSpec, plan: Plan, requests: Sequence[Request], report: Report) -> Engine:
    """Return the engine that answers the requests, completely loaded. Raises UserError with the reason if it cannot be loaded."""
    with library_errors(variant, plan, also_of_qtui=True):
        return _load_engine(variant, plan, requests, report)


def _load_engine(variant: VariantSpec, plan: Plan, requests: Sequence[Request], report: Report) -> Engine:
    compute.hide_unused_gpus(plan.compute)
    if plan.weights is None:
        from qtui.engines import openai

        report(LOADING)
        return openai.load_engine(variant, requests)
    if variant.engine == "transformers":
        from qtui.engines.transformers import loading as transformers_loading

        report(LOADING)
        return transformers_loading.load_engine(variant, plan.weights, plan.compute, requests, report)
    assert variant.engine == "llama.cpp", variant.engine
    from qtui.engines.llama_cpp import loading as llama_cpp_loading

    weights = _gguf_weights(variant, plan, plan.weights, report)
    verified = compute.verify_file(weights, plan.compute, report)
    report(LOADING)
    return llama_cpp_loading.load_engine(variant, weights, verified, requests, report)


def load_choice_engine(variant: VariantSpec, plan: Plan, requests: Sequence[Request], report: Report) -> Engine:
    """Return the engine that scores the choices of the requests instead of generating. Raises UserError as `load_engine` does."""
    compute.hide_unused_gpus(plan.compute)
    report(LOADING)
    if plan.weights is None:
        from qtui.engines.choices import endpoint

        return endpoint.load_engine(variant, requests)
    from qtui.engines.choices.engine import ChoiceEngine

    return ChoiceEngine(load_scorer(variant, plan, requests, report), variant.context)


def load_scorer(variant: VariantSpec, plan: Plan, requests: Sequence[Request], report: Report) -> Scorer:
    """Return the model that scores answers to the requests, completely loaded. Raises UserError with the reason if it cannot be.

    The caller hides unused GPUs (`compute.hide_unused_gpus`) before it loads the process's first model.
    """
    with library_errors(variant, plan, also_of_qtui=True):
        return _load_scorer(variant, plan, requests, report)


def _load_scorer(variant: VariantSpec, plan: Plan, requests: Sequence[Request], report: Report) -> Scorer:
    assert plan.weights is not None, "an endpoint cannot score tokens"
    if variant.engine == "transformers":
        from qtui.engines.divergence import scoring_transformers

        return scoring_transformers.load_scorer(variant, plan.weights, plan.compute, requests, report)
    assert variant.engine == "llama.cpp", variant.engine
    from qtui.engines.divergence import scoring_llama_cpp

    weights = _gguf_weights(variant, plan, plan.weights, report)
    verified = compute.verify_file(weights, plan.compute, report)
    return scoring_llama_cpp.load_scorer(variant, weights, verified, requests, report)


def _gguf_weights(variant: VariantSpec, plan: Plan, weights: Weights, report: Report) -> Weights:
    """The GGUF file that llama.cpp loads: the weights themselves, or the file that a folder is converted to."""
    if not weights.is_folder:
        return weights
    from qtui.engines.conversion import gguf_cache

    how = gguf_cache.Conversion(trust_remote_code=variant.trust_remote_code)
    path = gguf_cache.quantized_gguf(
        weights,
        variant.precision,
        plan.engine_version,
        report,
        how=how,
        imatrix=Path(variant.imatrix) if variant.imatrix else None,
        compute=plan.compute,
    )
    return open_weights(path)
