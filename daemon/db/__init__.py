"""The shop's database: products and sessions, in tables of our own or of the shop; SQL by SQLAlchemy only."""
