//! What the network's rollup node has and this one has not.

/// A route of the network's node that is not served.
#[derive(Debug)]
pub(crate) struct Absent {
    pub(crate) verb: &'static str,
    pub(crate) path: &'static str,
    pub(crate) why: &'static str,
}

const NO_DAL: &str = "Soru has no data availability layer";
const NO_QUEUE: &str = "what is to be injected is decided anew at each head from the store and the layer-1: there is no \
                        queue of operations. /local/batcher/queue has the messages, /health and /local/stake the rest";

/// All of them, each with its reason.
pub(crate) static ABSENT: &[Absent] = &[
    Absent {
        verb: "GET",
        path: "/describe",
        why: "its tree needs the binary form of every answer, and there is none: /openapi describes the same for \
              programs, /help for people",
    },
    Absent {
        verb: "GET",
        path: "/stats/ocaml_gc",
        why: "Soru is not written in OCaml; /stats/memory, /stats/engine and /stats/store tell what it uses",
    },
    Absent {
        verb: "GET",
        path: "/admin/cancel_gc",
        why: "a collection is part of one short transaction: there is nothing to cancel",
    },
    Absent { verb: "GET", path: "/admin/injector/queues", why: NO_QUEUE },
    Absent { verb: "DELETE", path: "/admin/injector/queues", why: NO_QUEUE },
    Absent { verb: "GET", path: "/admin/injector/queues/total", why: NO_QUEUE },
    Absent {
        verb: "GET",
        path: "/local/injector/operation/{injector_operation_hash}/status",
        why: "operations have no identifiers besides their hashes; /local/batcher/queue/{l2_message_id} tells what \
              became of a message",
    },
    Absent { verb: "POST", path: "/local/dal/batcher/injection", why: NO_DAL },
    Absent { verb: "GET", path: "/local/dal/injected/operations/statuses", why: NO_DAL },
    Absent { verb: "POST", path: "/local/dal/injection/{injector_operation_hash}/forget", why: NO_DAL },
    Absent { verb: "POST", path: "/local/dal/slot/indices", why: NO_DAL },
];
