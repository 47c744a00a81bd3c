"""HTTP/1.1, codec one: llhttp reads the heads, our own rules refuse what it lets through (RFC 9112)."""
