"""HTTP, command line and console over the flows of the other packages; start with `api.app`."""
