"""The hands: what the policy decides is done here, and people are told here.

`notify` delivers notices, `pager` climbs the escalation levels, `capacity` asks for more of it, and
`route` keeps the one cell that the relays read. None of them decides anything, and none of them can
hurt a request: each works beside the traffic, bounded in time, in bytes and in number.
"""
