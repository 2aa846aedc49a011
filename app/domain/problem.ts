import type { LimitName, LimitRefusal } from './limits.ts';

/**
 * Every problem that Holdfast can return, in one table: its HTTP status, its title, and whether the same request may be
 * sent again. A code that is not in the table does not compile.
 */
const RETRY = { retryable: true } as const;
const FINAL = { retryable: false } as const;

export const PROBLEMS = {
  validation_failed: { status: 400, title: 'The request is not valid', ...FINAL },
  unauthenticated: { status: 401, title: 'Credentials are missing or invalid', ...FINAL },
  forbidden: { status: 403, title: 'These credentials do not permit the request', ...FINAL },
  not_found: { status: 404, title: 'No resource exists at this address', ...FINAL },
  account_not_found: { status: 404, title: 'The account does not exist', ...FINAL },
  transfer_not_found: { status: 404, title: 'The transfer does not exist', ...FINAL },
  hold_not_found: { status: 404, title: 'The hold does not exist', ...FINAL },
  key_not_found: { status: 404, title: 'The API key does not exist', ...FINAL },
  webhook_not_found: { status: 404, title: 'The webhook does not exist', ...FINAL },
  group_not_found: { status: 404, title: 'The group does not exist', ...FINAL },
  batch_not_found: { status: 404, title: 'There is no record of the batch', ...FINAL },
  method_not_allowed: { status: 405, title: 'This address does not support that method', ...FINAL },
  request_timeout: { status: 408, title: 'The request did not arrive in time', ...RETRY },
  transaction_id_reused: { status: 409, title: 'This transaction id belongs to another transfer', ...FINAL },
  already_paid_out: { status: 409, title: 'The money was already paid out to another account', ...FINAL },
  group_id_reused: { status: 409, title: 'This group id belongs to another group', ...FINAL },
  hold_id_reused: { status: 409, title: 'This hold id belongs to another hold', ...FINAL },
  transaction_id_ambiguous: {
    status: 409,
    title: 'Transfers in several shards have this id; name the source account',
    ...FINAL,
  },
  group_id_ambiguous: { status: 409, title: 'Groups in several shards have this id', ...FINAL },
  hold_id_ambiguous: { status: 409, title: 'Holds in several shards have this id', ...FINAL },
  account_id_reused: {
    status: 409,
    title: 'This account id belongs to an account opened with different content',
    ...FINAL,
  },
  key_id_reused: { status: 409, title: 'This key id belongs to another API key', ...FINAL },
  key_not_active: { status: 409, title: 'The API key has expired or is revoked', ...FINAL },
  webhook_id_reused: { status: 409, title: 'This webhook id belongs to another webhook', ...FINAL },
  too_many_webhooks: { status: 409, title: 'There are too many webhooks', ...FINAL },
  too_many_secrets: { status: 409, title: 'The webhook has too many valid secrets', ...FINAL },
  last_ops_key: { status: 409, title: 'This is the last API key that can manage keys', ...FINAL },
  authority_moved: {
    status: 409,
    title: 'The authority is no longer in the state that this request requires',
    ...FINAL,
  },
  account_not_empty: {
    status: 409,
    title: 'Only an account with a zero balance and no held money can be closed',
    ...FINAL,
  },
  events_gone: { status: 410, title: 'Events after this position are no longer available', ...FINAL },
  settings_version_mismatch: { status: 412, title: 'The account has changed in the meantime', ...FINAL },
  hold_changed: { status: 412, title: 'The hold has changed in the meantime', ...FINAL },
  payload_too_large: { status: 413, title: 'The body is larger than allowed', ...FINAL },
  unsupported_media_type: { status: 415, title: 'The body must be application/json', ...FINAL },
  currency_mismatch: { status: 422, title: 'The currencies differ', ...FINAL },
  insufficient_funds: { status: 422, title: 'The available balance is too low', ...FINAL },
  account_suspended: { status: 422, title: 'The account does not allow debits', ...FINAL },
  account_frozen: { status: 422, title: 'The account is frozen', ...FINAL },
  account_closed: { status: 422, title: 'The account is closed', ...FINAL },
  balance_out_of_range: { status: 422, title: 'A balance would exceed the exact range', ...FINAL },
  limit_exceeded: { status: 422, title: 'A limit of the account would be exceeded', ...FINAL },
  group_refused: { status: 422, title: 'A transfer of the group was refused, so none of them was made', ...FINAL },
  group_spans_shards: { status: 422, title: 'The accounts of a group must be in one shard', ...FINAL },
  hold_spans_shards: { status: 422, title: 'The accounts of a hold must be in one shard', ...FINAL },
  hold_not_allowed: { status: 422, title: 'An external account cannot have holds', ...FINAL },
  hold_not_open: { status: 422, title: 'The hold is no longer open', ...FINAL },
  hold_expired: { status: 422, title: 'The hold has expired', ...FINAL },
  hold_exceeded: { status: 422, title: 'The amount does not fit the hold', ...FINAL },
  transfer_not_reversible: { status: 422, title: 'This transfer cannot be reversed', ...FINAL },
  precondition_required: { status: 428, title: 'The request must specify which state it changes', ...FINAL },
  rate_limited: { status: 429, title: 'Too many requests', ...RETRY },
  too_many_listeners: { status: 429, title: 'Too many open streams of events', ...RETRY },
  headers_too_large: { status: 431, title: 'The headers are larger than allowed', ...FINAL },
  internal_error: { status: 500, title: 'Something went wrong on our side', ...FINAL },
  search_disabled: { status: 503, title: 'This ledger has no search index', ...FINAL },
  ledger_switching: { status: 503, title: 'The ledger is moving between its stores', ...RETRY },
  ledger_closed: { status: 503, title: 'The ledger is closed until its journal is available again', ...RETRY },
  ledger_stopped: { status: 503, title: 'An operator has stopped all changes to the ledger', ...RETRY },
  account_unsettled: { status: 503, title: 'The account is waiting for the journal', ...RETRY },
  backlog_full: { status: 503, title: 'Too many transfers are waiting to be persisted', ...RETRY },
  overloaded: { status: 503, title: 'The service is overloaded', ...RETRY },
  database_unavailable: { status: 503, title: 'The database that this request needs is unavailable', ...RETRY },
  transfer_pending: { status: 503, title: 'The transfer is not complete yet', ...RETRY },
  transit_unavailable: { status: 503, title: 'No account can carry the transfer between shards now', ...RETRY },
  history_incomplete: { status: 503, title: 'The history of the account is not complete yet', ...RETRY },
  search_not_ready: { status: 503, title: 'The search index is being built', ...RETRY },
  clock_unsure: { status: 503, title: 'The clocks of this pod and of the store differ too much', ...RETRY },
  calendar_unavailable: { status: 503, title: 'The business calendar is missing or outdated', ...RETRY },
  issuer_unavailable: { status: 503, title: 'The keys of the token issuer cannot be fetched', ...RETRY },
  feature_not_active: { status: 503, title: 'This ledger does not use the rules of this release yet', ...FINAL },
  webhooks_disabled: { status: 503, title: 'This installation does not have webhooks', ...FINAL },
  shutting_down: { status: 503, title: 'This pod is shutting down', ...RETRY },
  outcome_unknown: {
    status: 504,
    title: 'The outcome was not known in time; send the request again with the same id',
    ...RETRY,
  },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** Refusals by the business rules: these are outcomes, stored under the transaction id. */
export const REFUSALS = [
  'currency_mismatch',
  'insufficient_funds',
  'account_suspended',
  'account_frozen',
  'account_closed',
  'balance_out_of_range',
  'limit_exceeded',
] as const satisfies readonly ProblemCode[];

/** Refusals that only holds and captures can have. */
export const HOLD_REFUSALS = [
  'hold_not_allowed',
  'hold_not_open',
  'hold_expired',
  'hold_exceeded',
] as const satisfies readonly ProblemCode[];
export type TransferRefusal = (typeof REFUSALS)[number];
export type Refusal = TransferRefusal | (typeof HOLD_REFUSALS)[number];

/** One error in a request: where (RFC 6901 JSON pointer) and what. */
export interface FieldError {
  pointer: string;
  detail: string;
}

export interface ProblemExtras {
  /** For `outcome_unknown` and for outcomes: the id to look up or to send again. */
  transactionId?: string;
  /** The id of the group to look up or to send again. */
  groupId?: string;
  /** The id of the hold to look up or to send again. */
  holdId?: string;
  /** The index (from 0) of the transfer in a group that the problem concerns. */
  index?: number;
  /** For `group_refused`: why that transfer was refused. */
  refusal?: Refusal;
  errors?: readonly FieldError[];
  /**
   * For `limit_exceeded`, for callers who may read the balance: the name and the value of the limit, and its unused
   * part.
   */
  limit?: LimitName;
  value?: string;
  remaining?: string;
  /** The limit as the ledger returns it, without regard to the caller's scopes. Never sent to clients. */
  refusedBy?: LimitRefusal;
  /** The reason, for the log only, never for the client. */
  logged?: string;
  /** Seconds after which to retry; retryable problems default to 1. */
  retryAfterSeconds?: number;
}

/** The only error that is thrown on purpose. Anything else that reaches the API becomes an `internal_error`. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}, options?: ErrorOptions) {
    super(detail, options);
    this.code = code;
    this.extras = extras;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }
  get title(): string {
    return PROBLEMS[this.code].title;
  }
  get retryable(): boolean {
    return PROBLEMS[this.code].retryable;
  }
}

/**
 * The refusal of a transfer that is not a capture. @throws Problem internal_error for a refusal that only a hold can
 * have
 */
export function transferRefusal(refusal: Refusal): TransferRefusal {
  const known = REFUSALS.find((code) => code === refusal);
  if (!known) throw new Problem('internal_error', `a transfer was refused as ${refusal}`);
  return known;
}
