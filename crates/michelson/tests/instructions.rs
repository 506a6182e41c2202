//! Instructions, one line each: code, the stack before, the stack after (top first).
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::{ACCOUNT, OTHER, ROLLUP, SELF, Tables, table};

#[test]
fn stack() {
    let checked = table(
        &Tables::default(),
        r#"
        DROP | Elt int 1 ; Elt nat 2 | Elt nat 2
        DROP 2 | Elt int 1 ; Elt nat 2 ; Elt unit Unit | Elt unit Unit
        DROP 0 | Elt int 1 | Elt int 1
        DUP | Elt int 1 | Elt int 1 ; Elt int 1
        DUP 2 | Elt int 1 ; Elt nat 2 | Elt nat 2 ; Elt int 1 ; Elt nat 2
        SWAP | Elt int 1 ; Elt nat 2 | Elt nat 2 ; Elt int 1
        DIG 2 | Elt int 1 ; Elt nat 2 ; Elt bool True | Elt bool True ; Elt int 1 ; Elt nat 2
        DIG 0 | Elt int 1 | Elt int 1
        DUG 2 | Elt int 1 ; Elt nat 2 ; Elt bool True | Elt nat 2 ; Elt bool True ; Elt int 1
        PUSH int 3 | | Elt int 3
        PUSH (list (pair int string)) { Pair 1 "a" ; Pair 2 "b" } | | Elt (list (pair int string)) { Pair 1 "a" ; Pair 2 "b" }
        DIP { DROP } | Elt int 1 ; Elt nat 2 | Elt int 1
        DIP 2 { PUSH unit Unit } | Elt int 1 ; Elt nat 2 | Elt int 1 ; Elt nat 2 ; Elt unit Unit
        DIP 0 { DROP } | Elt int 1 | 
        CAST int ; RENAME @x | Elt int 1 | Elt int 1
        { { SWAP } ; {} } | Elt int 1 ; Elt nat 2 | Elt nat 2 ; Elt int 1
    "#,
    );
    assert_eq!(checked, 16);
}

#[test]
fn control() {
    table(
        &Tables::default(),
        r#"
        IF { PUSH int 1 } { PUSH int 2 } | Elt bool True | Elt int 1
        IF { PUSH int 1 } { PUSH int 2 } | Elt bool False | Elt int 2
        IF { FAIL } { PUSH int 2 } | Elt bool False | Elt int 2
        IF { FAIL } { PUSH int 2 } | Elt bool True | !Unit
        IF_NONE { PUSH int 0 } { } | Elt (option int) None | Elt int 0
        IF_NONE { PUSH int 0 } { } | Elt (option int) (Some 3) | Elt int 3
        IF_LEFT { } { SIZE } | Elt (or nat string) (Right "abc") | Elt nat 3
        IF_CONS { DIP { DROP } } { PUSH int 0 } | Elt (list int) { 4 ; 5 } | Elt int 4
        IF_CONS { DIP { DROP } } { PUSH int 0 } | Elt (list int) {} | Elt int 0
        PUSH bool True ; LOOP { PUSH int -1 ; ADD ; DUP ; GT } | Elt int 5 | Elt int 0
        LOOP_LEFT { DUP ; GT ; IF { PUSH int -2 ; ADD ; LEFT string } { DROP ; PUSH string "done" ; RIGHT int } } | Elt (or int string) (Left 5) | Elt string "done"
        ITER { ADD } | Elt (list int) { 1 ; 2 ; 3 } ; Elt int 0 | Elt int 6
        ITER { CONS } | Elt (list int) { 1 ; 2 ; 3 } ; Elt (list int) {} | Elt (list int) { 3 ; 2 ; 1 }
        ITER { CONS } | Elt (set int) { 1 ; 2 } ; Elt (list int) {} | Elt (list int) { 2 ; 1 }
        ITER { CAR ; ADD } | Elt (map int string) { Elt 1 "a" ; Elt 5 "b" } ; Elt int 0 | Elt int 6
        MAP { PUSH int 1 ; ADD } | Elt (list int) { 1 ; 2 } | Elt (list int) { 2 ; 3 }
        MAP { DROP ; PUSH string "x" } | Elt (list int) {} | Elt (list string) {}
        MAP { DUP ; DIP { ADD } } | Elt (list int) { 1 ; 2 } ; Elt int 0 | Elt (list int) { 1 ; 2 } ; Elt int 3
        MAP { CDR ; SIZE } | Elt (map int string) { Elt 1 "a" ; Elt 5 "bcd" } | Elt (map int nat) { Elt 1 1 ; Elt 5 3 }
        MAP { NEG } | Elt (option int) (Some 1) | Elt (option int) (Some -1)
        MAP { NEG } | Elt (option int) None | Elt (option int) None
        LAMBDA int int { PUSH int 1 ; ADD } ; SWAP ; EXEC | Elt int 1 | Elt int 2
        LAMBDA (pair int int) int { UNPAIR ; SUB } ; PUSH int 10 ; APPLY ; SWAP ; EXEC | Elt int 4 | Elt int 6
        PUSH (lambda int int) { DUP ; MUL } ; SWAP ; EXEC | Elt int 7 | Elt int 49
        LAMBDA_REC int int { DUP ; EQ ; IF { DIP { DROP } ; DROP ; PUSH int 1 } { DUP ; DIP { PUSH int -1 ; ADD ; EXEC } ; MUL } } ; SWAP ; EXEC | Elt int 5 | Elt int 120
        FAILWITH | Elt (pair int string) (Pair 1 "no") | !Pair 1 "no"
    "#,
    );
}

#[test]
fn data() {
    table(
        &Tables::default(),
        r#"
        PAIR | Elt int 1 ; Elt nat 2 | Elt (pair int nat) (Pair 1 2)
        PAIR 3 | Elt int 1 ; Elt nat 2 ; Elt string "c" | Elt (pair int nat string) (Pair 1 2 "c")
        UNPAIR | Elt (pair int nat) (Pair 1 2) | Elt int 1 ; Elt nat 2
        UNPAIR 3 | Elt (pair int nat string) { 1 ; 2 ; "c" } | Elt int 1 ; Elt nat 2 ; Elt string "c"
        CAR | Elt (pair int nat) (Pair 1 2) | Elt int 1
        CDR | Elt (pair int nat string) (Pair 1 (Pair 2 "c")) | Elt (pair nat string) (Pair 2 "c")
        GET 0 | Elt (pair int nat) (Pair 1 2) | Elt (pair int nat) (Pair 1 2)
        GET 1 | Elt (pair int nat string) (Pair 1 2 "c") | Elt int 1
        GET 2 | Elt (pair int nat string) (Pair 1 2 "c") | Elt (pair nat string) (Pair 2 "c")
        GET 3 | Elt (pair int nat string) (Pair 1 2 "c") | Elt nat 2
        GET 4 | Elt (pair int nat string) (Pair 1 2 "c") | Elt string "c"
        UPDATE 1 | Elt bool True ; Elt (pair int nat) (Pair 1 2) | Elt (pair bool nat) (Pair True 2)
        UPDATE 2 | Elt bool True ; Elt (pair int nat) (Pair 1 2) | Elt (pair int bool) (Pair 1 True)
        UPDATE 3 | Elt bool True ; Elt (pair int nat string) (Pair 1 2 "c") | Elt (pair int bool string) (Pair 1 True "c")
        UPDATE 0 | Elt bool True ; Elt int 1 | Elt bool True
        CAR 1 | Elt (pair int nat string) (Pair 1 2 "c") | Elt nat 2
        CDR 2 | Elt (pair int nat string) (Pair 1 2 "c") | Elt string "c"
        LEFT string | Elt int 1 | Elt (or int string) (Left 1)
        RIGHT string | Elt int 1 | Elt (or string int) (Right 1)
        SOME | Elt int 1 | Elt (option int) (Some 1)
        NONE int | | Elt (option int) None
        UNIT | | Elt unit Unit
        NIL int ; PUSH int 1 ; CONS | | Elt (list int) { 1 }
        EMPTY_SET int ; PUSH bool True ; PUSH int 3 ; UPDATE | | Elt (set int) { 3 }
        EMPTY_MAP int nat ; PUSH (option nat) (Some 4) ; PUSH int 3 ; UPDATE | | Elt (map int nat) { Elt 3 4 }
        EMPTY_BIG_MAP int nat ; PUSH (option nat) (Some 4) ; PUSH int 3 ; UPDATE | | Elt (big_map int nat) { Elt 3 4 }
        SIZE | Elt string "abc" | Elt nat 3
        SIZE | Elt bytes 0x0102 | Elt nat 2
        SIZE | Elt (list int) { 1 ; 2 } | Elt nat 2
        SIZE | Elt (map int int) { Elt 1 2 } | Elt nat 1
        MEM | Elt int 1 ; Elt (set int) { 1 ; 2 } | Elt bool True
        MEM | Elt int 1 ; Elt (map int int) {} | Elt bool False
        MEM | Elt int 1 ; Elt (big_map int int) { Elt 1 1 } | Elt bool True
        GET | Elt int 1 ; Elt (map int string) { Elt 1 "x" } | Elt (option string) (Some "x")
        GET | Elt int 1 ; Elt (big_map int string) { Elt 2 "x" } | Elt (option string) None
        UPDATE | Elt int 1 ; Elt (option string) None ; Elt (map int string) { Elt 1 "x" } | Elt (map int string) {}
        GET_AND_UPDATE | Elt int 1 ; Elt (option string) (Some "y") ; Elt (map int string) { Elt 1 "x" } | Elt (option string) (Some "x") ; Elt (map int string) { Elt 1 "y" }
        UPDATE | Elt int 2 ; Elt bool False ; Elt (set int) { 1 ; 2 } | Elt (set int) { 1 }
        CONCAT | Elt string "ab" ; Elt string "c" | Elt string "abc"
        CONCAT | Elt bytes 0x01 ; Elt bytes 0x02 | Elt bytes 0x0102
        CONCAT | Elt (list string) { "a" ; "b" } | Elt string "ab"
        CONCAT | Elt (list bytes) {} | Elt bytes 0x
        SLICE | Elt nat 1 ; Elt nat 2 ; Elt string "abcd" | Elt (option string) (Some "bc")
        SLICE | Elt nat 1 ; Elt nat 9 ; Elt bytes 0x010203 | Elt (option bytes) None
        SLICE | Elt nat 0 ; Elt nat 0 ; Elt string "" | Elt (option string) None
    "#,
    );
}

#[test]
fn arithmetic() {
    table(
        &Tables::default(),
        r#"
        ADD | Elt int 3 ; Elt nat 4 | Elt int 7
        ADD | Elt nat 3 ; Elt nat 4 | Elt nat 7
        ADD | Elt timestamp 10 ; Elt int -3 | Elt timestamp "1970-01-01T00:00:07Z"
        ADD | Elt mutez 1 ; Elt mutez 2 | Elt mutez 3
        ADD | Elt mutez 9223372036854775807 ; Elt mutez 1 | !overflow
        SUB | Elt nat 3 ; Elt nat 4 | Elt int -1
        SUB | Elt timestamp 10 ; Elt timestamp 4 | Elt int 6
        SUB_MUTEZ | Elt mutez 3 ; Elt mutez 1 | Elt (option mutez) (Some 2)
        SUB_MUTEZ | Elt mutez 1 ; Elt mutez 3 | Elt (option mutez) None
        MUL | Elt int -3 ; Elt nat 4 | Elt int -12
        MUL | Elt mutez 3 ; Elt nat 4 | Elt mutez 12
        MUL | Elt nat 9223372036854775807 ; Elt mutez 2 | !overflow
        MUL | Elt nat 99999999999999999999999 ; Elt mutez 0 | Elt mutez 0
        EDIV | Elt int 7 ; Elt int 2 | Elt (option (pair int nat)) (Some (Pair 3 1))
        EDIV | Elt int -7 ; Elt int 2 | Elt (option (pair int nat)) (Some (Pair -4 1))
        EDIV | Elt int 7 ; Elt int -2 | Elt (option (pair int nat)) (Some (Pair -3 1))
        EDIV | Elt int -7 ; Elt int -2 | Elt (option (pair int nat)) (Some (Pair 4 1))
        EDIV | Elt int 7 ; Elt int 0 | Elt (option (pair int nat)) None
        EDIV | Elt mutez 7 ; Elt nat 2 | Elt (option (pair mutez mutez)) (Some (Pair 3 1))
        EDIV | Elt mutez 7 ; Elt mutez 2 | Elt (option (pair nat mutez)) (Some (Pair 3 1))
        EDIV | Elt mutez 7 ; Elt nat 99999999999999999999999 | Elt (option (pair mutez mutez)) (Some (Pair 0 7))
        ABS | Elt int -3 | Elt nat 3
        NEG | Elt nat 3 | Elt int -3
        ISNAT | Elt int -3 | Elt (option nat) None
        ISNAT | Elt int 3 | Elt (option nat) (Some 3)
        INT | Elt nat 3 | Elt int 3
        LSL | Elt nat 3 ; Elt nat 2 | Elt nat 12
        LSR | Elt nat 12 ; Elt nat 256 | Elt nat 0
        LSL | Elt nat 1 ; Elt nat 257 | !overflow
        AND | Elt int -1 ; Elt nat 255 | Elt nat 255
        AND | Elt bool True ; Elt bool False | Elt bool False
        OR | Elt nat 5 ; Elt nat 2 | Elt nat 7
        XOR | Elt nat 5 ; Elt nat 1 | Elt nat 4
        NOT | Elt nat 5 | Elt int -6
        NOT | Elt bool True | Elt bool False
        NOT | Elt bytes 0x00ff | Elt bytes 0xff00
        AND | Elt bytes 0x1234ff ; Elt bytes 0x0f0f | Elt bytes 0x040f
        OR | Elt bytes 0x1234ff ; Elt bytes 0x0f0f | Elt bytes 0x123fff
        XOR | Elt bytes 0x12 ; Elt bytes 0x1234ff | Elt bytes 0x1234ed
        LSL | Elt bytes 0x1234 ; Elt nat 1 | Elt bytes 0x002468
        LSL | Elt bytes 0x1234 ; Elt nat 8 | Elt bytes 0x123400
        LSL | Elt bytes 0x8001 ; Elt nat 9 | Elt bytes 0x01000200
        LSR | Elt bytes 0x1234 ; Elt nat 1 | Elt bytes 0x091a
        LSR | Elt bytes 0x1234 ; Elt nat 8 | Elt bytes 0x12
        LSR | Elt bytes 0x1234 ; Elt nat 99999999999999999999 | Elt bytes 0x
        BYTES | Elt nat 256 | Elt bytes 0x0100
        BYTES | Elt int -1 | Elt bytes 0xff
        BYTES | Elt int 128 | Elt bytes 0x0080
        BYTES | Elt int 0 | Elt bytes 0x
        INT | Elt bytes 0xff | Elt int -1
        NAT | Elt bytes 0xff | Elt nat 255
        INT | Elt bytes 0x | Elt int 0
        COMPARE | Elt int 1 ; Elt int 2 | Elt int -1
        COMPARE | Elt string "b" ; Elt string "a" | Elt int 1
        COMPARE | Elt (pair int string) (Pair 1 "a") ; Elt (pair int string) (Pair 1 "b") | Elt int -1
        COMPARE | Elt (option int) None ; Elt (option int) (Some -5) | Elt int -1
        COMPARE | Elt (or int nat) (Left 9) ; Elt (or int nat) (Right 0) | Elt int -1
        COMPARE | Elt bool False ; Elt bool True | Elt int -1
        COMPARE | Elt unit Unit ; Elt unit Unit | Elt int 0
        COMPARE | Elt bytes 0x00 ; Elt bytes 0x0000 | Elt int -1
        EQ | Elt int 0 | Elt bool True
        NEQ | Elt int 0 | Elt bool False
        LT | Elt int -1 | Elt bool True
        GT | Elt int -1 | Elt bool False
        LE | Elt int 0 | Elt bool True
        GE | Elt int -1 | Elt bool False
    "#,
    );
}

#[test]
fn bytes_and_cryptography() {
    table(&Tables::default(), r#"
        PACK | Elt int 1 | Elt bytes 0x050001
        PACK | Elt (pair int int int int) (Pair 1 2 3 4) | Elt bytes 0x05070700010707000207070003 0004
        UNPACK int | Elt bytes 0x050001 | Elt (option int) (Some 1)
        UNPACK nat | Elt bytes 0x050041 | Elt (option nat) None
        UNPACK int | Elt bytes 0x0500 | Elt (option int) None
        BLAKE2B | Elt bytes 0x | Elt bytes 0x0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8
        SHA256 | Elt bytes 0x | Elt bytes 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        SHA3 | Elt bytes 0x | Elt bytes 0xa7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a
        KECCAK | Elt bytes 0x | Elt bytes 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470
        SHA512 ; SIZE | Elt bytes 0x | Elt nat 64
        HASH_KEY | Elt key "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav" | Elt key_hash "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx"
    "#.replace("0003 0004", "00030004").as_str());
}

#[test]
fn signatures() {
    use soru_base::{Curve, SecretKey};
    let secret = SecretKey::from_seed(Curve::Ed25519, &[7; 32]).unwrap();
    let signature = secret.sign(b"abc");
    for (message, valid) in [("0x616263", "True"), ("0x616264", "False")] {
        let line = format!(
            "CHECK_SIGNATURE | Elt key \"{}\" ; Elt signature \"{signature}\" ; Elt bytes {message} | Elt bool {valid}",
            secret.public_key()
        );
        table(&Tables::default(), &line);
    }
}

#[test]
fn chain() {
    let tables = Tables::default()
        .parameter(OTHER, "or (int %one) (string %two)")
        .parameter(ROLLUP, "or (bytes %data) (nat %number)");
    table(&tables, &r#"
        AMOUNT | | Elt mutez 5
        BALANCE | | Elt mutez 100
        SENDER | | Elt address "ACCOUNT"
        SOURCE | | Elt address "ACCOUNT"
        NOW | | Elt timestamp "2023-11-14T22:13:20Z"
        LEVEL | | Elt nat 42
        CHAIN_ID | | Elt chain_id "NetXHAoG8TyXu4i"
        MIN_BLOCK_TIME | | Elt nat 8
        SELF_ADDRESS | | Elt address "SELF"
        TOTAL_VOTING_POWER | | Elt nat 70
        VOTING_POWER | Elt key_hash "ACCOUNT" | Elt nat 7
        CONTRACT unit | Elt address "ACCOUNT" | Elt (option (contract unit)) (Some "ACCOUNT")
        CONTRACT nat | Elt address "ACCOUNT" | Elt (option (contract nat)) None
        CONTRACT (ticket string) | Elt address "ACCOUNT" | Elt (option (contract (ticket string))) (Some "ACCOUNT")
        CONTRACT unit | Elt address "OTHER" | Elt (option (contract unit)) None
        CONTRACT (or int string) | Elt address "OTHER" | Elt (option (contract (or int string))) (Some "OTHER")
        CONTRACT %one int | Elt address "OTHER" | Elt (option (contract int)) (Some "OTHER%one")
        CONTRACT int | Elt address "OTHER%one" | Elt (option (contract int)) (Some "OTHER%one")
        CONTRACT %one int | Elt address "OTHER%two" | Elt (option (contract int)) None
        CONTRACT %three int | Elt address "OTHER" | Elt (option (contract int)) None
        CONTRACT %data bytes | Elt address "ROLLUP" | Elt (option (contract bytes)) (Some "ROLLUP%data")
        CONTRACT bytes | Elt address "ROLLUP" | Elt (option (contract bytes)) None
        CONTRACT int | Elt address "SELF" | Elt (option (contract int)) None
        ADDRESS | Elt (contract int) "OTHER%one" | Elt address "OTHER%one"
        IMPLICIT_ACCOUNT | Elt key_hash "ACCOUNT" | Elt (contract unit) "ACCOUNT"
        IS_IMPLICIT_ACCOUNT | Elt address "ACCOUNT" | Elt (option key_hash) (Some "ACCOUNT")
        IS_IMPLICIT_ACCOUNT | Elt address "OTHER" | Elt (option key_hash) None
        TRANSFER_TOKENS | Elt int 1 ; Elt mutez 2 ; Elt (contract int) "OTHER%one" | Elt operation "operation"
        SET_DELEGATE | Elt (option key_hash) None | Elt operation "operation"
        EMIT %event (pair int string) | Elt (pair int string) (Pair 1 "a") | Elt operation "operation"
        VIEW "none" int | Elt unit Unit ; Elt address "OTHER" | Elt (option int) None
    "#
    .replace("ACCOUNT\"", &format!("{ACCOUNT}\""))
    .replace("\"OTHER", &format!("\"{OTHER}"))
    .replace("\"ROLLUP", &format!("\"{ROLLUP}"))
    .replace("\"SELF", &format!("\"{SELF}")));
}

#[test]
fn tickets() {
    table(&Tables::default(), &r#"
        TICKET ; IF_NONE { FAIL } { READ_TICKET ; DIP { DROP } } | Elt string "t" ; Elt nat 3 | Elt (pair address string nat) (Pair "SELF" "t" 3)
        TICKET | Elt string "t" ; Elt nat 0 | Elt (option (ticket string)) None
        SPLIT_TICKET | Elt (ticket string) (Ticket "SELF" string "t" 5) ; Elt (pair nat nat) (Pair 2 3) | Elt (option (pair (ticket string) (ticket string))) (Some (Pair (Pair "SELF" "t" 2) (Pair "SELF" "t" 3)))
        SPLIT_TICKET | Elt (ticket string) (Pair "SELF" "t" 5) ; Elt (pair nat nat) (Pair 2 2) | Elt (option (pair (ticket string) (ticket string))) None
        SPLIT_TICKET | Elt (ticket string) (Pair "SELF" (Pair "t" 5)) ; Elt (pair nat nat) (Pair 0 5) | Elt (option (pair (ticket string) (ticket string))) None
        JOIN_TICKETS | Elt (pair (ticket string) (ticket string)) (Pair (Ticket "SELF" string "t" 2) (Ticket "SELF" string "t" 3)) | Elt (option (ticket string)) (Some (Pair "SELF" "t" 5))
        JOIN_TICKETS | Elt (pair (ticket string) (ticket string)) (Pair (Ticket "SELF" string "t" 2) (Ticket "SELF" string "u" 3)) | Elt (option (ticket string)) None
    "#.replace("SELF", SELF));
}

#[test]
fn macros() {
    table(
        &Tables::default(),
        r#"
        CMPEQ | Elt int 1 ; Elt int 1 | Elt bool True
        CMPLT | Elt int 2 ; Elt int 1 | Elt bool False
        IFCMPGE { PUSH int 1 } { PUSH int 0 } | Elt int 2 ; Elt int 1 | Elt int 1
        IFEQ { PUSH int 1 } { PUSH int 0 } | Elt int 2 | Elt int 0
        FAIL | | !Unit
        ASSERT | Elt bool True | 
        ASSERT | Elt bool False | !Unit
        ASSERT_CMPEQ | Elt int 1 ; Elt int 2 | !Unit
        ASSERT_GT | Elt int 1 | 
        ASSERT_NONE | Elt (option int) None | 
        ASSERT_SOME @x | Elt (option int) (Some 1) | Elt int 1
        ASSERT_LEFT | Elt (or int nat) (Left 1) | Elt int 1
        ASSERT_RIGHT | Elt (or int nat) (Left 1) | !Unit
        IF_SOME { } { PUSH int 0 } | Elt (option int) (Some 4) | Elt int 4
        IF_RIGHT { } { ABS } | Elt (or int nat) (Left -1) | Elt nat 1
        CADR | Elt (pair (pair int nat) string) (Pair (Pair 1 2) "c") | Elt nat 2
        CDDAR | Elt (pair int nat string bool) (Pair 1 2 "c" True) | Elt string "c"
        SET_CAR | Elt (pair int nat) (Pair 1 2) ; Elt int 9 | Elt (pair int nat) (Pair 9 2)
        SET_CDR | Elt (pair int nat) (Pair 1 2) ; Elt nat 9 | Elt (pair int nat) (Pair 1 9)
        SET_CADR | Elt (pair (pair int nat) string) (Pair (Pair 1 2) "c") ; Elt nat 9 | Elt (pair (pair int nat) string) (Pair (Pair 1 9) "c")
        SET_CDAR %x | Elt (pair int nat string) (Pair 1 2 "c") ; Elt nat 9 | Elt (pair int nat string) (Pair 1 9 "c")
        MAP_CAR { NEG } | Elt (pair int nat) (Pair 1 2) | Elt (pair int nat) (Pair -1 2)
        MAP_CDR { INT } | Elt (pair int nat) (Pair 1 2) | Elt (pair int int) (Pair 1 2)
        MAP_CADR { INT } | Elt (pair (pair int nat) string) (Pair (Pair 1 2) "c") | Elt (pair (pair int int) string) (Pair (Pair 1 2) "c")
        DUUP | Elt int 1 ; Elt nat 2 | Elt nat 2 ; Elt int 1 ; Elt nat 2
        DIIP { NEG } | Elt string "a" ; Elt string "b" ; Elt int 1 | Elt string "a" ; Elt string "b" ; Elt int -1
        PAPAIR | Elt int 1 ; Elt nat 2 ; Elt string "c" | Elt (pair int nat string) (Pair 1 2 "c")
        PPAIIR | Elt int 1 ; Elt nat 2 ; Elt string "c" | Elt (pair (pair int nat) string) (Pair (Pair 1 2) "c")
        UNPAPAIR | Elt (pair int nat string) (Pair 1 2 "c") | Elt int 1 ; Elt nat 2 ; Elt string "c"
        UNPPAIIR | Elt (pair (pair int nat) string) (Pair (Pair 1 2) "c") | Elt int 1 ; Elt nat 2 ; Elt string "c"
        PPAIPAIR | Elt int 1 ; Elt nat 2 ; Elt string "c" ; Elt bool True | Elt (pair (pair int nat) string bool) (Pair (Pair 1 2) "c" True)
    "#,
    );
}

/// Hashes of scripts depend on the exact form of what macros become.
#[test]
fn macros_become_what_the_client_makes_of_them() {
    for (written, expanded) in [
        ("FAIL", "{ UNIT ; FAILWITH }"),
        ("ASSERT", "{ IF {} { { UNIT ; FAILWITH } } }"),
        ("ASSERT_CMPEQ", "{ { COMPARE ; EQ } ; IF {} { { UNIT ; FAILWITH } } }"),
        ("ASSERT_SOME @x", "{ IF_NONE { { UNIT ; FAILWITH } } { RENAME @x } }"),
        ("CMPEQ @x", "{ COMPARE ; EQ @x }"),
        ("IFCMPLT { A } { B }", "{ COMPARE ; LT ; IF { A } { B } }"),
        ("IF_SOME { A } { B }", "{ IF_NONE { B } { A } }"),
        ("DUUUP", "DUP 3"),
        ("DIIIP { DROP }", "DIP 3 { DROP }"),
        ("CADR @a", "{ CAR ; CDR @a }"),
        ("CAR 2", "{ GET 5 }"),
        ("CDR 2", "{ GET 4 }"),
        ("PAPAIR %a %b %c", "{ DIP { PAIR %b %c } ; PAIR %a }"),
        ("PPAIIR %a %b %c @v", "{ PAIR %a %b ; PAIR % %c @v }"),
        ("PAPPAIIR", "{ DIP { PAIR } ; DIP { PAIR } ; PAIR }"),
        ("UNPAPAIR", "{ UNPAIR ; DIP { UNPAIR } }"),
        ("SET_CAR %x", "{ DUP ; CAR %x ; DROP ; CDR @%% ; SWAP ; PAIR %x %@ }"),
        ("SET_CDR", "{ CAR @%% ; PAIR %@ % }"),
        ("SET_CDAR", "{ DUP ; DIP { CDR @%% ; { CDR @%% ; SWAP ; PAIR % %@ } } ; CAR @%% ; PAIR %@ %@ }"),
        ("MAP_CAR %x { A }", "{ DUP ; CDR @%% ; DIP { CAR @x ; { A } } ; SWAP ; PAIR %x %@ }"),
        ("MAP_CDR { A }", "{ DUP ; CDR ; { A } ; SWAP ; CAR @%% ; PAIR %@ % }"),
    ] {
        let known = |text: &str| text.replace("{ A }", "{ NEG }").replace("{ B }", "{ ABS }");
        assert_eq!(support::parse(&known(written)).to_string(), known(expanded), "{written}");
    }
    for wrong in ["CMPEQ 1", "IF_SOME {}", "MAP_CAR 1", "SET_CAR %a %b", "ASSERT @x", "PAPAIR 1", "DIIP"] {
        assert!(soru_michelson::Micheline::parse(wrong).is_err(), "{wrong}");
    }
    let mailbox = soru_michelson::Micheline::parse_script(include_str!("../contracts/mailbox.tz")).unwrap();
    assert_eq!(soru_michelson::Micheline::parse_script(&mailbox.to_script_text()).unwrap(), mailbox);
}
