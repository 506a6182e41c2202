mod dissections;
mod encodings;
mod games;
mod moves;
mod network;
mod world;
