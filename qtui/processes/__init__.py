"""The processes of qtui: what each leaves in its log without being asked, and how the end of one is put into words.

Native code crashes without a message, and the kernel kills without one. So every process opens its log with what is needed to
understand a crash, has the place of every thread written when it crashes, and is described from outside when it is gone.
"""
