mod games;
mod specs;
mod world;
