"""Ways to run a model. Each engine lives in a worker process of its own; see `protocol.answering` for what runner and worker say.

Engines know nothing of the store: they are handed prompts and yield answers.
"""
