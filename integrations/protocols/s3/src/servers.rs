//! The servers that the conformance of S3 providers runs on, and what they cannot. Data for tests.

/// A server that `cargo xtask live` starts.
pub struct Server {
    /// The name that `xtask live` has for it.
    pub name: &'static str,
    /// What tells its address.
    pub variable: &'static str,
    /// Whether its buckets keep versions.
    pub versions: bool,
    /// Whether it checks signatures.
    pub checks_signatures: bool,
    /// What it does not know.
    pub lacks: &'static [&'static str],
    /// Cases that its own behaviour breaks, with that behaviour.
    pub excuses: &'static [(&'static str, &'static str)],
    /// The keys that it cannot keep apart or at all.
    pub refuses: fn(&str) -> bool,
    /// The keys that its lists do not give back.
    pub unlisted: fn(&str) -> bool,
}

const FRAMED: &str = "an answer of HTTP says how long it is: content that ends there is whole, and content that does not is cut";
const PATHS: &str = "s3s-fs keeps a key as a path of the file system";
const STEPS: &str = "s3s-fs looks at a condition and writes in two steps";
const ENDED: &str = "s3s-fs answers AccessDenied to an upload that is none";
const ORDER: &str = "s3s-fs wants all numbers of parts from 1 on";

/// Checks signatures; keeps no versions.
pub const S3S: Server = Server {
    name: "s3s",
    variable: "CIRCLE_LIVE_S3S",
    versions: false,
    checks_signatures: true,
    lacks: &["put_checksum", "get_if_match", "get_if_none_match", "delete_if_match", "copy_if_absent"],
    excuses: &[
        ("get_of_a_body_that_ends_early_is_never_short", FRAMED),
        ("delete_leaves_the_neighbours", PATHS),
        ("list_prefix_is_compared_byte_for_byte", PATHS),
        ("list_delimiter_folds_deeper_keys", PATHS),
        ("list_folder_marker_comes_once", PATHS),
        ("list_is_in_byte_order", PATHS),
        ("list_start_after_is_exclusive", PATHS),
        ("list_pages_are_stable_under_inserts", PATHS),
        ("put_under_weird_keys_round_trips", PATHS),
        ("delete_of_weird_keys_deletes_each_alone", PATHS),
        ("keys_may_be_folders_of_other_keys", PATHS),
        ("key_of_the_longest_length_round_trips", PATHS),
        ("create_race_has_one_winner", STEPS),
        ("replace_race_loses_no_success", STEPS),
        ("update_under_race_applies_every_change", STEPS),
        ("upload_aborted_leaves_nothing", ENDED),
        ("upload_completed_takes_no_more_parts", ENDED),
        ("upload_completed_with_a_foreign_tag_is_refused", ENDED),
        ("writer_dropped_aborts_its_upload", ENDED),
        ("writer_cancelled_aborts_its_upload", ENDED),
        ("upload_may_leave_out_indices", ORDER),
        ("upload_completed_last_wins", ORDER),
        ("upload_race_leaves_one_whole", ORDER),
        ("list_delimiter_can_be_any_text", "s3s-fs folds at the first character of a delimiter"),
        ("get_suffix_longer_than_the_object_is_all_of_it", "s3s-fs answers InternalError to a suffix beyond the object"),
    ],
    refuses: |key| {
        let odd = |segment: &str| matches!(segment, "" | "." | ".." | "a");
        key.split('/').any(odd)
    },
    // Says that keys are encoded, and does not encode them.
    unlisted: |key| key.contains(['%', '+']),
};

const FORGED: &str = "moto checks no signature";
const UNLOCKED: &str = "moto looks at a condition and writes in two steps";
const NO_UPLOAD: &str = "moto answers 500 to a part of an upload that is none";
const LINES: &str = "moto answers 404 to a key with a line break";

/// Knows versions and tags; checks no signatures.
pub const MOTO: Server = Server {
    name: "moto",
    variable: "CIRCLE_LIVE_MOTO",
    versions: true,
    checks_signatures: false,
    lacks: &["put_checksum", "delete_if_match", "copy_if_absent"],
    excuses: &[
        ("get_of_a_body_that_ends_early_is_never_short", FRAMED),
        ("put_under_weird_keys_round_trips", LINES),
        ("delete_of_weird_keys_deletes_each_alone", LINES),
        ("upload_aborted_leaves_nothing", NO_UPLOAD),
        ("upload_completed_takes_no_more_parts", NO_UPLOAD),
        ("writer_dropped_aborts_its_upload", NO_UPLOAD),
        ("writer_cancelled_aborts_its_upload", NO_UPLOAD),
        ("upload_if_match_of_a_stale_version_is_a_conflict", "moto ignores If-Match at the end of an upload"),
        ("create_race_has_one_winner", UNLOCKED),
        ("replace_race_loses_no_success", UNLOCKED),
        ("update_under_race_applies_every_change", UNLOCKED),
        ("presign_get_sent_as_put_is_forbidden", FORGED),
        ("presign_get_expired_is_forbidden", FORGED),
        ("presign_put_enforces_its_content_type", FORGED),
        ("list_of_ten_thousand_is_complete", "moto takes minutes for 10,000 puts"),
    ],
    refuses: |key| key.contains('\n'),
    unlisted: |_| false,
};
