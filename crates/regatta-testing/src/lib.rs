//! Functions to try register allocators on, and what is done with them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`families`] | functions of any size, of shapes that hurt allocators |

pub mod families;
