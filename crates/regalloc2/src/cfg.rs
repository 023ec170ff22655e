//! A type that the interface mentions and no client can name.

/// What was found out about the flow of control: nothing, since the validator finds it out itself.
#[derive(Debug, Default)]
pub struct CFGInfo {}
