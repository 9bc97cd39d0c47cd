"""Whose choice a changed scope is: the pane's own, made a moment ago by moving its cursor, or somebody else's.

A cursor moves at once and the scope follows a message later. When that change comes back the cursor may have moved on, and must
not be pulled to where it was: it goes where the scope says only if somebody else chose.
"""

from typing import Any

from qtui.ui.data.scope import Scope

_PENDING_AT_MOST = 64


class OwnChoices:
    def __init__(self) -> None:
        self._pending: list[dict[str, Any]] = []

    def made(self, changes: dict[str, Any], scope: Scope) -> bool:
        """Whether the pane has to ask for these fields of the scope; not where a cursor went to what the scope says already."""
        if not self._pending and all(getattr(scope, name) == value for name, value in changes.items()):
            return False
        self._pending = [*self._pending[-_PENDING_AT_MOST:], changes]
        return True

    def explain(self, scope: Scope) -> bool:
        """Whether the scope is what the pane asked for, or has yet to become it. Older choices are forgotten with it."""
        for i in reversed(range(len(self._pending))):
            if all(getattr(scope, name) == value for name, value in self._pending[i].items()):
                del self._pending[: i + 1]
                return True
        return bool(self._pending)

    def forget(self) -> None:
        """What is shown was replaced: only the scope says where the cursor belongs."""
        self._pending = []
