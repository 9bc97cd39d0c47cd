"""Every kind of input."""

from tests.fuzz import endpoint_kinds, http_kinds, model_kinds, run_kinds, store_kinds, text_kinds

KINDS = (
    *text_kinds.KINDS,
    *run_kinds.KINDS,
    *endpoint_kinds.KINDS,
    *http_kinds.KINDS,
    *store_kinds.KINDS,
    *model_kinds.KINDS,
)
