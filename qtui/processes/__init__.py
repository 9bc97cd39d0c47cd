"""The processes of qtui: starting children, their logs, and messages about how a process ended.

Native code crashes without a message, and so does a process that the kernel kills. So every process begins its log with the facts
needed to understand a crash, writes the stacks of all threads when it crashes, and its parent describes how it ended.
"""
