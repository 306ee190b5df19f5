//! HTTP/1.1 on paper: bytes to values and back (RFC 9110, RFC 9112).
