"""What this machine is: processor, memory and GPUs, read from the system without loading any engine.

Every function takes the root folder of the system's files, so that a test can point it at another machine's.
"""
