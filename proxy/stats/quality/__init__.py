"""How good predictions are: with their truth, with the certified quality, and without any truth."""
