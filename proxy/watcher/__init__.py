"""The watcher: the process that thinks.

`process` starts and ends it and turns the ticks; `hands` carries out what the pipeline decides;
`desk` answers the admin API; `samples` keeps rows for people. All judgement is in `proxy.pipeline`:
nothing here concludes anything.
"""
