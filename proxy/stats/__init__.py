"""Arrays in, numbers out: the statistics of every alarm, and the only room that imports scipy.

From the bottom: `basis` (bins, functionals of them, bets on these), `reference` (what was
certified), `engine` (how evidence grows, and the life of a breach), `watches` (what is watched with
it); on top of these, beside each other, `explain` and `quality`; and `promise` (what a certificate
can say of itself). Read `reference.profile`, `basis.functionals`, `basis.bets`, `engine.e_detector`
and `engine.watch` in this order. No clock, no dice, no input or output lives here.
"""
