import { z } from 'zod';
import type { HoldRefused } from '../../domain/hold-events.ts';
import { holdRefusalDetail } from '../../domain/hold-refusals.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import type { HoldOrder } from '../../domain/holds.ts';
import type { Identity } from '../../domain/identity.ts';
import { ID_AHEAD_MS_MAX, newUuidV7, uuidV7Time } from '../../domain/ids.ts';
import { formatAmount } from '../../domain/money.ts';
import { type FieldError, HOLD_REFUSALS, Problem, REFUSALS } from '../../domain/problem.ts';
import type { Origin } from '../../domain/types.ts';
import type { HoldCapture, HoldFacts, HoldView, ListedHold } from '../../ledger/ports/holds.ts';
import { invalid, KEY_POINTER } from '../http/validation.ts';
import {
  AccountId,
  amountAt,
  Currency,
  DryRun,
  Durability,
  DurabilityInput,
  formatTimestamp,
  Id,
  ListLimit,
  Metadata,
  Money,
  MoneyInput,
  NewId,
  Reference,
  Timestamp,
  TimestampInput,
  TransferId,
} from '../schemas/fields.ts';
import { limitFigures } from '../transfers/transfer-refusal.ts';

/** How far in the future a hold may expire. */
const EXPIRES_MS_MAX = 366 * 24 * 60 * 60 * 1000;
const STATUSES = ['OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'] as const;
/** The maximum number of captures shown. */
export const CAPTURES_MAX = 100;

export const HoldId = NewId.meta({
  description:
    'The idempotency key of the hold: one id has one outcome, forever. Hold ids are separate from transaction ids. Use a UUIDv7. If absent, the `Idempotency-Key` is used, or an id is generated.',
  example: '019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e92',
});

/** @param example one of the holds of the demo accounts (devstack/demo.mjs) */
export const holdParams = (example: string) => z.object({ holdId: Id.meta({ example }) });

export const HoldQuery = z.strictObject({
  account: AccountId.optional().meta({
    example: 'demo-alice',
    description:
      'The account of the hold. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id.',
  }),
});

/** @param account the account to which the hold must belong, if any. @throws Problem hold_not_found */
export function requireHoldOf(account: string | undefined, hold: Pick<HoldFacts, 'holdId' | 'account'>): void {
  if (account === undefined || account === hold.account) return;
  throw new Problem('hold_not_found', `there is no hold ${hold.holdId} of ${account}`);
}

const ExpiresAt = TimestampInput.nullish().meta({
  description: 'When the hold expires: by default after 7 days, at most a year from now.',
});

export const HoldRequest = z
  .strictObject({
    holdId: HoldId.nullish(),
    account: AccountId.meta({ description: 'Whose money is reserved.' }),
    destinationAccount: AccountId.nullish().meta({
      description: 'Where every capture goes. If absent, each capture names its destination.',
    }),
    amount: MoneyInput,
    currency: Currency,
    expiresAt: ExpiresAt,
    reference: Reference.nullish(),
    metadata: Metadata.nullish(),
    durability: DurabilityInput,
    dryRun: DryRun,
  })
  .meta({ id: 'HoldRequest' });

export const HoldChangeRequest = z
  .strictObject({
    amount: MoneyInput.nullish().meta({ description: 'The new amount; it must exceed the captured amount.' }),
    expiresAt: TimestampInput.nullish().meta({ description: 'The new expiry, at most a year from now.' }),
    durability: DurabilityInput,
    dryRun: DryRun,
  })
  .meta({ id: 'HoldChangeRequest' });

export const HoldVoidRequest = z
  .strictObject({ durability: DurabilityInput, dryRun: DryRun })
  .meta({ id: 'HoldVoidRequest' });

const state = {
  holdId: Id,
  status: z.enum(STATUSES).meta({
    description: 'An open hold whose `expiresAt` has passed cannot be used; its money is released within seconds.',
  }),
  account: AccountId,
  destinationAccount: AccountId.nullable(),
  amount: Money.meta({ description: 'As placed or last changed.' }),
  captured: Money.meta({ description: 'The sum of its captures.' }),
  remaining: Money.meta({ description: 'The amount that is still reserved: zero unless the hold is open.' }),
  currency: Currency,
  expiresAt: Timestamp,
  revision: z.int().min(0).meta({ description: 'Increases by one with every event of the hold, for `If-Match`.' }),
};
const details = {
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
  acceptedAt: Timestamp,
};
const reached = Durability.meta({ description: 'The durability reached: `persisted` means committed in MySQL.' });

export const HoldSummary = z.object(state).meta({ id: 'HoldState' });
export const Hold = z
  .object({
    ...state,
    ...details,
    durability: reached,
    replayed: z
      .boolean()
      .meta({ description: 'True if the hold already existed; the response shows its current state.' }),
  })
  .meta({ id: 'Hold' });

export const ChangedHold = z.object({ ...state, durability: reached }).meta({ id: 'ChangedHold' });

export const HoldPreview = z
  .object({
    ...state,
    holdId: Id.optional().meta({ description: 'Only if there is one.' }),
    dryRun: z.literal(true),
    available: Money.optional().meta({
      description: 'The available amount of the account afterwards. Only with the scope `balances:read`.',
    }),
  })
  .meta({ id: 'HoldPreview', description: 'The hold as it would be after the request.' });

const Capture = z
  .object({
    transactionId: TransferId,
    amount: Money,
    destinationAccount: AccountId,
    acceptedAt: Timestamp,
  })
  .meta({ id: 'HoldCapture' });

export const HoldRecord = z
  .object({
    ...state,
    ...details,
    status: z.enum([...STATUSES, 'REFUSED']).meta({ description: '`REFUSED`: the hold was never placed.' }),
    refusal: z
      .enum([...REFUSALS, ...HOLD_REFUSALS])
      .optional()
      .meta({ description: 'Why it is `REFUSED`.' }),
    expiresAt: Timestamp.nullable().meta({
      description: 'Null if the hold was refused and the request had no `expiresAt`.',
    }),
    persisted: z.boolean().meta({ description: 'True once the latest event of the hold is in MySQL.' }),
    stale: z.literal(true).optional().meta({
      description:
        'True only while the ledger moves between its stores or is closed, or while the account waits for a journal.',
    }),
    captures: z.array(Capture).meta({
      description: `The latest ${CAPTURES_MAX} captures, oldest first, read from MySQL: the last one may be missing for a moment.`,
    }),
  })
  .meta({ id: 'HoldRecord' });

export const HoldsQuery = z.strictObject({
  status: z.enum(STATUSES).optional(),
  cursor: z.string().max(128).optional().meta({ description: 'The `nextCursor` of the previous response.' }),
  limit: ListLimit,
});

export const HoldList = z
  .object({
    items: z.array(z.object({ ...state, ...details }).meta({ id: 'ListedHold' })),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'HoldList' });

/** RFC 9110 permits a list of ETags in If-Match; here it must be one, because a hold has one current revision. */
const IF_MATCH = /^(?:W\/)?(?:"(\d{1,10})"|(\d{1,10}))$/;
export const IfMatch = z.object({
  'If-Match': z.string().meta({
    description:
      'Change the hold only at this `revision`; 412 if it has changed. `"3"` or `3`; `*` allows any revision.',
    example: '*',
  }),
});

/** The revision in an If-Match header; null for any. @throws Problem validation_failed */
export function revisionIn(ifMatch: string): number | null {
  if (ifMatch === '*') return null;
  const parts = IF_MATCH.exec(ifMatch);
  if (parts === null) throw invalid([{ pointer: '/If-Match', detail: 'must be one revision such as "3", or *' }]);
  return Number(parts[1] ?? parts[2]);
}

export const etagOf = ({ revision }: Pick<HoldState, 'revision'>): Record<string, string> => ({
  ETag: `"${revision}"`,
});

/** @param key the id from its Idempotency-Key, used if the request has no id @throws Problem validation_failed */
export function holdOrderOf(
  request: z.output<typeof HoldRequest>,
  { user, correlationId }: Origin,
  nowMs: number,
  key: string | null,
): HoldOrder {
  const { account, destinationAccount: destination = null, currency } = request;
  const { expiresAt = null, reference = null, metadata = null } = request;
  const holdId = request.holdId ?? key ?? newUuidV7(nowMs);
  const errors: FieldError[] = [];
  const amount = positiveAt('/amount', request.amount, currency, errors);
  if (destination === account) errors.push({ pointer: '/destinationAccount', detail: 'must differ from the account' });
  if ((uuidV7Time(holdId) ?? 0) > nowMs + ID_AHEAD_MS_MAX) {
    const pointer = holdId === key ? KEY_POINTER : '/holdId';
    errors.push({ pointer, detail: "is a UUIDv7 more than 60 seconds ahead of the ledger's clock" });
  }
  checkExpiry(expiresAt, nowMs, errors);
  if (errors.length > 0) throw invalid(errors);
  return { holdId, account, destination, amount, currency, expiresAt, reference, metadata, user, correlationId };
}

/** The new terms of a hold. @throws Problem validation_failed */
export function termsOf(
  { amount, expiresAt = null }: z.output<typeof HoldChangeRequest>,
  currency: string,
  nowMs: number,
) {
  const errors: FieldError[] = [];
  const minor = amount === null || amount === undefined ? null : positiveAt('/amount', amount, currency, errors);
  if (minor === null && expiresAt === null) errors.push({ pointer: '', detail: 'must have an amount or expiresAt' });
  checkExpiry(expiresAt, nowMs, errors);
  if (errors.length > 0) throw invalid(errors);
  return { amount: minor, expiresAt };
}

export function positiveAt(pointer: string, amount: string, currency: string, errors: FieldError[]): number {
  const before = errors.length;
  const minor = amountAt(pointer, amount, currency, errors);
  if (minor === 0 && errors.length === before) errors.push({ pointer, detail: 'must be more than zero' });
  return minor;
}

/** An expiry in the past is not checked here: the ledger refuses it, by its own clock. */
function checkExpiry(expiresAt: number | null, nowMs: number, errors: FieldError[]): void {
  if (expiresAt !== null && expiresAt > nowMs + EXPIRES_MS_MAX)
    errors.push({ pointer: '/expiresAt', detail: 'is more than a year ahead' });
}

export function stateAnswer(
  { holdId, account, destination, currency }: HoldFacts,
  { status, amount, captured, expiresAt, revision }: HoldState,
): z.input<typeof HoldSummary> {
  return {
    holdId,
    status,
    account,
    destinationAccount: destination,
    amount: formatAmount(amount, currency),
    captured: formatAmount(captured, currency),
    remaining: formatAmount(status === 'OPEN' ? amount - captured : 0, currency),
    currency,
    expiresAt: formatTimestamp(expiresAt),
    revision,
  };
}

const detailsAnswer = ({ reference, metadata }: HoldOrder, acceptedAt: number) => ({
  reference,
  metadata,
  acceptedAt: formatTimestamp(acceptedAt),
});

export const holdAnswer = (
  order: HoldOrder,
  acceptedAt: number,
  hold: HoldState,
  more: { durability: z.output<typeof Durability>; replayed: boolean },
): z.input<typeof Hold> => ({ ...stateAnswer(order, hold), ...detailsAnswer(order, acceptedAt), ...more });

/** The problem for a refused hold. It is the same for a new refusal and for its replay. */
export function placingProblem({ order, refusal, limit }: HoldRefused, identity: Identity): Problem {
  const { holdId, account, destination, currency } = order;
  const detail = holdRefusalDetail(refusal, { what: 'place', holdId, account, destination, currency });
  return new Problem(refusal, detail, { holdId, ...limitFigures(limit, order, identity) });
}

export const listedAnswer = ({ order, hold, acceptedAt }: ListedHold) => ({
  ...stateAnswer(order, hold),
  ...detailsAnswer(order, acceptedAt),
});

export function holdRecord(view: HoldView, captures: readonly HoldCapture[]): z.input<typeof HoldRecord> {
  const { event, persisted, stale } = view;
  const { order, acceptedAt } = event;
  const common = { ...detailsAnswer(order, acceptedAt), persisted, ...(stale && { stale: true as const }) };
  if (view.hold === null) return { ...refusedAnswer(view.event), ...common };
  return {
    ...stateAnswer(order, view.hold),
    ...common,
    captures: captures.map(({ transactionId, amount, destination, acceptedAt: at }) => ({
      transactionId,
      amount: formatAmount(amount, order.currency),
      destinationAccount: destination,
      acceptedAt: formatTimestamp(at),
    })),
  };
}

/** A refused hold as it was requested; nothing is held. */
function refusedAnswer({ order, refusal }: HoldRefused) {
  const { holdId, account, destination, amount, currency, expiresAt } = order;
  const nothing = formatAmount(0, currency);
  return {
    holdId,
    status: 'REFUSED' as const,
    refusal,
    account,
    destinationAccount: destination,
    amount: formatAmount(amount, currency),
    captured: nothing,
    remaining: nothing,
    currency,
    expiresAt: expiresAt === null ? null : formatTimestamp(expiresAt),
    revision: 0,
    captures: [],
  };
}
