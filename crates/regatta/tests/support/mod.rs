//! What several integration tests share.
#![allow(unreachable_pub, dead_code, reason = "each test uses its part")]

pub mod generate;
pub mod interpret;
