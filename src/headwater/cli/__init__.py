"""The command line: thin commands over Project and the namespaces."""
