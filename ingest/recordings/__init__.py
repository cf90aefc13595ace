"""Recordings of real people, from the files of other people's devices: one codec a file."""
