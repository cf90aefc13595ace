"""The Bytewax flows: live and history."""
