"""Imports that are asked for by a file: what it says, how it is claimed, how it is answered, how it is dropped."""
