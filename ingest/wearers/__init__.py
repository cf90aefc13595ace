"""Simulated wearers: a person, a life, a body, and the devices on it."""
