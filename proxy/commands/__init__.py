"""What the commands do once `cli` has read the line: the admin door's clients, files, manifests.

Commands that are rooms of their own (run, certify, demo, replay) are not here.
"""
