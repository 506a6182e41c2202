//! Calls of contracts, as messages for the outbox.

use crate::Contract;
use crate::micheline::Writer;

/// A message that calls one entrypoint of a contract, written to the beginning of the buffer; nothing if it does not fit.
pub fn call<'a>(
    buffer: &'a mut [u8],
    contract: &Contract,
    entrypoint: &str,
    parameter: impl FnOnce(&mut Writer<'_>),
) -> Option<&'a [u8]> {
    let mut writer = Writer::new(buffer);
    // A batch of transactions whose types the layer-1 looks up, and its length.
    writer.raw(&[0, 0, 0, 0, 0]);
    parameter(&mut writer);
    writer.raw(&[1]).raw(contract).raw(&[0]);
    writer.raw(&(entrypoint.len() as u32).to_be_bytes()).raw(entrypoint.as_bytes());
    let length = writer.position() as u32 - 5;
    writer.put(1, &length.to_be_bytes());
    writer.finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_call_has_the_network_s_form() {
        let mut buffer = [0; 64];
        let message = super::call(&mut buffer, &[7; 20], "default", |writer| {
            writer.unit();
        });
        let expected =
            [&[0, 0, 0, 0, 35][..], &[3, 11], &[1], &[7; 20], &[0], &[0, 0, 0, 7], b"default"].concat();
        assert_eq!(message, Some(&expected[..]));
        let small = &mut [0; 20];
        assert_eq!(super::call(small, &[7; 20], "default", |_| ()), None);
    }
}
