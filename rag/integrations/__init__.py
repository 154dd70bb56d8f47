"""Faces that let other frameworks use Ragwright as a part of their own."""
