"""Recipes that fitted the coefficients shipped with the service; each reads RAGWRIGHT_DATA and prints what it found."""
