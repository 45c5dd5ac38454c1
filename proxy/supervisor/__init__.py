"""The supervisor: it binds the ports, keeps relays and watcher alive, and ends them in order.

`supervisor` does that, `launches` says how each child is started, `ground` what no reload changes.
"""

from proxy.supervisor.supervisor import Supervisor

__all__ = ["Supervisor"]
