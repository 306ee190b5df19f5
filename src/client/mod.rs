//! The commands `call` and `watch`: a small client on a blocking socket.
