"""The process that fills the store: `python -m qtui.runner`, started by `start` in a session of its own.

It plans nothing: the store has the experiment. It holds the run's lease, starts one worker process per variant, writes every
answer and grade as it comes, and looks in the store for what the user asks of it (cancel, pause).
"""
