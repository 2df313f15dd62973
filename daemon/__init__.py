"""Hints about the exchange directory become due products, a session imports due products chunk by chunk, and
disk compared with rows is the only truth.
"""

__version__ = "0.1.0.dev0"
