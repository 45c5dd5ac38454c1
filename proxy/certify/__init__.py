"""Certification: what the models do before deployment becomes the benchmark they are held to.

`reference` reads the rows that training or past traffic gave, `recorded` the requests to send,
`drive` sends them over real HTTP at several concurrencies, `answers` turns what came back into
columns, and `certify` puts the benchmark together. The mathematics is in `stats`, the form of the
file in `benchmark`.
"""
