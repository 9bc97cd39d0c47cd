"""The engines that run models, each in its own worker process; `protocol.answering` has the messages of runner and worker.

Engines do not use the store: they get prompts and yield answers.
"""
