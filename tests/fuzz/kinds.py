"""Every kind of input."""

from tests.fuzz import endpoint_kinds, model_kinds, text_kinds

KINDS = (*text_kinds.KINDS, *endpoint_kinds.KINDS, *model_kinds.KINDS)
