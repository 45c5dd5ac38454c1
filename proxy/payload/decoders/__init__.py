"""One file per protocol: each gives `read_input` and `read_output`, from a body to a table."""
