"""The fleet: replicas of one deployment that watch together.

Each replica publishes the counts of every tick in a shared Redis and folds the sum of all of them,
so that all come to the same verdict from the same evidence, as soon as one large replica would.
Nothing here is waited for by a tick: without an answer in time a replica folds its own counts.
"""
