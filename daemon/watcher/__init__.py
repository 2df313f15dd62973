"""What happens in the exchange directory, as hints: the only importer of watchdog."""
