"""What people are told about a drift: columns, parts of the traffic, examples, samples apart."""
