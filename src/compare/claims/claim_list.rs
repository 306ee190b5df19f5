//! All statements.

use crate::compare::claims::asking;
use crate::compare::claims::claim::Claim;
use crate::compare::claims::following;

/// All statements, in the order of the page.
pub fn all() -> impl Iterator<Item = &'static Claim> {
    asking::CLAIMS.iter().chain(following::CLAIMS)
}
