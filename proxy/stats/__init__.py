"""Arrays in, numbers out: the statistics of every alarm, and the only room that imports scipy.

Read in this order: `profile` (what the reference looked like), `functionals` (what is watched about
a stream), `bets` (how evidence is scored), `design_effect` (how dependent rows are), `e_detector`
(evidence over time), `latch` (breach, confirmation, recovery), `effects` (what people are told).
No clock, no dice, no input or output lives here.
"""
