"""Every error code the product answers or prints, once: its HTTP status, what happened and what to do about it.

docs/errors.md is made from this table. A code that is not in it cannot be raised. Below it stands which call of the
API answers which code: a call that is not there makes the OpenAPI document fail, and so does an answer in any test
whose code is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of error.

    ``meaning`` is the title of its problem document and the same for every occurrence; ``remedy`` says who
    must do what. An error that only commands and admin pages show has the status it would have over HTTP.
    """

    code: str
    status: int
    meaning: str
    remedy: str


# What cannot be understood about a request, whatever it asks for.
_REQUESTS = (
    Problem("invalid", 400, "The request is not valid.", "Correct the fields named in `errors`."),
    Problem("parse_error", 400, "The request body cannot be read.", "Send JSON in UTF-8."),
    Problem("body_incomplete", 400, "The body is shorter than announced.", "Send the request again."),
    Problem(
        "history_incomplete",
        409,
        "A row of the history is missing.",
        "Restore the database from a backup; `manage.py verify` names the rows.",
    ),
    Problem("host_not_allowed", 400, "The site does not serve this host name.", "Add the host name to ALLOWED_HOSTS."),
    Problem("unauthorized", 401, "The credentials are missing or not valid.", "Send a valid API key or webhook URL."),
    Problem(
        "permission_denied", 403, "The key does not permit this call.", "Use a key of an owner that may make this call."
    ),
    Problem("not_found", 404, "Not found.", "Check the id and the URL; an engine sees its own work only."),
    Problem("period_empty", 404, "The period ends before it begins.", "Exchange `since` and `until`."),
    Problem("not_unique", 400, "Several have this name.", "Ask for one of those that the error lists, by its id."),
    Problem("method_not_allowed", 405, "The URL does not support this method.", "Use a method listed in `Allow`."),
    Problem("not_acceptable", 406, "No response format matches `Accept`.", "Accept application/json."),
    Problem("body_too_slow", 408, "The body did not arrive in time.", "Send the request again."),
    Problem("too_large", 413, "The body is too large.", "Send a smaller body."),
    Problem("unsupported_media_type", 415, "The content type is not supported.", "Send application/json."),
    Problem("content_encoding", 415, "The body is compressed or encoded.", "Send the body without Content-Encoding."),
    Problem("rate_limited", 429, "Too many requests.", "Retry after the seconds in `Retry-After`."),
    Problem(
        "too_many_polls",
        429,
        "Too many long polls are waiting.",
        "Retry after the seconds in `Retry-After`, use fewer long polls at once, or raise LONG_POLLS.",
    ),
    Problem("busy", 429, "Another call has the lock.", "Retry after the seconds in `Retry-After`."),
    Problem("throttled", 429, "Too many requests.", "Retry after the seconds in `Retry-After`."),
    Problem("error", 500, "The server failed.", "Look for the request id in the log."),
    Problem("internal_error", 500, "The server failed unexpectedly.", "Look for the request id in the log."),
    Problem("unavailable", 503, "The site is busy or restarting.", "Retry after the seconds in `Retry-After`."),
    Problem("database_unavailable", 503, "The database is unavailable.", "Retry after the seconds in `Retry-After`."),
)

# What is wrong with one field of an API request; these codes stand in `errors`, under `invalid`.
_FIELDS = (
    Problem("required", 400, "A required field is missing.", "Send the field."),
    Problem("null", 400, "The field must not be null.", "Send a value or, if it is optional, leave the field out."),
    Problem("blank", 400, "The field must not be blank.", "Send a value."),
    Problem("empty", 400, "The list must not be empty.", "Send at least one item."),
    Problem("unknown_field", 400, "The request has no such field.", "Remove the field or correct its name."),
    Problem("repeated", 400, "A query parameter occurs more than once.", "Send the parameter once."),
    Problem("invalid_choice", 400, "The value is not one of the choices.", "Send one of the documented values."),
    Problem("invalid_time", 400, "The value is not a time.", "Send RFC 3339 with a time zone."),
    Problem("not_positive", 400, "The number must be greater than 0.", "Send a number greater than 0."),
    Problem("min_value", 400, "The number is too small.", "Send a number within the documented range."),
    Problem("max_value", 400, "The number is too large.", "Send a number within the documented range."),
    Problem("min_length", 400, "The value is too short.", "Send a longer value."),
    Problem("max_length", 400, "The value is too long.", "Shorten the value."),
    Problem("max_digits", 400, "The number has too many digits.", "Send fewer digits."),
    Problem("max_whole_digits", 400, "The number has too many digits before the point.", "Send a smaller number."),
    Problem("max_decimal_places", 400, "The number has too many decimal places.", "Round the number."),
    Problem("max_string_length", 400, "The number is too long as text.", "Send fewer digits."),
    Problem("overflow", 400, "The value is too large to be read.", "Send a smaller value."),
    Problem("not_a_list", 400, "The field must be a list.", "Send a JSON array."),
    Problem("not_a_dict", 400, "The field must be an object.", "Send a JSON object."),
    Problem("null_characters_not_allowed", 400, "The text contains U+0000.", "Remove the character."),
    Problem(
        "surrogate_characters_not_allowed", 400, "The text contains half a surrogate pair.", "Send whole characters."
    ),
)

# Why an alert makes no signal. The alert message is edited in TradingView.
_ALERTS = (
    Problem(
        "empty_body", 400, "The body is empty.", "Send a JSON object; for an alert, paste the template as its message."
    ),
    Problem("invalid_encoding", 400, "The body is not UTF-8.", "Send UTF-8."),
    Problem(
        "invalid_json", 400, "The body is not JSON.", "Check commas and quotes; in an alert, quote every placeholder."
    ),
    Problem("not_an_object", 400, "The value is JSON, but not an object.", "Send one object in braces."),
    Problem("invalid_character", 400, "The body contains a character that cannot be stored.", "Remove the character."),
    Problem("duplicate_key", 400, "A field occurs twice in one object.", "Send the field once."),
    Problem("too_deep", 400, "The body is nested too deeply.", "Flatten the message."),
    Problem("number_out_of_range", 400, "A number is outside the range of a double.", "Send the number as text."),
    Problem("no_canonical_form", 400, "A value cannot be hashed.", "Send the value as text."),
    Problem(
        "unexpanded_placeholder", 400, "TradingView did not replace a placeholder.", "Use one that this alert has."
    ),
    Problem("conflicting_alias", 400, "Two fields for the same thing disagree.", "Send one of the two."),
    Problem("conflicting_direction", 400, "The alert states two directions.", 'Send `direction`: "long" or "short".'),
    Problem("symbol_missing", 400, "The alert has no symbol.", 'Add `"symbol": "{{ticker}}"`.'),
    Problem("symbol_type", 400, "The symbol is not text.", 'Send `"symbol": "{{ticker}}"`.'),
    Problem("symbol_invalid", 400, "The symbol cannot be read.", 'Send one symbol, such as "SPY" or "NASDAQ:AAPL".'),
    Problem("direction_missing", 400, "The alert has no direction.", 'Add `direction`: "long" or "short".'),
    Problem("direction_type", 400, "The direction is not text.", 'Send `direction`: "long" or "short".'),
    Problem("direction_invalid", 400, "The direction cannot be read.", 'Send `direction`: "long" or "short".'),
    Problem("timeframe_missing", 400, "The alert has no timeframe.", 'Add `"timeframe": "{{interval}}"`.'),
    Problem(
        "timeframe_type", 400, "The timeframe is neither text nor a number.", 'Send `"timeframe": "{{interval}}"`.'
    ),
    Problem(
        "timeframe_invalid", 400, "The timeframe cannot be read.", 'Send minutes, or a unit as in "5m", "1h" or "1d".'
    ),
    Problem("timestamp_missing", 400, "The alert has no timestamp.", 'Add `"timestamp": "{{timenow}}"`.'),
    Problem("timestamp_type", 400, "The timestamp is neither text nor a number.", 'Send `"timestamp": "{{timenow}}"`.'),
    Problem("timestamp_naive", 400, "The timestamp has no time zone.", "Add Z or an offset."),
    Problem("timestamp_unparseable", 400, "The timestamp cannot be read.", 'Send `"timestamp": "{{timenow}}"`.'),
    Problem("timestamp_out_of_range", 400, "The timestamp is outside 1970 to 2100.", "Check the unit and the offset."),
    Problem("timestamp_future", 400, "The timestamp is in the future.", "Check the clock and the time zone."),
)

# Why a webhook source cannot be created or changed.
_SOURCES = (
    Problem("address_invalid", 400, "An allowed address cannot be read.", "Enter IP addresses or networks."),
    Problem("max_age_invalid", 400, "The maximum age is negative.", "Enter seconds, or 0 for no limit."),
    Problem("rate_limit_invalid", 400, "The rate limit is less than 1.", "Enter alerts per minute, or leave blank."),
    Problem("https_required", 403, "The alert came over HTTP.", "Use https; the proxy must send X-Forwarded-Proto."),
    Problem("bare_sell_invalid", 400, "The meaning of a bare sell is unknown.", "Choose entry_short or exit."),
    Problem(
        "watch_invalid",
        400,
        "The source cannot be watched with these settings.",
        "Correct the setting named in the error.",
    ),
    Problem(
        "replay_not_live",
        403,
        "Replayed alerts are not accepted in LIVE.",
        "Use a live source, or set APP_MODE to PAPER.",
    ),
    Problem("slug_invalid", 400, "The slug cannot be used.", "Use letters, digits, - and _."),
    Problem("slug_taken", 400, "The slug is already in use.", "Choose another slug."),
    Problem("source_unknown", 400, "No source has this slug.", "List the sources: `manage.py source list`."),
    Problem("token_short", 400, "The token is too short.", "Leave the token blank to generate one."),
    Problem("token_invalid", 400, "The token cannot be used in a URL.", "Leave the token blank to generate one."),
    Problem("token_taken", 400, "The token is already in use.", "Leave the token blank to generate one."),
)

# Policies, engines, keys and the brakes.
_POLICIES = (
    Problem("no_policy", 503, "No policy version exists yet.", "Run `manage.py migrate`."),
    Problem("before_history", 400, "No policy was in force yet at that time.", "Choose a later time."),
    Problem("note_missing", 400, "The version has no note.", "Say why the policy changes."),
    Problem("reason_missing", 400, "No reason was given.", "Give a reason; it is kept in the audit log."),
    Problem("setting_unknown", 400, "No policy setting has this name.", "Use one of the listed settings."),
    Problem("setting_invalid", 400, "The value is outside the limits of its setting.", "Enter an allowed value."),
    Problem("policy_conflict", 409, "Another version was activated in the meantime.", "Review it and start again."),
    Problem("draft_changed", 400, "The draft was edited in the meantime.", "Review the draft again."),
    Problem("draft_settled", 400, "The draft is already activated or discarded.", "Create a new draft."),
    Problem("own_draft", 400, "Authors cannot approve their own drafts.", "Ask another operator to approve."),
    Problem("approval_missing", 400, "The draft has not been approved in its present form.", "Ask for approval."),
    Problem("time_passed", 400, "The activation time is in the past.", "Choose a time in the future, or activate now."),
    Problem("already_halted", 409, "The kill switch is already engaged.", "Nothing to do."),
    Problem("not_halted", 409, "The kill switch is not engaged.", "Nothing to do."),
    Problem("not_tripped", 400, "The guardrail is not tripped.", "Nothing to do."),
    Problem("owner_unknown", 400, "API keys cannot have this owner.", "Use one of the listed owners."),
    Problem("name_too_long", 400, "The name is too long.", "Shorten the name."),
)

# Preview, as-of and rebuild.
_HISTORY = (
    Problem("last_out_of_range", 400, "The number of decisions is out of range.", "Choose a number within the range."),
    Problem("not_decided", 400, "The signal has not been decided yet.", "Wait for the worker, or enter a time."),
    Problem("not_empty", 400, "The database is not empty.", "Rebuild into a new, migrated database."),
    Problem("assignment_key_missing", 400, "An assignment key is missing.", "Add the key to ASSIGNMENT_KEYS."),
    Problem("history_unreadable", 400, "The history file cannot be read.", "Export the history again."),
)

# What engines report and the rules or the facts do not allow.
_REPORTS = (
    Problem("conflict", 409, "A different report is already stored.", "Keep the first; amend it if it was wrong."),
    Problem("context_mismatch", 409, "The context hash does not match the experiment.", "Read the assignment again."),
    Problem("recommendation_missing", 409, "The engine has not recommended yet.", "POST the recommendation first."),
    Problem("plan_missing", 400, "A recommendation to open has no plan.", "Say what the engine would trade."),
    Problem("plan_not_allowed", 400, "A recommendation to decline has no plan.", "Leave the plan out."),
    Problem("lease_lost", 409, "The lease is no longer held.", "Drop the work and claim again."),
    Problem("halted", 409, "Trading is halted.", "Send no real order; cancel what has not been filled."),
    Problem("permit_expired", 409, "The permit has expired.", "Send no real order for this experiment."),
    Problem("not_permitted", 409, "The engine has no permit here.", "Send no real order; the role may be SHADOW."),
    Problem("declined", 409, "The engine declined this experiment.", "Report no trade for it."),
    Problem(
        "role_mismatch",
        409,
        "The kind of trade does not match the engine's role.",
        "Report the kind that matches the role.",
    ),
    Problem(
        "double_execution_prevented",
        409,
        "The engine may not trade this experiment for real.",
        "Close the trade now and report a shadow.",
    ),
    Problem("already_closed", 409, "The trade is already closed.", "Stop reporting this trade."),
    Problem("shadow_follows_real", 409, "A shadow trade exits with the real trade.", "Report on its exit directive."),
    Problem("amendment_open", 409, "An amendment of this fill waits for a decision.", "Wait for the operator."),
    Problem("amendment_impossible", 400, "The amendment cannot be booked.", "Send what the broker says happened."),
    Problem("shadow_not_amended", 409, "Shadow trades are priced by the referee.", "Amend real trades only."),
    Problem("shadow_not_opened", 409, "The shadow trade has not been opened.", "Report the opening first."),
    Problem("directive_settled", 409, "The exit directive is already settled.", "Stop reporting on it."),
    Problem("shadow_too_late", 409, "The shadow was opened outside its entry window.", "Report no trade."),
    Problem("entry_before_recommendation", 400, "The entry is before the recommendation.", "Check the engine's clock."),
    Problem("reported_too_late", 400, "The report came too late to be checked.", "Report what happens as it happens."),
    Problem("entry_not_priced", 409, "The entry is still being priced.", "Retry in a few seconds."),
    Problem("own_exit_too_late", 409, "Own exits are no longer accepted for this trade.", "Stop reporting this trade."),
    Problem("currency_differs", 400, "The currency is not that of the policy.", "Trade in the policy's currency."),
    Problem(
        "provenance_not_allowed", 400, "The trade cannot have this price provenance.", "Claim OWN_FEED_QUOTE or MODEL."
    ),
    Problem("fill_ref_reserved", 400, "The fill reference is reserved.", "Use a reference of the engine's own."),
    Problem("price_not_marketable", 400, "The price is better than the quote.", "Buy at the ask, sell at the bid."),
    Problem("stale_quote", 400, "A quote is too old.", "Send a quote that stood at the time."),
    Problem("exit_before_entry", 400, "The exit is before the entry.", "Check the engine's clock."),
    Problem("exit_time_differs", 400, "The exit time is not that of the real exit.", "Send the directive's exit_time."),
    Problem(
        "ahead_of_clock",
        409,
        "The time is ahead of the server's clock.",
        "Check the feeder's clock, or send it again once the time has come.",
    ),
    Problem("time_in_future", 400, "The reported time is in the future.", "Check the engine's clock."),
    Problem("negative_price", 400, "A price is negative.", "Send prices of 0 or more."),
    Problem("price_missing", 400, "A leg has no price.", "Send a price for every leg."),
    Problem("plan_differs", 409, "The trade is not the one planned.", "Open the legs, sides and size of the plan."),
    Problem("closes_more_than_open", 400, "The fill closes more than is open.", "Report what was closed."),
    Problem("settlement_impossible", 400, "The settlement is impossible.", "Send the settlement as it happened."),
    Problem("price_mismatch", 400, "The price does not match the legs.", "Send the net price, or leave it out."),
    Problem("duplicate_leg", 400, "An instrument occurs in two legs.", "Use one leg with a ratio."),
    Problem("unknown_leg", 400, "The trade has no such leg.", "Send the legs of the entry."),
    Problem(
        "leg_differs", 400, "A leg differs from the entry.", "Repeat side, ratio and entry price, or leave them out."
    ),
    Problem("unknown_exit_reason", 400, "The exit reason is not known.", "Send one of the listed reasons."),
    Problem("quotes_twice", 400, "Quotes were sent in two places.", "Send quotes or market_conditions.quotes."),
    Problem("quote_missing", 400, "A leg has no quote.", "Quote every leg."),
    Problem("not_a_quote", 400, "A quote cannot be read.", "Send bid, ask and quote_time."),
    Problem("quote_time_missing", 400, "A quote has no time.", "Send the quote_time."),
    Problem("one_sided_quote", 400, "A quote lacks bid or ask.", "Send the last quote that had both."),
    Problem("crossed_quote", 400, "A bid is above its ask.", "Send the last quote that was not crossed."),
    Problem("lookahead", 400, "A quote is later than what it prices.", "Send the last quote known at the time."),
)

# What operators decide about engines' reports, in the admin.
_DECISIONS = (
    Problem("incident_acknowledged", 409, "The incident is already acknowledged.", "Nothing to do."),
    Problem("pnl_incomplete", 400, "P&L and currency go together.", "Enter both, or neither."),
    Problem("amendment_settled", 409, "The amendment is already decided.", "Ask the engine to propose another one."),
)

# Evaluations, which the command line and the admin run.
_EVALUATIONS = (
    Problem("invalid_blocks", 400, "The blocks cannot be judged.", "Correct the field named in the error."),
    Problem("invalid_evaluation", 400, "The evaluation is not valid.", "Correct the field named in the error."),
    Problem(
        "worst_block_too_small",
        400,
        "The worst block is smaller than limits and history require.",
        "Raise worst_block, or give the reason, which is shown beside the verdict.",
    ),
    Problem("evaluation_exists", 409, "Another evaluation has this name.", "Choose another name."),
    Problem("own_evaluation", 400, "Authors cannot approve their own evaluations.", "Ask another person to approve."),
    Problem("evaluation_changed", 409, "The content is not the one you reviewed.", "Review the evaluation again."),
    Problem(
        "evaluation_state",
        409,
        "The evaluation's state does not permit this.",
        "Check its state: `manage.py evaluation show`.",
    ),
    Problem("evaluation_running", 409, "Another evaluation is running.", "Finish it first; one runs at a time."),
    Problem(
        "engine_not_registered",
        409,
        "An engine has not registered its rules.",
        "Let it send a heartbeat; its rules_hash is part of what the evaluation pins.",
    ),
)

_NOTIFICATIONS = (
    Problem("recipient_exists", 409, "A recipient of this name exists.", "Choose another name, or change that one."),
    Problem(
        "recipient_url_unknown",
        400,
        "Nothing can be sent to this URL.",
        "Write it as apprise does (https://appriseit.com/services), or give a webhook's https:// address.",
    ),
    Problem(
        "recipient_sealed",
        409,
        "A recipient's URL cannot be decrypted.",
        "`SECRET_KEY` has changed: enter the recipient's URL again.",
    ),
)
_ARCHIVES = (
    Problem("hold_days", 409, "The days of the hold are out of order.", "Let the last day follow the first."),
    Problem(
        "hold_covers_nothing",
        409,
        "There is no such experiment here.",
        "Check the id. What is archived already stays in its files, and is never deleted from there.",
    ),
    Problem("hold_lifted", 409, "The hold is not in force.", "Reload the page; place a new hold if one is needed."),
)

# Who reads the database beside the site.
_ANALYSTS = (
    Problem("database_role_invalid", 400, "This cannot be the name of a role.", "Use lower-case letters and digits."),
    Problem("database_role_exists", 409, "The database already has this role.", "Choose another name, or drop it."),
    Problem(
        "database_role_unknown", 404, "No such role was created here.", "List them: `manage.py analyst_role list`."
    ),
)
SECTIONS: tuple[tuple[str, tuple[Problem, ...]], ...] = (
    ("Any request", _REQUESTS),
    ("Fields of a request", _FIELDS),
    ("Alerts", _ALERTS),
    ("Webhook sources", _SOURCES),
    ("Policies, engines and keys", _POLICIES),
    ("History", _HISTORY),
    ("Engine reports", _REPORTS),
    ("Operators' decisions", _DECISIONS),
    ("Evaluations", _EVALUATIONS),
    ("Notifications", _NOTIFICATIONS),
    ("Archives", _ARCHIVES),
    ("Roles of the database", _ANALYSTS),
)
PROBLEMS: dict[str, Problem] = {problem.code: problem for _, problems in SECTIONS for problem in problems}

# Before the call is reached, or when something fails that has nothing to do with it.
ANY_CALL = (
    "invalid", "host_not_allowed", "unauthorized", "permission_denied", "not_acceptable", "internal_error",
    "database_unavailable", "history_incomplete",
)  # fmt: skip
# What reading a body can find, whatever the call.
ANY_BODY = (
    "body_incomplete", "empty_body", "invalid_encoding", "invalid_json", "not_an_object", "duplicate_key",
    "invalid_character", "number_out_of_range", "too_deep", "body_too_slow", "too_large", "unsupported_media_type",
    "content_encoding", "busy",
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
    "get_assignment": ("not_found",),
    "renew_lease": ("not_found", "lease_lost"),
    "create_recommendation": (
        "not_found", "lease_lost", "plan_missing", "plan_not_allowed", "context_mismatch", "conflict", "duplicate_leg",
    ),
    "open_trade": (
        *_QUOTES, "not_found", "recommendation_missing", "declined", "role_mismatch", "double_execution_prevented",
        "conflict", "plan_differs", "shadow_too_late", "entry_before_recommendation", "reported_too_late",
        "time_in_future", "currency_differs", "provenance_not_allowed", "negative_price", "price_missing",
        "price_mismatch", "price_not_marketable", "duplicate_leg", "max_value",
    ),
    "confirm_permit": ("not_found", "recommendation_missing", "not_permitted", "permit_expired", "halted"),
    "list_trades": (),
    "list_recommendations": (),
    "get_trade": ("not_found",),
    "propose_amendment": (
        "not_found", "conflict", "amendment_open", "amendment_impossible", "shadow_not_amended", "duplicate_leg",
        "negative_price", "settlement_impossible", "closes_more_than_open", "time_in_future", "exit_before_entry",
    ),
    "report_fill": (
        "not_found", "conflict", "already_closed", "shadow_follows_real", "entry_not_priced", "fill_ref_reserved",
        "unknown_exit_reason", "closes_more_than_open", "settlement_impossible", "negative_price", "time_in_future",
        "max_value",
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
    "push_quotes": ("ahead_of_clock",),
    "market_data": ("symbol_invalid", "unexpanded_placeholder", "ahead_of_clock", "conflict"),
    "list_experiments": ("period_empty",),
    "get_experiment": ("not_found",),
    "list_outcomes": ("period_empty",),
    "list_pairs": ("period_empty",),
    "list_deliveries": ("period_empty",),
    "list_audit": ("period_empty",),
    "performance": ("period_empty",),
    "list_evaluations": (),
    "get_evaluation": ("not_found",),
}  # fmt: skip


def problem_body(
    code: str, detail: str, *, errors: list[dict[str, str]] | None = None, request_id: str = ""
) -> dict[str, Any]:
    """The problem document of RFC 9457, with our code, the errors of single fields and the request id."""
    problem = PROBLEMS[code]
    return {
        "type": f"urn:orchestrator:problem:{code}",
        "title": problem.meaning,
        "status": problem.status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
        "request_id": request_id,
    }
