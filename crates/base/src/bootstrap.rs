//! The five well-known accounts of every sandbox. Their secret keys are public: never use them elsewhere.

use crate::keys::{PublicKey, PublicKeyHash, SecretKey};

/// A well-known sandbox account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootstrapAccount {
    /// `bootstrap1` to `bootstrap5`.
    pub alias: &'static str,
    /// Address, `tz1…`.
    pub public_key_hash: &'static str,
    /// Public key, `edpk…`.
    pub public_key: &'static str,
    /// Secret key, `edsk…`, known to everybody.
    pub secret_key: &'static str,
}

/// The accounts, in order.
pub const BOOTSTRAP_ACCOUNTS: [BootstrapAccount; 5] = [
    BootstrapAccount {
        alias: "bootstrap1",
        public_key_hash: "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx",
        public_key: "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav",
        secret_key: "edsk3gUfUPyBSfrS9CCgmCiQsTCHGkviBDusMxDJstFtojtc1zcpsh",
    },
    BootstrapAccount {
        alias: "bootstrap2",
        public_key_hash: "tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN",
        public_key: "edpktzNbDAUjUk697W7gYg2CRuBQjyPxbEg8dLccYYwKSKvkPvjtV9",
        secret_key: "edsk39qAm1fiMjgmPkw1EgQYkMzkJezLNewd7PLNHTkr6w9XA2zdfo",
    },
    BootstrapAccount {
        alias: "bootstrap3",
        public_key_hash: "tz1faswCTDciRzE4oJ9jn2Vm2dvjeyA9fUzU",
        public_key: "edpkuTXkJDGcFd5nh6VvMz8phXxU3Bi7h6hqgywNFi1vZTfQNnS1RV",
        secret_key: "edsk4ArLQgBTLWG5FJmnGnT689VKoqhXwmDPBuGx3z4cvwU9MmrPZZ",
    },
    BootstrapAccount {
        alias: "bootstrap4",
        public_key_hash: "tz1b7tUupMgCNw2cCLpKTkSD1NZzB5TkP2sv",
        public_key: "edpkuFrRoDSEbJYgxRtLx2ps82UdaYc1WwfS9sE11yhauZt5DgCHbU",
        secret_key: "edsk2uqQB9AY4FvioK2YMdfmyMrer5R8mGFyuaLLFfSRo8EoyNdht3",
    },
    BootstrapAccount {
        alias: "bootstrap5",
        public_key_hash: "tz1ddb9NMYHZi5UzPdzTZMYQQZoMub195zgv",
        public_key: "edpkv8EUUH68jmo3f7Um5PezmfGrRF24gnfLpH3sVNwJnV5bVCxL2n",
        secret_key: "edsk4QLrcijEffxV31gGdN2HU7UpyJjA8drFoNcmnB28n89YjPNRFm",
    },
];

impl BootstrapAccount {
    /// The account of that alias.
    pub fn named(alias: &str) -> Option<&'static Self> {
        BOOTSTRAP_ACCOUNTS.iter().find(|a| a.alias == alias)
    }

    /// The address.
    pub fn pkh(&self) -> PublicKeyHash {
        self.public_key_hash.parse().expect("an address written in the source")
    }

    /// The public key.
    pub fn pk(&self) -> PublicKey {
        self.public_key.parse().expect("a public key written in the source")
    }

    /// The secret key.
    pub fn sk(&self) -> SecretKey {
        self.secret_key.parse().expect("a secret key written in the source")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_belong_together() {
        for account in BOOTSTRAP_ACCOUNTS {
            assert_eq!(account.sk().public_key(), account.pk());
            assert_eq!(account.pk().hash(), account.pkh());
            assert_eq!(BootstrapAccount::named(account.alias), Some(&account));
        }
    }
}
