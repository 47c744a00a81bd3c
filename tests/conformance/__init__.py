"""What the proxy makes of every message we could think of, as tables, and the tests that hold it to them."""
