"""How evidence grows: streams, e-detectors, the life of a breach, and what is concluded from it."""
