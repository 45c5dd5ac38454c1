"""What everything else is made of: bins, functionals of them, bets on these, intervals, hours."""
