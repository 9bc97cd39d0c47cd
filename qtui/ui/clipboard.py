"""Copies text to the clipboard of the user's terminal, also through SSH and tmux.

OSC 52 asks the terminal to store a text. tmux drops it from a program inside unless `set-clipboard` is `on` (default: `external`),
but forwards text from its own `load-buffer -w`; inside tmux both are used.
"""

import asyncio
import os
import subprocess
from typing import Any

from textual.app import App

from qtui.text import safe

TMUX_SECONDS = 3.0
LARGE = 74_000
"""Bytes of base64 that xterm and tmux accept in one OSC 52; longer texts may be dropped silently."""


async def copy(app: App[Any], text: str) -> str:
    """Copy the safe form of `text` to the clipboard; return the message for the user.

    Control characters are removed: pasted into a shell they would run commands from the model.
    """
    text = safe(text)
    app.copy_to_clipboard(text)
    in_tmux = await _copy_to_tmux(text) if os.environ.get("TMUX") else False
    message = f"Copied {len(text):,} characters"
    if in_tmux:
        return f"{message} (also in tmux's buffer)"
    if len(text.encode()) * 4 // 3 > LARGE:
        return f"{message}; some terminals drop texts this long"
    return message


async def _copy_to_tmux(text: str) -> bool:
    # tmux 3.2 added -w (also to the terminal); older ones keep the text at least in their own buffer.
    return await _tmux(text, "load-buffer", "-w", "-") or await _tmux(text, "load-buffer", "-")


async def _tmux(text: str, *arguments: str) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux", *arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(text.encode()), TMUX_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
    return process.returncode == 0
