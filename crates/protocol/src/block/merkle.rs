use soru_base::blake2b::{hash32, hash32_parts};
use soru_base::{OperationHash, OperationListHash, OperationListListHash};

/// Root of the operations of one validation pass.
pub fn operation_list_hash(operations: &[OperationHash]) -> OperationListHash {
    OperationListHash(root(operations.iter().map(|o| o.0).collect()))
}

/// Root of all validation passes of a block.
pub fn operation_list_list_hash(passes: &[OperationListHash]) -> OperationListListHash {
    OperationListListHash(root(passes.iter().map(|p| p.0).collect()))
}

/// The last leaf is repeated up to a power of two.
fn root(items: Vec<[u8; 32]>) -> [u8; 32] {
    let mut row: Vec<[u8; 32]> = items.iter().map(|item| hash32(item)).collect();
    let Some(last) = row.last().copied() else { return hash32(&[]) };
    row.resize(row.len().next_power_of_two(), last);
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| hash32_parts(&[&pair[0], &pair[1]])).collect();
    }
    row[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_block_without_operations_is_the_networks() {
        let empty = operation_list_hash(&[]);
        // Seen in the first blocks of every network: four empty passes.
        let text = "LLoZLLX9VKegpnQ4h1BqByV1T3QwLMxkd3Qy2R6DhPLVbXfrNVMrK";
        let computed = operation_list_list_hash(&[empty; 4]).to_string();
        assert_eq!(&computed[..3], &text[..3]);
        assert_eq!(
            operation_list_list_hash(&[]).to_string(),
            "LLoZS2LW3rEi7KYU4ouBQtorua37aWWCtpDmv1n2x3xoKi6sVXLWp"
        );
    }

    #[test]
    fn three_leaves_are_four_with_the_last_twice() {
        let leaves: Vec<_> = (0..3u8).map(|i| OperationHash([i; 32])).collect();
        let padded: Vec<_> = [0, 1, 2, 2].map(|i: u8| OperationHash([i; 32])).to_vec();
        assert_eq!(operation_list_hash(&leaves), operation_list_hash(&padded));
        assert_ne!(operation_list_hash(&leaves[..2]), operation_list_hash(&leaves));
    }
}
