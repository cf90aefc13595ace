"""The entry: command line, settings, clock, wiring, local servers, supervision."""
