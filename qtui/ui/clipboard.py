"""The one place that knows how text gets to the clipboard of the user's own terminal, through SSH and tmux.

OSC 52 asks the terminal to take a text. tmux drops that from a program inside it unless `set-clipboard` is `on` (its default is
`external`), but passes on what its own `load-buffer -w` is given; so both are done where there is a tmux.
"""

import asyncio
import os
import subprocess
from typing import Any

from textual.app import App

from qtui.text import safe

TMUX_SECONDS = 3.0
LARGE = 74_000
"""Bytes of base64 that xterm and tmux take in one OSC 52; more may be dropped without a word."""


async def copy(app: App[Any], text: str) -> str:
    """Put the safe form of `text` on the clipboard; what to tell the user.

    Control characters are left out here, too: pasted into a shell they would do what the model wanted.
    """
    text = safe(text)
    app.copy_to_clipboard(text)
    in_tmux = await _tmux_takes(text) if os.environ.get("TMUX") else False
    told = f"Copied {len(text):,} characters"
    if in_tmux:
        return f"{told} (also in tmux's buffer)"
    if len(text.encode()) * 4 // 3 > LARGE:
        return f"{told}; some terminals drop texts this long"
    return told


async def _tmux_takes(text: str) -> bool:
    # -w (to the terminal as well) came with tmux 3.2; without it the text is at least in tmux's own buffer.
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
