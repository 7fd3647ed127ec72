"""What each call of the API may be answered with beyond its result: codes of `kernel.problems`, by operation.

A call that is not in this table makes the document fail, and so does an answer in any test that is not in it.
"""

from __future__ import annotations

# Before the call is reached, or when something fails that has nothing to do with it.
ANY_CALL = (
    "invalid", "host_not_allowed", "unauthorized", "permission_denied", "not_acceptable", "internal_error",
    "database_unavailable", "busy", "history_incomplete",
)  # fmt: skip
# What reading a body can find, whatever the call.
ANY_BODY = (
    "body_incomplete", "empty_body", "invalid_encoding", "invalid_json", "not_an_object", "duplicate_key",
    "invalid_character", "number_out_of_range", "too_deep", "body_too_slow", "too_large", "unsupported_media_type",
)  # fmt: skip

_QUOTES = (
    "not_a_quote", "quote_missing", "quote_time_missing", "one_sided_quote", "crossed_quote", "lookahead",
    "stale_quote",
)  # fmt: skip
_EXITS = (
    *_QUOTES, "settlement_impossible", "price_mismatch", "price_not_marketable", "unknown_leg", "conflict",
)  # fmt: skip

CALLS: dict[str, tuple[str, ...]] = {
    "heartbeat": (),
    "claim_assignments": ("too_many_polls",),
    "renew_lease": ("not_found", "lease_lost"),
    "get_assignment": ("not_found",),
    "create_recommendation": (
        "not_found", "plan_missing", "plan_not_allowed", "context_mismatch", "conflict", "lease_lost",
    ),
    "open_trade": (
        *_QUOTES, "not_found", "recommendation_missing", "declined", "role_mismatch", "double_execution_prevented",
        "conflict", "plan_differs", "shadow_too_late", "entry_before_recommendation", "reported_too_late",
        "time_in_future", "currency_differs", "provenance_not_allowed", "negative_price", "price_missing",
        "price_mismatch", "price_not_marketable", "duplicate_leg",
    ),
    "confirm_permit": ("not_found", "recommendation_missing", "not_permitted", "permit_expired", "halted"),
    "list_trades": (),
    "get_trade": ("not_found",),
    "propose_amendment": (
        "not_found", "conflict", "amendment_open", "amendment_impossible", "shadow_not_amended", "duplicate_leg",
        "negative_price", "settlement_impossible", "closes_more_than_open", "time_in_future", "exit_before_entry",
    ),
    "report_fill": (
        "not_found", "conflict", "already_closed", "shadow_follows_real", "entry_not_priced", "fill_ref_reserved",
        "unknown_exit_reason", "closes_more_than_open", "settlement_impossible", "negative_price", "time_in_future",
    ),
    "close_trade": (
        *_EXITS, "not_found", "already_closed", "own_exit_too_late", "unknown_exit_reason", "exit_before_entry",
        "time_in_future", "reported_too_late", "negative_price", "price_missing", "provenance_not_allowed",
        "leg_differs", "closes_more_than_open",
    ),
    "list_exit_directives": ("too_many_polls",),
    "report_shadow_exit": (
        *_EXITS, "not_found", "directive_settled", "shadow_not_opened", "exit_time_differs", "quotes_twice",
    ),
    "list_quote_requests": ("too_many_polls",),
    "push_quotes": ("crossed_quote", "time_in_future"),
    "market_data": ("symbol_invalid", "unexpanded_placeholder", "timestamp_future", "conflict"),
    "list_experiments": (),
    "get_experiment": ("not_found",),
    "performance": (),
    "list_evaluations": (),
    "get_evaluation": ("not_found",),
}  # fmt: skip
