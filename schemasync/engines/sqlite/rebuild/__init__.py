"""Builds a generation: start from the old file, reshape, refill, index, finish.

The same steps run on a scratch database in memory in the dry run of a plan, so that problems are known before anything
is built.
"""
