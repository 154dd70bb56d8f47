"""The verbs of the command line; each function takes the parsed arguments and returns an exit code."""
