"""An engine with everything loaded, without a worker around it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtui.engines.available import untested
from qtui.engines.device_choice import Compute
from qtui.engines.protocol.answering import Request
from qtui.engines.weights.weights import open_weights
from qtui.records import VariantSpec


def loaded_engine(spec: VariantSpec, path: Path, requests: Sequence[Request], compute: Compute | None = None) -> Any:
    """Of a variant whose weights lie at `path`, for these requests."""
    loading: Any
    if spec.engine == "transformers":
        from qtui.engines.transformers import loading
    else:
        from qtui.engines.llama_cpp import loading
    chosen = compute or untested(spec.engine)
    return loading.load_engine(spec, open_weights(path), chosen, requests, lambda _: None)
