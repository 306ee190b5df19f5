//! Errors: which type it is shows what follows from it.
//!
//! | error | cause | consequence |
//! | --- | --- | --- |
//! | [`ProtocolError`] | the peer broke a rule of the protocol, or a limit of it | the connection ends |
//! | [`ApiError`] | a call cannot be done | the call is answered with a problem; the connection stays |
//! | [`CommandError`] | a command failed | one line on standard error, and an exit status |
//! | `io::Error` | the machine failed | the caller decides |

mod api_error;
mod command_error;
mod protocol_error;

pub use api_error::{ApiError, INVALID_DATA, LineColumn, shown};
pub use command_error::{CommandError, one_line};
pub use protocol_error::{ErrorCodes, ProtocolError};
