"""The voice: metrics, journal, logs, state files, the admin API, the status page, the door.

`settings.py`, `desk.py` and `door.py` are light (no numpy, no prometheus_client): the supervisor
imports them. Nothing is re-exported here, so that importing one file imports only that file.
"""
