"""The link: frames between relays and the watcher over a unix socket.

Reports flow one way, relay to watcher; the `Routing` flows the other. The link is bounded: what
does not fit is dropped and counted, and never waited for.
"""
