//! stub
use crate::compare::turns::Turns;
use crate::failure::Failure;
pub const LOOPS: u16 = 2;
pub fn run(_: &Turns) -> Result<(), Failure> {
    Ok(())
}
