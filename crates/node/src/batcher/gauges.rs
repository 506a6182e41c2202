//! Metrics of batching.

use crate::store::QueueSize;
use metrics::{counter, describe_counter, describe_gauge, gauge};

const QUEUE: &str = "soru_node_batcher_queue_messages";
const BYTES: &str = "soru_node_batcher_queue_bytes";
const FLIGHTS: &str = "soru_node_batcher_batches_in_flight";
const TAKEN: &str = "soru_node_batcher_messages_taken_total";
const BATCHES: &str = "soru_node_batcher_batches_sent_total";
const AGAIN: &str = "soru_node_batcher_batches_sent_again_total";
const EXPIRED: &str = "soru_node_batcher_messages_expired_total";
const INCLUDED: &str = "soru_node_batcher_messages_included_total";

/// Describes them, so that they are there from the start.
pub(crate) fn describe() {
    describe_gauge!(QUEUE, "Messages that wait for a batch.");
    describe_gauge!(BYTES, "Bytes of the messages that wait for a batch.");
    describe_gauge!(FLIGHTS, "Batches that are in no block yet.");
    describe_counter!(TAKEN, "Messages taken over the RPC.");
    describe_counter!(BATCHES, "Batches that were sent.");
    describe_counter!(
        AGAIN,
        "Operations made anew for batches that were in no block and no longer on their way."
    );
    describe_counter!(INCLUDED, "Messages of the batcher seen in blocks, again after reorganisations.");
    describe_counter!(EXPIRED, "Messages that waited for too long and are not sent.");
    [TAKEN, BATCHES, AGAIN, EXPIRED, INCLUDED].into_iter().for_each(|name| counter!(name).increment(0));
}

pub(crate) fn taken(messages: usize) {
    counter!(TAKEN).increment(messages as u64);
}

pub(super) fn sent(again: bool) {
    counter!(if again { AGAIN } else { BATCHES }).increment(1);
}

pub(super) fn expired(messages: usize) {
    counter!(EXPIRED).increment(messages as u64);
}

pub(super) fn included(messages: usize) {
    counter!(INCLUDED).increment(messages as u64);
}

pub(super) fn waiting(queue: QueueSize, flights: usize) {
    gauge!(QUEUE).set(queue.elements as f64);
    gauge!(BYTES).set(queue.bytes as f64);
    gauge!(FLIGHTS).set(flights as f64);
}
