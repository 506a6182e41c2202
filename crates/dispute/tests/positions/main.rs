//! Games about a lie at every kind of tick, played to the end with operations and real proofs.

#[path = "../world/mod.rs"]
mod world;

use soru_base::{Profile, Tick, TickSpan};
use soru_dispute::{Landmark, Timeline};
use world::World;
use world::game::{Cost, HONEST, LIAR, Opener};
use world::kernels;
use world::liar::Lie;

/// A lie that begins some ticks behind a landmark.
type Place = (Landmark, u64, u64);

/// Plays games about the period `number` of a world, every second one opened by the liar.
fn games(name: &str, world: &World, number: u32, places: &[Place]) -> Cost {
    let mut truth = world.timeline(number, true);
    let mut worst = Cost::default();
    for (i, &(landmark, occurrence, offset)) in places.iter().enumerate() {
        let found = truth.find(landmark, occurrence).unwrap();
        let Some(tick) = found else { panic!("{name}: no {landmark:?} number {occurrence}") };
        let lie = Lie::at(tick.plus(TickSpan(offset)), &mut truth);
        let opener = if i % 2 == 0 { Opener::Honest } else { Opener::Liar };
        let cost = world.clone().dispute(number, lie, opener, &mut truth);
        println!("{name}, period {number}, {landmark:?} {occurrence} + {offset}, {opener:?} opens: {cost:?}");
        worst = worst.max(cost);
    }
    assert!(worst.moves <= 16 && worst.proof <= 30_000, "{worst:?}");
    worst
}

fn ordinary(profile: Profile) -> World {
    let pages = world::Pages::of(&[kernels::PAGE]);
    World::new(profile, &kernels::ordinary(), pages, |level| {
        vec![vec![level as u8; 20], b"second".to_vec(), vec![]]
    })
}

#[test]
fn the_first_period() {
    let mut world = ordinary(Profile::alpha());
    world.bake_period(1);
    // Five messages at every level: the protocol's two, and three of ours. Two runs at every level.
    games(
        "ordinary",
        &world,
        1,
        &[
            (Landmark::First, 0, 0),
            (Landmark::First, 0, 1),
            (Landmark::Input, 2, 0),
            (Landmark::Input, 4, 0),
            (Landmark::Input, 5, 0),
            (Landmark::Input, 14, 0),
        ],
    );
}
