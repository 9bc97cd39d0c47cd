"""Damaged and hostile inputs by the thousands: `make fuzz N=20000 SEED=1`.

Whatever a file, a folder or an endpoint contains, qtui reads it or says in one sentence what is wrong. Each input is made from a
real one by seeded changes, and is read in a child process with limits of memory and time.
"""
