"""Whether a changed scope comes from this pane's own request, by moving its cursor, or from somewhere else.

The cursor moves at once and the scope follows one message later. By then the cursor may be on yet another row, and must not jump
back: the pane moves its cursor to the scope's row only if the change came from somewhere else.
"""

from typing import Any

from qtui.ui.data.scope import Scope

_PENDING_AT_MOST = 64


class ScopeRequests:
    """Changes of the scope that a pane has requested and not yet seen, oldest first."""

    def __init__(self) -> None:
        self._pending: list[dict[str, Any]] = []

    def add(self, changes: dict[str, Any], scope: Scope) -> bool:
        """Add a request; return False, and add none, if the scope has these values already and nothing is pending."""
        if not self._pending and all(getattr(scope, name) == value for name, value in changes.items()):
            return False
        self._pending = [*self._pending[-_PENDING_AT_MOST:], changes]
        return True

    def explain(self, scope: Scope) -> bool:
        """Whether a request explains the scope, or is still pending. Drops the request and all older ones."""
        for i in reversed(range(len(self._pending))):
            if all(getattr(scope, name) == value for name, value in self._pending[i].items()):
                del self._pending[: i + 1]
                return True
        return bool(self._pending)

    def forget(self) -> None:
        """Drop all requests: the rows were replaced, so the scope decides where the cursor belongs."""
        self._pending = []
