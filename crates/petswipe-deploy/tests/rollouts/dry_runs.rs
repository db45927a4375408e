//! What a dry run says: the same core, carried out on a copy.
