//! Every size and count that bounds what a peer can make this program hold, in one place.
//!
//! Each field is a flag of `bothways serve` (`--head-bytes-max`) and an environment variable
//! (`BOTHWAYS_HEAD_BYTES_MAX`); its doc comment is the flag's help.

/// How much of everything is allowed.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Longest request head, in bytes. Browsers stay under 8 KiB; the rest is room for cookies.
    #[arg(long, env = "BOTHWAYS_HEAD_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.head_bytes_max, value_parser = at_least_one())]
    pub head_bytes_max: usize,

    /// Longest request target, in bytes. RFC 9110 §4.1 asks for at least 8000.
    #[arg(long, env = "BOTHWAYS_TARGET_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.target_bytes_max, value_parser = at_least_one())]
    pub target_bytes_max: usize,

    /// Most fields in a request head, 128 at the most. Browsers send about 20.
    #[arg(long, env = "BOTHWAYS_FIELDS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.fields_max,
          value_parser = fields_max)]
    pub fields_max: usize,

    /// Longest request body, in bytes, after chunks are joined.
    #[arg(long, env = "BOTHWAYS_BODY_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.body_bytes_max, value_parser = at_least_one())]
    pub body_bytes_max: usize,

    /// Longest item, in bytes of its JSON.
    #[arg(long, env = "BOTHWAYS_ITEM_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.item_bytes_max, value_parser = at_least_one())]
    pub item_bytes_max: usize,

    /// Longest chunk-size line with its extensions, in bytes. Nobody sends extensions but attackers.
    #[arg(long, env = "BOTHWAYS_CHUNK_LINE_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.chunk_line_bytes_max, value_parser = at_least_one())]
    pub chunk_line_bytes_max: usize,

    /// Longest trailer section behind a chunked body, in bytes. Trailers are read and dropped.
    #[arg(long, env = "BOTHWAYS_TRAILER_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.trailer_bytes_max, value_parser = at_least_one())]
    pub trailer_bytes_max: usize,

    /// Longest WebSocket message, in bytes, after fragments are joined.
    #[arg(long, env = "BOTHWAYS_MESSAGE_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.message_bytes_max, value_parser = at_least_one())]
    pub message_bytes_max: usize,

    /// How many times as long as it came a compressed message may become; 1 MiB every one may.
    #[arg(long, env = "BOTHWAYS_INFLATED_TIMES_MAX", value_name = "TIMES", default_value_t = Limits::DEFAULT.inflated_times_max, value_parser = at_least_one())]
    pub inflated_times_max: usize,

    /// A message at /echo whose first frame is as long as this goes back in parts, each as it comes.
    #[arg(long, env = "BOTHWAYS_PASSED_BYTES_MIN", value_name = "BYTES", default_value_t = Limits::DEFAULT.passed_bytes_min, value_parser = at_least_one())]
    pub passed_bytes_min: usize,

    /// Most connections open at a time, over all loops. Past it, new ones wait in the kernel's queue.
    #[arg(long, env = "BOTHWAYS_CONNECTIONS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.connections_max, value_parser = at_least_one())]
    pub connections_max: usize,

    /// Most calls of one peer that wait for the journal at a time. Past it, the peer is not read.
    #[arg(long, env = "BOTHWAYS_CALLS_WAITING_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.calls_waiting_max,
          value_parser = at_least_one())]
    pub calls_waiting_max: usize,

    /// Most calls in one JSON-RPC batch.
    #[arg(long, env = "BOTHWAYS_BATCH_CALLS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.batch_calls_max, value_parser = at_least_one())]
    pub batch_calls_max: usize,

    /// Changes kept for those who come back with a position.
    #[arg(long, env = "BOTHWAYS_HISTORY_CHANGES_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.history_changes_max, value_parser = at_least_one())]
    pub history_changes_max: usize,

    /// Bytes of the items in these changes; the oldest are kept no more where that is reached first.
    #[arg(long, env = "BOTHWAYS_HISTORY_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.history_bytes_max, value_parser = at_least_one())]
    pub history_bytes_max: usize,

    /// Most keys of POSTs that are kept (Idempotency-Key). Past it, the oldest are forgotten first.
    #[arg(long, env = "BOTHWAYS_IDEMPOTENCY_KEYS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.idempotency_keys_max, value_parser = at_least_one())]
    pub idempotency_keys_max: usize,

    /// Bytes of these keys with the items that they created; where that is reached first, too.
    #[arg(long, env = "BOTHWAYS_IDEMPOTENCY_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.idempotency_bytes_max, value_parser = at_least_one())]
    pub idempotency_bytes_max: usize,

    /// Most subscriptions of one socket.
    #[arg(long, env = "BOTHWAYS_SUBSCRIPTIONS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.subscriptions_max, value_parser = at_least_one())]
    pub subscriptions_max: usize,

    /// Bytes that may wait for a listener. Past it nothing is added; when it has read, it goes on from
    /// its own position.
    #[arg(long, env = "BOTHWAYS_LISTENER_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.listener_bytes_max, value_parser = at_least_one())]
    pub listener_bytes_max: usize,

    /// Bytes of writes that may wait for the disk. Past it, a write is refused with 503.
    #[arg(long, env = "BOTHWAYS_STORE_WAITING_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.store_waiting_bytes_max, value_parser = at_least_one())]
    pub store_waiting_bytes_max: usize,

    /// Bytes that may wait to be written to one peer. Past it, the peer is not read until it reads.
    #[arg(long, env = "BOTHWAYS_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.outbox_bytes_max, value_parser = at_least_one())]
    pub outbox_bytes_max: usize,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        head_bytes_max: 16 * 1024,
        target_bytes_max: 8 * 1024,
        fields_max: 100,
        body_bytes_max: 1024 * 1024,
        item_bytes_max: 1024 * 1024,
        chunk_line_bytes_max: 256,
        trailer_bytes_max: 4 * 1024,
        message_bytes_max: 16 * 1024 * 1024,
        inflated_times_max: 100,
        passed_bytes_min: 128 * 1024,
        connections_max: 100_000,
        calls_waiting_max: 64,
        batch_calls_max: 1000,
        history_changes_max: 10_000,
        history_bytes_max: 64 * 1024 * 1024,
        idempotency_keys_max: 100_000,
        idempotency_bytes_max: 64 * 1024 * 1024,
        subscriptions_max: 100,
        listener_bytes_max: 64 * 1024,
        store_waiting_bytes_max: 64 * 1024 * 1024,
        outbox_bytes_max: 256 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// Room for the fields of one head stands on the stack; this is how many fit.
pub const FIELDS_ROOM: usize = 128;

/// Bytes of texts of one whole collection that the peers of one loop may be reading. Every change
/// makes a new text, and whoever reads slowly holds on to the old one. Past it, 503.
pub const LISTINGS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a compressed message may say however short it came.
pub const INFLATED_BYTES_FREE: usize = 1024 * 1024;

/// Memory that the library of the store may use for pages of its file.
pub const STORE_CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Most collections of a store: their numbers have sixteen bits.
pub const COLLECTIONS_MAX: usize = 1 << 16;

/// Most browsers for which it is counted what they were served; the half of them heard of last always are.
/// Each holds 400 bytes.
pub const VISITORS_MAX: usize = 2048;

/// Longest Idempotency-Key, in bytes without quotes. So has Stripe.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Longest query, in bytes: every item is held against it. In a request the target ends earlier.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// Most parameters of a query, each field of `_sort` counted as one: every item is held against each.
pub const QUERY_PARAMETERS_MAX: usize = 32;

/// Most items on one page.
pub const PER_PAGE_MAX: usize = 1000;

/// Items on a page where the query does not say how many. So does json-server.
pub const PER_PAGE_USUAL: usize = 10;

/// Most operations of one JSON Patch. It is applied while other writes wait, and an operation can
/// cost as much as the whole item.
pub const PATCH_OPERATIONS_MAX: usize = 100;

/// Most bytes of a control frame's payload (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

fn at_least_one() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..)
}

fn fields_max(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=FIELDS_ROOM).contains(&count) => Ok(count),
        _ => Err(format!("must be 1 to {FIELDS_ROOM}")),
    }
}
