"""What the service shows over HTTP: metrics, health, and a page for people. Its threads read one frozen snapshot."""
