"""The pure core: baselines, rules, rewriting. No I/O, no clock, no randomness that is not passed in."""
