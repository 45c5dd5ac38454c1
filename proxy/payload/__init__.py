"""Payload: from sampled bytes to rows, or to a counted reason why not.

`decode.Decoder` is the door. Order of reading: `settings`, `protocols` (which protocol), `body`
(decompression and parsing within bounds), `decoders/` (one file per protocol), `table` (rows and
columns), `features` for what is not a table, `redact`, `schema`. Pure: no clock, no I/O.
"""
