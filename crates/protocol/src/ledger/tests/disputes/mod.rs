//! Many games at once on a whole ledger, with a machine of numbers instead of a real one: liars try what they like, and
//! one honest staker loses nothing.

mod honest;
mod laws;
mod liars;
mod swindle;
mod world;
