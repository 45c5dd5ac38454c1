"""Bounded memories of the recent past: each forgets on its own and says how much it forgot."""
