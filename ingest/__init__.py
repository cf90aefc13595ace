"""From the world to the log: gateway, replay of recordings, simulated wearers."""
