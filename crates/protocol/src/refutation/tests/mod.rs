mod dissections;
mod encodings;
mod games;
mod moves;
mod world;
