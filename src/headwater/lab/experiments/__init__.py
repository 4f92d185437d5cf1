"""The experiments: one file each. The name of the file is the name of the experiment."""
