"""The request path: `outbound`/`inbound` → `exchange` → `upstream`, with HTTP/1.1 as codec one."""
