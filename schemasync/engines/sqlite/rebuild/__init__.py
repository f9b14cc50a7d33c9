"""Building a generation: start from the old file, reshape, refill, index, finish.

The same steps run on a scratch database in memory when a plan is rehearsed, so that what does not fit is known
before anything is built.
"""
