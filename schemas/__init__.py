"""What travels and what is stored: typed models and SQL migrations. Imports nothing else of ours."""
