mod games;
mod shapes;
mod specs;
mod world;
