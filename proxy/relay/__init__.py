"""The hot path: every request of every client goes through this room, and little else does.

Read in the order of a request: `downstream` (a client's connection) meets `switch` (where does it
go), takes a connection from `pool`, which hands out an `upstream`; `exchange` is the record of what
happened, `capture` keeps what was sampled, `mirror` sends the copy afterwards. Nothing in here
decodes a payload, computes a statistic or writes a log line per request.
"""
