//! Prime numbers, as found by a test that errs on nobody's numbers but those made to deceive it.

use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{One, ToPrimitive};

/// Bases of the Miller–Rabin test, and the first divisors that are tried: the primes below 180.
const SMALL: [u32; 41] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179,
];

/// The smallest prime above a number.
///
/// The number is a hash wherever this is used: nobody can choose one near a composite that deceives all bases.
pub(super) fn next_prime(n: &BigUint) -> BigUint {
    if n < &BigUint::from(2u8) {
        return BigUint::from(2u8);
    }
    let mut candidate = n + 1u8;
    candidate.set_bit(0, true);
    while !is_prime(&candidate) {
        candidate += 2u8;
    }
    candidate
}

fn is_prime(n: &BigUint) -> bool {
    if let Some(small) = n.to_u32().filter(|n| *n <= SMALL[SMALL.len() - 1]) {
        return SMALL.contains(&small);
    }
    if SMALL.iter().any(|prime| (n % *prime) == BigUint::ZERO) {
        return false;
    }
    let last = n - 1u8;
    let twos = last.trailing_zeros().unwrap_or(0);
    let odd = &last >> twos;
    SMALL.iter().all(|base| {
        let mut power = BigUint::from(*base).modpow(&odd, n);
        if power.is_one() || power == last {
            return true;
        }
        for _ in 1..twos {
            power = (&power * &power).mod_floor(n);
            if power == last {
                return true;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_primes() {
        let is_prime_slowly =
            |n: u32| n > 1 && (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
        for n in 0..2000u32 {
            let next = (n + 1..).find(|n| is_prime_slowly(*n)).unwrap();
            assert_eq!(next_prime(&n.into()), next.into(), "{n}");
        }
    }

    #[test]
    fn large_primes() {
        // 2^127 - 1, 2^255 - 19, and a Carmichael number.
        let mersenne = (BigUint::one() << 127) - 1u8;
        assert_eq!(next_prime(&(&mersenne - 1u8)), mersenne);
        let curve = (BigUint::one() << 255) - 19u8;
        assert_eq!(next_prime(&(&curve - 1u8)), curve);
        assert!(!is_prime(&BigUint::from(3_215_031_751u64)));
    }
}
