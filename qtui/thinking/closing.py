"""The text that closes an open thought, so that the answer follows."""

from qtui.thinking import harmony
from qtui.thinking.splitting import opened_tags, split
from qtui.thinking.tags import CHANNEL, ENDS, MESSAGE, START, Tags


def closing_text(text: str, *, prompt: str = "", tags: Tags | None = None) -> str:
    """Return what closes the thought that a text is in at its end, and begins the answer; empty if it is in none."""
    if not split(text, prompt=prompt, tags=tags).is_unfinished:
        return ""
    if harmony.messages(harmony.header_in_prompt(prompt) + text):
        return f"{ENDS[0]}{START}assistant{CHANNEL}{harmony.ANSWER_CHANNEL}{MESSAGE}"
    pair = opened_tags(text, prompt=prompt, tags=tags)
    return f"\n{pair.closing}\n\n" if pair else ""
