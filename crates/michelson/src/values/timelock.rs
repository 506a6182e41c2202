//! Time-lock puzzles: a chest that opens with a key, and a key that takes a known number of squarings to find, one after another.
//!
//! All happens modulo the challenge RSA-2048, whose factors nobody knows. A key says what its own puzzle unlocks to, with a proof
//! (Wesolowski's) that is checked without the squarings; the chest's puzzle is a power of the key's.

use super::prime::next_prime;
use crypto_secretbox::aead::generic_array::GenericArray;
use crypto_secretbox::{AeadInPlace, KeyInit, XSalsa20Poly1305};
use num_bigint::BigUint;
use num_traits::{One, Zero};
use soru_base::bin::{self, Binary, DecodeError, Reader};
use std::sync::LazyLock;

/// The challenge RSA-2048, published in 1991.
const RSA_2048: &str = "25195908475657893494027183240048398571429282126204032027777137836043662020707595556264018525880784406918290641249515082189298559149176184502808489120072844992687392807287776735971418347270261896375014971824691165077613379859095700097330459748808428401797429100642458691817195118746121515172654632282216869987549182422433637259085141865462043576798423387184774447920739934236584823824281198163815010674810451660377306056201619676256133844143603833904414952634432190114657544454178424020924616515723350778707749817125772467962926386356373289912154831438167899885040445364023527381951378636564391212010397122822120720357";

static MODULUS: LazyLock<BigUint> =
    LazyLock::new(|| RSA_2048.parse().expect("the constant is made of decimal digits"));

/// Bytes of the tag in front of what is encrypted.
const TAG: usize = 16;

/// Something encrypted, and the puzzle whose solution is the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Chest {
    locked: BigUint,
    nonce: [u8; 24],
    ciphertext: Vec<u8>,
}

/// A puzzle, its solution, the proof of it, and the power by which a chest's puzzle comes from the puzzle.
#[derive(Clone, PartialEq, Eq)]
pub struct ChestKey {
    locked: BigUint,
    unlocked: BigUint,
    proof: BigUint,
    power: BigUint,
}

impl Binary for Chest {
    fn write(&self, out: &mut Vec<u8>) {
        bin::put_n(out, &self.locked);
        out.extend_from_slice(&self.nonce);
        bin::put_bytes(out, &self.ciphertext);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.clone();
        let what = "a chest";
        let locked = r.n(what)?;
        if locked <= BigUint::one() {
            return Err(at.invalid(what, "a puzzle of 0 or 1"));
        }
        let nonce = r.array(what)?;
        let at = r.clone();
        let ciphertext = r.bytes(usize::MAX, what)?.to_vec();
        match ciphertext.len() > TAG {
            true => Ok(Self { locked, nonce, ciphertext }),
            false => Err(at.invalid(what, format!("{} bytes instead of more than {TAG}", ciphertext.len()))),
        }
    }
}

impl Binary for ChestKey {
    fn write(&self, out: &mut Vec<u8>) {
        for n in [&self.locked, &self.unlocked, &self.proof, &self.power] {
            bin::put_n(out, n);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.clone();
        let what = "a key of a chest";
        let (locked, unlocked, proof, power) = (r.n(what)?, r.n(what)?, r.n(what)?, r.n(what)?);
        if locked <= BigUint::one() || power.is_zero() {
            return Err(at.invalid(what, "a puzzle of 0 or 1, or a power of 0"));
        }
        match [&locked, &unlocked, &proof].iter().all(|n| **n < *MODULUS) {
            true => Ok(Self { locked, unlocked, proof, power }),
            false => Err(at.invalid(what, "a number above the modulus")),
        }
    }
}

impl Chest {
    /// Bytes of what is in it.
    pub fn contents_len(&self) -> usize {
        self.ciphertext.len().saturating_sub(TAG)
    }

    /// Opens it with a key that takes `time` squarings to find: `None` if the key is another one.
    ///
    /// A chest that was filled with garbage opens, and is empty.
    pub fn open(&self, key: &ChestKey, time: u64) -> Option<Vec<u8>> {
        if key.locked.modpow(&key.power, &MODULUS) != self.locked || !key.is_proved(time) {
            return None;
        }
        Some(self.decrypt(&key.symmetric()).unwrap_or_default())
    }

    fn decrypt(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        let (tag, encrypted) = self.ciphertext.split_at_checked(TAG)?;
        let mut text = encrypted.to_vec();
        XSalsa20Poly1305::new(GenericArray::from_slice(key))
            .decrypt_in_place_detached(
                GenericArray::from_slice(&self.nonce),
                &[],
                &mut text,
                GenericArray::from_slice(tag),
            )
            .ok()?;
        Some(text)
    }
}

impl ChestKey {
    /// Bits of the power: what opening costs grows with them.
    pub(crate) fn power_bits(&self) -> u64 {
        self.power.bits()
    }

    /// Whether the proof shows that the puzzle, squared so many times, is the solution.
    fn is_proved(&self, time: u64) -> bool {
        let prime = challenge(time, &self.locked, &self.unlocked);
        let rest = BigUint::from(2u8).modpow(&time.into(), &prime);
        let product = self.proof.modpow(&prime, &MODULUS) * self.locked.modpow(&rest, &MODULUS);
        self.unlocked == product % &*MODULUS
    }

    fn symmetric(&self) -> [u8; 32] {
        let solution = self.unlocked.modpow(&self.power, &MODULUS);
        keyed_hash(b"Tezoskdftimelockv1", solution.to_string().as_bytes())
    }
}

/// The prime number that a proof has to answer to.
fn challenge(time: u64, locked: &BigUint, unlocked: &BigUint) -> BigUint {
    let mut text = time.to_string().into_bytes();
    for n in [&*MODULUS, locked, unlocked] {
        text.extend_from_slice(&[0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0]);
        text.extend_from_slice(&words(n));
    }
    next_prime(&BigUint::from_bytes_le(&keyed_hash(b" ", &text)))
}

/// The bytes of a number, the lowest one first, in whole words of eight.
fn words(n: &BigUint) -> Vec<u8> {
    n.iter_u64_digits().flat_map(u64::to_le_bytes).collect()
}

fn keyed_hash(key: &[u8], text: &[u8]) -> [u8; 32] {
    let hash = blake2b_simd::Params::new().hash_length(32).key(key).hash(text);
    let mut out = [0; 32];
    out.copy_from_slice(hash.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chest and its key, made the slow way.
    fn filled(text: &[u8], time: u64, power: u32) -> (Chest, ChestKey) {
        let locked = BigUint::from(0xabcdef_u32).modpow(&1234u32.into(), &MODULUS);
        let unlocked = (0..time).fold(locked.clone(), |n, _| &n * &n % &*MODULUS);
        let prime = challenge(time, &locked, &unlocked);
        let proof = locked.modpow(&((BigUint::one() << time) / &prime), &MODULUS);
        let key = ChestKey { locked, unlocked, proof, power: power.into() };
        let nonce = [9; 24];
        let mut encrypted = text.to_vec();
        let tag = XSalsa20Poly1305::new(GenericArray::from_slice(&key.symmetric()))
            .encrypt_in_place_detached(GenericArray::from_slice(&nonce), &[], &mut encrypted)
            .unwrap();
        let locked = key.locked.modpow(&key.power, &MODULUS);
        (Chest { locked, nonce, ciphertext: [tag.as_slice(), &encrypted].concat() }, key)
    }

    #[test]
    fn a_chest_opens_with_its_key_alone() {
        let (chest, key) = filled(b"gold", 300, 5);
        assert_eq!(chest.contents_len(), 4);
        assert_eq!(chest.open(&key, 300).as_deref(), Some(&b"gold"[..]));
        assert_eq!(chest.open(&key, 301), None);
        assert_eq!(chest.open(&key, 0), None);
        let wrong = ChestKey { power: 6u8.into(), ..key.clone() };
        assert_eq!(chest.open(&wrong, 300), None);
        let wrong = ChestKey { proof: &key.proof + 1u8, ..key.clone() };
        assert_eq!(chest.open(&wrong, 300), None);
        let mut garbage = chest.clone();
        garbage.ciphertext[3] ^= 1;
        assert_eq!(garbage.open(&key, 300).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn forms() {
        let (chest, key) = filled(b"gold", 10, 1);
        assert!(Chest::from_bytes(&chest.to_bytes()) == Ok(chest.clone()));
        assert!(ChestKey::from_bytes(&key.to_bytes()) == Ok(key.clone()));
        let refused = |chest: Chest| Chest::from_bytes(&chest.to_bytes()).is_err();
        assert!(refused(Chest { locked: BigUint::one(), ..chest.clone() }));
        assert!(refused(Chest { ciphertext: vec![0; TAG], ..chest }));
        let refused = |key: ChestKey| ChestKey::from_bytes(&key.to_bytes()).is_err();
        assert!(refused(ChestKey { power: BigUint::zero(), ..key.clone() }));
        assert!(refused(ChestKey { proof: MODULUS.clone(), ..key.clone() }));
        assert!(refused(ChestKey { locked: BigUint::one(), ..key }));
        assert!(Chest::from_bytes(&[]).is_err() && ChestKey::from_bytes(&[2, 3]).is_err());
    }

    #[test]
    fn numbers_are_hashed_in_whole_words() {
        assert_eq!(words(&BigUint::from(258u32)), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(words(&(BigUint::one() << 64)).len(), 16);
        assert_eq!(words(&MODULUS).len(), 256);
    }
}
