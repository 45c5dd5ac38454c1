"""The watcher: the process that thinks.

`start` starts it, `process` turns its ticks and ends it; `hands` carries out what the pipeline
decides; `desk` and `overview` answer the admin API; `samples` keeps rows for people. All judgement
is in `proxy.pipeline`: nothing here concludes anything.
"""
