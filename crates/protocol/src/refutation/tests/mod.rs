mod dissections;
mod encodings;
pub(crate) mod games;
pub(crate) mod liar;
mod moves;
mod network;
pub(crate) mod world;
