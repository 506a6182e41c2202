use super::*;
use crate::keys::Curve;
use proptest::prelude::*;

#[test]
fn the_documents_addresses_read_and_print_back() {
    for text in [
        "scr1BBMMrm3Zhq1S2Qy2LpRXdu4ebtW9sBrtY",
        "scr1HLXM32GacPNDrhHDLAssZG88eWqCUbyLF",
        "scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s",
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.in_family(IdFamily::Alpha), text);
        let todays = address.in_family(IdFamily::Mainnet);
        assert!(todays.starts_with("sr1"));
        assert_eq!(todays.parse(), Ok(address));
    }
    assert_eq!(RollupAddress::ZERO.in_family(IdFamily::Alpha), "scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s");
}

#[test]
fn binary_forms_are_the_networks() {
    let pkh = PublicKeyHash::new(Curve::P256, [7; 20]);
    let seven = "07".repeat(20);
    for (address, hex) in [
        (Address::from(pkh), format!("0002{seven}")),
        (Address::from(ContractHash([7; 20])), format!("01{seven}00")),
        (Address::from(RollupAddress([7; 20])), format!("03{seven}00")),
    ] {
        let bytes = hex::decode(hex).unwrap();
        assert_eq!(address.to_bytes(), bytes);
        assert_eq!(Address::from_bytes(&bytes), Ok(address));
        assert_eq!(Contract::from_bytes(&bytes).ok(), address.contract().copied());
    }
    // Tag 2 was a kind of rollup that is gone; tag 4 a kind that is not here.
    for tag in [2, 4, 255] {
        let mut bytes = [7; 22];
        bytes[0] = tag;
        assert_eq!(Address::from_bytes(&bytes).unwrap_err().offset, 0);
    }
}

#[test]
fn new_contracts_get_the_networks_addresses() {
    // The two contracts of liquidity baking, which the public network originated in a protocol change.
    let nonce = OriginationNonce::new(OperationHash(crate::blake2b::hash32(b"Drip, drip, drip.")));
    assert_eq!(nonce.contract().to_string(), "KT1TxqZ8QtKvLu3V3JH7Gx58n7Co8pgtpQU5");
    assert_eq!(nonce.next().contract().to_string(), "KT1AafHA1C1vk959wvHWBispY9Y2f3fxBUUo");
    assert_eq!(nonce.rollup().0, nonce.contract().0);
    assert_eq!(OriginationNonce::from_bytes(&nonce.next().to_bytes()), Ok(nonce.next()));
}

#[test]
fn an_address_may_name_an_entrypoint() {
    let plain = "KT1DieU51jzXLerQx5AqMCiLC1SsCeM8yRat";
    let address: MichelsonAddress = plain.parse().unwrap();
    assert!(address.entrypoint.is_default());
    assert_eq!(address.to_bytes().len(), 22);

    let named: MichelsonAddress = format!("{plain}%mint").parse().unwrap();
    assert_eq!(named.in_family(IdFamily::Alpha), format!("{plain}%mint"));
    assert_eq!(named.to_bytes(), [&address.to_bytes()[..], b"mint"].concat());

    let default = EntrypointError::Default;
    assert_eq!(format!("{plain}%default").parse::<MichelsonAddress>(), Err(default));
    assert!(MichelsonAddress::from_bytes(&[&address.to_bytes()[..], b"default"].concat()).is_err());
    assert_eq!(
        format!("{plain}%{}", "x".repeat(32)).parse::<MichelsonAddress>(),
        Err(EntrypointError::TooLong(32))
    );
    assert_eq!(format!("{plain}%").parse::<MichelsonAddress>(), Ok(address));
}

#[test]
fn well_known_entrypoints_have_a_tag() {
    for (name, hex) in [
        ("default", "00"),
        ("root", "01"),
        ("do", "02"),
        ("set_delegate_parameters", "09"),
        ("mint", "ff046d696e74"),
    ] {
        let entrypoint = Entrypoint::new(name).unwrap();
        assert_eq!(hex::encode(entrypoint.to_bytes()), hex);
        assert_eq!(Entrypoint::from_bytes(&entrypoint.to_bytes()), Ok(entrypoint));
    }
    assert!(Entrypoint::from_bytes(&[10]).is_err());
    assert!(Entrypoint::from_bytes(&[255, 1, 0x80]).is_err());
    assert!(Entrypoint::from_bytes(&[&[255, 32], &[b'a'; 32][..]].concat()).is_err());
}

fn address() -> impl Strategy<Value = Address> {
    let curve = prop::sample::select(&Curve::ALL[..]);
    prop_oneof![
        (curve, any::<[u8; 20]>()).prop_map(|(curve, hash)| PublicKeyHash::new(curve, hash).into()),
        any::<[u8; 20]>().prop_map(|hash| ContractHash(hash).into()),
        any::<[u8; 20]>().prop_map(|hash| RollupAddress(hash).into()),
    ]
}

proptest! {
    #[test]
    fn every_form_reads_back(address in address(), name in "[a-z_]{0,31}") {
        prop_assert_eq!(Address::from_bytes(&address.to_bytes()), Ok(address));
        let entrypoint = Entrypoint::new(&name).unwrap();
        prop_assert_eq!(Entrypoint::from_bytes(&entrypoint.to_bytes()), Ok(entrypoint.clone()));
        let full = MichelsonAddress { address, entrypoint };
        prop_assert_eq!(MichelsonAddress::from_bytes(&full.to_bytes()), Ok(full.clone()));
        for family in [IdFamily::Alpha, IdFamily::Mainnet] {
            prop_assert_eq!(address.in_family(family).parse(), Ok(address));
            prop_assert_eq!(Address::from_json(&address.to_json(family), family), Ok(address));
            prop_assert_eq!(full.in_family(family).parse(), Ok(full.clone()));
        }
    }

    #[test]
    fn names_of_any_bytes_come_out_as_they_went_in(address in address(), name in proptest::collection::vec(any::<u8>(), 1..=31)) {
        prop_assume!(name != b"default");
        let bytes = [address.to_bytes(), name.clone()].concat();
        let full = MichelsonAddress::from_bytes(&bytes).unwrap();
        prop_assert_eq!((full.to_bytes(), full.entrypoint.is_text()), (bytes, std::str::from_utf8(&name).is_ok()));
    }

    #[test]
    fn readers_survive_anything(bytes: Vec<u8>, text: String) {
        let _ = Address::from_bytes(&bytes);
        let _ = MichelsonAddress::from_bytes(&bytes);
        let _ = Entrypoint::from_bytes(&bytes);
        let _ = (text.parse::<Address>(), text.parse::<MichelsonAddress>());
    }

    #[test]
    fn michelson_orders_addresses_by_their_bytes(a in address(), b in address()) {
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
    }
}
