"""From tasks to prompts, and from the texts of end tokens to their ids: the same for every engine."""
