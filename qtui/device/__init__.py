"""Processor, memory and GPUs of this machine, read from the system without loading an engine.

Every function takes the root folder of the system's files, so that a test can describe another machine.
"""
