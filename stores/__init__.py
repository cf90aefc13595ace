"""The stores, and the only place that speaks Redis or SQL."""
