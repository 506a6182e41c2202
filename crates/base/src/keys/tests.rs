use super::*;
use crate::bin::Binary;
use crate::bootstrap::BOOTSTRAP_ACCOUNTS;
use proptest::prelude::*;
use serde_json::Value;

fn published_keys() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../tests/data/signatures.json")).unwrap();
    file["keys"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[test]
fn signatures_are_those_of_another_client() {
    for vector in published_keys() {
        let secret: SecretKey = text(&vector, "secret_key").parse().unwrap();
        let public = secret.public_key();
        assert_eq!(public.to_string(), text(&vector, "public_key"));
        assert_eq!(public.hash().to_string(), text(&vector, "public_key_hash"));
        assert_eq!(*secret.reveal(), text(&vector, "secret_key"));
        for operation in vector["operations"].as_array().unwrap() {
            let forged = hex::decode(text(operation, "forged")).unwrap();
            let signature = secret.sign_operation(&forged);
            assert_eq!(signature.to_string(), text(operation, "signature"));
            assert!(signature.verify_operation(&public, &forged));
            assert_eq!(secret.sign(&forged).to_string(), text(operation, "unmarked"));
            assert!(secret.sign(&forged).verify(&public, &forged));
            assert!(!secret.sign(&forged).verify_operation(&public, &forged));
        }
    }
}

#[test]
fn operations_signed_by_bootstrap1_are_reproduced() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../testdata/vectors/forge/operations.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 26);
    let account = BOOTSTRAP_ACCOUNTS[0];
    let mut reproduced = 0;
    for vector in vectors {
        let forged = hex::decode(text(vector, "forged_hex")).unwrap();
        let signature = account.sk().sign_operation(&forged);
        assert!(signature.verify_operation(&account.pk(), &forged));
        // Four shapes are known to clients that do not sign.
        if let Some(expected) = vector["sig_bootstrap1"].as_str() {
            assert_eq!(signature.to_string(), expected, "{}", vector["name"]);
            assert!(expected.parse::<Signature>().unwrap().verify_operation(&account.pk(), &forged));
            reproduced += 1;
        }
    }
    assert_eq!(reproduced, 22);
}

#[test]
fn every_prefix_prints_as_it_should() {
    let zero = [0; 20];
    for (curve, hash, key, secret, signature) in [
        (Curve::Ed25519, "tz1", "edpk", "edsk", "edsig"),
        (Curve::Secp256k1, "tz2", "sppk", "spsk", "spsig1"),
        (Curve::P256, "tz3", "p2pk", "p2sk", "p2sig"),
        (Curve::Bls, "tz4", "BLpk", "BLsk", "BLsig"),
    ] {
        let sk = SecretKey::from_seed(curve, &[7; 32]).unwrap();
        assert_eq!(
            (sk.curve(), sk.public_key().curve(), sk.public_key().hash().curve()),
            (curve, curve, curve)
        );
        assert!(PublicKeyHash::new(curve, zero).to_string().starts_with(hash));
        assert!(sk.public_key().to_string().starts_with(key));
        assert!(sk.reveal().starts_with(secret));
        assert!(sk.sign(b"x").to_string().starts_with(signature));
    }
    assert!(Signature::ZERO.to_string().starts_with("sig"));
    assert_eq!(PublicKeyHash::ZERO.to_string(), "tz1Ke2h7sDdakHJQh8WX4Z372du1KChsksyU");
}

#[test]
fn both_forms_of_an_ed25519_secret_are_read() {
    let seed = BOOTSTRAP_ACCOUNTS[0].sk();
    let PublicKey::Ed25519(public) = seed.public_key() else { panic!("bootstrap1 is an Ed25519 key") };
    let bytes = b58::decode_var(BOOTSTRAP_ACCOUNTS[0].secret_key, &[13, 15, 58, 7], "seed").unwrap();
    let pair = b58::encode(&[43, 246, 78, 7], &[&bytes[..], &public].concat());
    assert_eq!(pair.len(), 98);
    assert_eq!(pair.parse::<SecretKey>().unwrap().public_key(), seed.public_key());
    let foreign = b58::encode(&[43, 246, 78, 7], &[&bytes[..], &[9; 32]].concat());
    assert_eq!(foreign.parse::<SecretKey>().unwrap_err(), SecretKeyError::Mismatch);
}

#[test]
fn secrets_are_never_shown() {
    for vector in published_keys() {
        let secret = text(&vector, "secret_key");
        let key: SecretKey = secret.parse().unwrap();
        let shown = format!("{key:?} {key:#?}");
        assert_eq!(shown.matches("SecretKey(tz").count(), 2, "{shown}");
        assert!(!shown.contains(&secret[4..]));
        // A slip of the pen in a secret must not print the rest of it.
        let broken = format!("{}1", &secret[..secret.len() - 1]);
        let error = broken.parse::<SecretKey>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&secret[4..20]));
        assert_eq!(error, SecretKeyError::Malformed);
    }
    assert_eq!(
        "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx".parse::<SecretKey>().unwrap_err(),
        SecretKeyError::OtherKind
    );
    let zero = b58::encode(&[16, 81, 238, 189], &[0; 32]);
    assert_eq!(zero.parse::<SecretKey>().unwrap_err(), SecretKeyError::OutOfRange(Curve::P256));
    assert_eq!("1".repeat(400).parse::<SecretKey>().unwrap_err(), SecretKeyError::Malformed);
}

#[test]
fn possession_of_a_bls_key_is_proved_as_by_another_client() {
    let keys: Vec<SecretKey> =
        published_keys().iter().map(|vector| text(vector, "secret_key").parse().unwrap()).collect();
    let (bls, others) = keys.split_last().unwrap();
    let proof = bls.prove_possession().unwrap();
    let expected = "BLsigBDVNWAh2iBR2J6hFBKsXRLD5jEXdENgG5Sr2eiP3GeCbJoCx3QvuuyUFppkFaoqsFLMPQbcXp5xwD12ZwqcYH88xBemv8L2FbWe2KE2RefBrdkZRvRdG8aXR6Uv63VbME9k7ju31h";
    assert_eq!(Signature::Bls(proof).to_string(), expected);
    assert!(bls.public_key().verify_possession(&proof));
    assert!(!SecretKey::from_seed(Curve::Bls, &[1; 32]).unwrap().public_key().verify_possession(&proof));
    assert!(!bls.public_key().verify_possession(bls.sign(bls.public_key().key_bytes()).as_bytes()));
    for key in others {
        assert_eq!(key.prove_possession(), None);
        assert!(!key.public_key().verify_possession(&proof));
    }
}

#[test]
fn a_generic_signature_is_of_any_curve_but_bls() {
    for curve in Curve::ALL {
        let secret = SecretKey::from_seed(curve, &[3; 32]).unwrap();
        let signature = secret.sign(b"message");
        let generic = Signature::from_slice(signature.as_bytes()).unwrap();
        assert_eq!(generic, signature);
        assert!(generic.verify(&secret.public_key(), b"message"));
        assert!(!generic.verify(&secret.public_key(), b"massage"));
        for other in Curve::ALL.into_iter().filter(|c| *c != curve) {
            let other = SecretKey::from_seed(other, &[3; 32]).unwrap().public_key();
            assert!(!signature.verify(&other, b"message"));
            assert!(!generic.verify(&other, b"message"));
        }
    }
}

#[test]
fn points_off_the_curve_are_no_keys() {
    for (curve, len) in [(Curve::Secp256k1, 33), (Curve::P256, 33), (Curve::Bls, 48)] {
        assert_eq!(PublicKey::from_key_bytes(curve, &vec![0; len]), None);
        assert_eq!(PublicKey::from_key_bytes(curve, &vec![0xff; len]), None);
        let mut tagged = vec![curve.tag()];
        tagged.extend(vec![0xff; len]);
        let error = PublicKey::from_bytes(&tagged).unwrap_err();
        assert_eq!((error.offset, error.what), (1, "public key"));
    }
    // The point at infinity signs everything: not a key.
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    assert_eq!(PublicKey::from_key_bytes(Curve::Bls, &infinity), None);
}

fn curve() -> impl Strategy<Value = Curve> {
    prop::sample::select(&Curve::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_signed_verifies_and_every_form_reads_back(
        curve in curve(), seed: [u8; 32], message: Vec<u8>, flip in 0usize..64,
    ) {
        let secret = SecretKey::from_seed(curve, &seed).unwrap();
        let key = secret.public_key();
        let signature = secret.sign(&message);
        prop_assert!(signature.verify(&key, &message));
        let mut tampered = signature.as_bytes().to_vec();
        tampered[flip] ^= 1;
        prop_assert!(!Signature::from_slice(&tampered).unwrap().verify(&key, &message));

        prop_assert_eq!(secret.reveal().parse::<SecretKey>().unwrap().public_key(), key);
        prop_assert_eq!(key.to_string().parse(), Ok(key));
        prop_assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(key));
        prop_assert_eq!(key.hash().to_string().parse(), Ok(key.hash()));
        prop_assert_eq!(PublicKeyHash::from_bytes(&key.hash().to_bytes()), Ok(key.hash()));
        prop_assert_eq!(signature.to_string().parse(), Ok(signature));
        prop_assert_eq!(Signature::from_bytes(&signature.to_bytes()), Ok(signature));
    }

    #[test]
    fn readers_survive_anything(bytes: Vec<u8>, text: String) {
        let _ = PublicKeyHash::from_bytes(&bytes);
        let _ = PublicKey::from_bytes(&bytes);
        let _ = Signature::from_bytes(&bytes);
        let _ = (text.parse::<PublicKeyHash>(), text.parse::<PublicKey>(), text.parse::<Signature>(), text.parse::<SecretKey>());
        let encoded = b58::encode(&[], &bytes);
        let _ = (encoded.parse::<PublicKeyHash>(), encoded.parse::<PublicKey>(), encoded.parse::<SecretKey>());
    }
}
