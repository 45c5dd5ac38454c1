"""What is watched with the engine: columns, classes, latency, rates, forms, days and weeks."""
