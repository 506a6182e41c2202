//! Refutation games: their place. Until they are here, two commitments that contradict each other freeze cementing.
