"""The service: what happens in the exchange directory becomes imports, for as long as the process lives."""
