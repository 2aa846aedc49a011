import { type Identity, mayUse, requireAccounts } from '../../domain/identity.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { holdNotFound } from '../../domain/not-found.ts';
import { HOLD_REFUSALS, Problem, type ProblemCode, REFUSALS } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { HoldBooks, HoldFacts, HoldResult, Holds } from '../../ledger/ports/holds.ts';
import type { Books, Ledger } from '../../ledger/ports/ledger.ts';
import { type Answer, type Call, idempotencyKeyOf, type Route, route } from '../http/route.ts';
import { IdempotencyKeyHeader, KEY_POINTER, refused } from '../http/validation.ts';
import { limitFigures } from '../transfers/transfer-refusal.ts';
import { originOf, singleOutcome, TransactionId, WAITING_PROBLEMS } from '../transfers/transfer-schema.ts';
import { askedOf, captureOnce, captureOrderOf, requestOf } from './capture.ts';
import { Capture, CapturePreview, CaptureRequest, captureAnswer } from './capture-schema.ts';
import { dryCapture, dryChange, dryPlacing, dryVoid } from './dry-hold.ts';
import {
  ChangedHold,
  etagOf,
  Hold,
  HoldChangeRequest,
  HoldId,
  HoldPreview,
  HoldQuery,
  HoldRequest,
  HoldVoidRequest,
  holdAnswer,
  holdOrderOf,
  holdParams,
  IfMatch,
  placingProblem,
  requireHoldOf,
  revisionIn,
  stateAnswer,
  termsOf,
} from './hold-schema.ts';

export interface HoldDependencies {
  holds: Holds;
  holdBooks: HoldBooks;
  ledger: Ledger;
  books: Pick<Books, 'accountDetails' | 'businessWindows'>;
  clock: Clock;
  /** This pod's estimate of the ledger's time, ms since 1970. */
  ledgerNow: () => number;
}

const ChangedHoldOrPreview = ChangedHold.or(HoldPreview).meta({ id: 'ChangedHoldOrPreview' });

export const tag = 'Holds';
export const ETAG = { ETag: 'The `revision`, for `If-Match`.' };
export const FINDING: readonly ProblemCode[] = ['hold_not_found', 'hold_id_ambiguous', 'feature_not_active'];
const DRY = 'or, for a dry run, what would happen';
/** Holds of the demo accounts: one to read and change, one to capture, and one to void. */
export const DEMO_HOLDS = {
  read: '019b7650-2c00-7000-8000-000000000004',
  capture: '019b7650-2c00-7000-8000-000000000005',
  void: '019b7650-2c00-7000-8000-000000000006',
};
/** How many times a change with `If-Match: *` is tried if other changes keep preempting it. */
const ANY_REVISION_TRIES = 5;

export function holdRoutes(deps: HoldDependencies): Route[] {
  return [placeHold(deps), captureHold(deps), voidHold(deps), changeHold(deps)];
}

function placeHold(deps: HoldDependencies): Route {
  const { holds, ledgerNow } = deps;
  return route({
    method: 'POST',
    path: '/v1/holds',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: "Reserve a part of an account's balance for a later transfer",
    description:
      'The balance is unchanged; `available` decreases. The hold ends when it is captured or voided, or when it expires. A refusal is the final outcome of its id.',
    headers: IdempotencyKeyHeader(
      'The `holdId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes.',
    ),
    takesIdempotencyKey: true,
    body: {
      schema: HoldRequest,
      example: {
        account: 'demo-alice',
        destinationAccount: 'demo-bob',
        amount: '1.00',
        currency: 'EUR',
        reference: 'Order 2026-0042',
      },
    },
    answers: {
      201: { description: 'Placed', schema: Hold, headers: ETAG },
      200: {
        description: `A hold with the same id and content was already placed; ${DRY}`,
        schema: Hold.or(HoldPreview).meta({ id: 'HoldOrPreview' }),
        headers: ETAG,
      },
    },
    problems: [
      'account_not_found',
      'hold_id_reused',
      ...REFUSALS,
      'hold_not_allowed',
      'hold_spans_shards',
      'hold_expired',
      'feature_not_active',
      ...WAITING_PROBLEMS,
    ],
    async handle(call) {
      const { body, identity } = call;
      const durability = body.durability ?? 'cache';
      const key = idempotencyKeyOf(call, HoldId);
      if (key !== null && (body.holdId ?? key) !== key)
        throw refused('must equal the holdId of the body, or one of the two must be omitted');
      const order = holdOrderOf(body, originOf(call), ledgerNow(), key);
      requireAccounts(identity, [order.account, ...(order.destination === null ? [] : [order.destination])]);
      if (body.dryRun) return dryPlacing(deps, order, body.holdId ?? key, identity);
      const placing = await withHold(order.holdId, () => holds.place(order, durability));
      if (placing.hold === null) throw placingProblem(placing.event, identity);
      const { event, hold, replayed, persisted } = placing;
      const reached = persisted ? 'persisted' : 'cache';
      return {
        status: replayed ? 200 : 201,
        body: holdAnswer(event.order, event.acceptedAt, hold, { durability: reached, replayed }),
        headers: etagOf(hold),
      };
    },
  });
}

function captureHold(deps: HoldDependencies): Route {
  const { holds, ledger, ledgerNow } = deps;
  return route({
    method: 'POST',
    path: '/v1/holds/{holdId}/capture',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Transfer what a hold reserves, or a part of it',
    description:
      'The capture is a transfer, with an id of its own. It is never refused for a lack of funds. Unless `final` is false, it ends the hold and releases the rest. A capture that is not final needs a `transactionId` or an `Idempotency-Key`.',
    params: holdParams(DEMO_HOLDS.capture),
    query: HoldQuery,
    headers: IdempotencyKeyHeader(
      'The `transactionId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes.',
    ),
    takesIdempotencyKey: true,
    body: { schema: CaptureRequest, example: { amount: '15.00' }, optional: true },
    answers: {
      201: { description: 'Captured', schema: Capture },
      200: {
        description: `The same capture was already made; ${DRY}`,
        schema: Capture.or(CapturePreview).meta({ id: 'CaptureOrPreview' }),
      },
    },
    problems: [
      'account_not_found',
      'transaction_id_reused',
      'currency_mismatch',
      'account_closed',
      'account_frozen',
      'limit_exceeded',
      'balance_out_of_range',
      ...HOLD_REFUSALS.filter((refusal) => refusal !== 'hold_not_allowed'),
      'hold_spans_shards',
      ...FINDING,
      ...WAITING_PROBLEMS,
    ],
    async handle(call) {
      const { body, identity } = call;
      const durability = body.durability ?? 'cache';
      const key = idempotencyKeyOf(call, TransactionId);
      if (key !== null && (body.transactionId ?? key) !== key)
        throw refused('must equal the transactionId of the body, or one of the two must be omitted');
      const id = body.transactionId ?? key;
      const facts = await factsOf(holds, call);
      const pointer = body.transactionId ? '/transactionId' : KEY_POINTER;
      const asked = askedOf(body, facts, { value: id, pointer }, ledgerNow());
      const orderUnder = (transactionId: string) => captureOrderOf(facts, { transactionId, ...asked }, originOf(call));
      const order = orderUnder(id ?? (body.dryRun ? newUuidV7(ledgerNow()) : ''));
      requireAccounts(identity, [order.destination]);
      if (body.dryRun) return dryCapture(deps, { order, facts, id }, identity);
      const outcome =
        id === null
          ? await captureOnce({ holds, ledger }, orderUnder, durability)
          : singleOutcome([await holds.capture(order, durability)], id);
      return captureAnswer(outcome, facts, durability, identity);
    },
  });
}

function voidHold(deps: HoldDependencies): Route {
  const { holds, ledgerNow } = deps;
  return route({
    method: 'POST',
    path: '/v1/holds/{holdId}/void',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Release all that is left of a hold',
    description: 'Voiding a hold that is already voided changes nothing, and the answer is the same.',
    params: holdParams(DEMO_HOLDS.void),
    query: HoldQuery,
    body: { schema: HoldVoidRequest, example: { durability: 'persisted' }, optional: true },
    answers: {
      200: { description: `The hold afterwards; ${DRY}`, schema: ChangedHoldOrPreview, headers: ETAG },
    },
    problems: ['hold_not_open', ...FINDING, ...WAITING_PROBLEMS],
    async handle(call) {
      const { body, identity } = call;
      const facts = await factsOf(holds, call);
      const request = requestOf(facts, originOf(call), ledgerNow());
      if (body.dryRun) return dryVoid(deps, request, identity);
      return changedAnswer(facts, await holds.void(request, body.durability ?? 'cache'));
    },
  });
}

function changeHold(deps: HoldDependencies): Route {
  const { holds, ledgerNow } = deps;
  return route({
    method: 'PATCH',
    path: '/v1/holds/{holdId}',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Change the amount or the end of an open hold',
    description: 'A refused change is not stored: the hold stays as it is.',
    params: holdParams(DEMO_HOLDS.read),
    query: HoldQuery,
    headers: IfMatch,
    body: { schema: HoldChangeRequest, example: { amount: '20.00' } },
    answers: {
      200: { description: `The hold after the change; ${DRY}`, schema: ChangedHoldOrPreview, headers: ETAG },
    },
    problems: [
      'precondition_required',
      'hold_changed',
      'hold_not_open',
      'hold_expired',
      'hold_exceeded',
      'account_frozen',
      'account_suspended',
      'insufficient_funds',
      'limit_exceeded',
      'balance_out_of_range',
      ...FINDING,
      ...WAITING_PROBLEMS,
    ],
    async handle(call) {
      const { body, identity } = call;
      const ifMatch = call.header('if-match');
      if (ifMatch === undefined)
        throw new Problem('precondition_required', 'Send If-Match with the revision of the hold, or with *.');
      const known = revisionIn(ifMatch);
      const facts = await factsOf(holds, call);
      const terms = termsOf(body, facts.currency, ledgerNow());
      const request = () => requestOf(facts, originOf(call), ledgerNow());
      const change = (expectedRevision: number): Promise<Answer> =>
        body.dryRun
          ? dryChange(deps, { ...terms, expectedRevision }, request(), identity)
          : holds
              .change({ ...terms, expectedRevision }, request(), body.durability ?? 'cache')
              .then((result) => changedAnswer(facts, result));
      try {
        return await (known === null ? atAnyRevision(holds, facts, change) : change(known));
      } catch (error) {
        throw withFigures(error, facts, identity);
      }
    },
  });
}

/** For a hold of an account that the caller may not use, the response is as if the hold did not exist. */
export function requireVisibleHold(
  identity: Identity,
  { holdId, account }: Pick<HoldFacts, 'holdId' | 'account'>,
): void {
  if (!mayUse(identity, account)) throw holdNotFound(holdId);
}

/** @throws Problem hold_not_found, also if the hold belongs to an account other than the one in the query */
async function factsOf(
  holds: Holds,
  { params, query, identity }: Call<{ holdId: string }, { account?: string | undefined }>,
): Promise<HoldFacts> {
  const facts = await holds.factsOf(params.holdId, query);
  requireVisibleHold(identity, facts);
  requireHoldOf(query.account, facts);
  return facts;
}

/** Adds the limit that refused a change, for callers who may read the balance. */
function withFigures(error: unknown, facts: HoldFacts, identity: Identity): unknown {
  if (!(error instanceof Problem) || !error.extras.refusedBy) return error;
  const extras = { ...error.extras, ...limitFigures(error.extras.refusedBy, facts, identity) };
  return new Problem(error.code, error.message, extras, { cause: error });
}

async function atAnyRevision<A>(
  holds: Holds,
  { holdId, account }: HoldFacts,
  change: (revision: number) => Promise<A>,
): Promise<A> {
  for (let tries = 1; ; tries++) {
    const { hold } = await holds.hold(holdId, { account });
    try {
      return await change(hold?.revision ?? 0);
    } catch (error) {
      const isLate = error instanceof Problem && error.code === 'hold_changed' && tries < ANY_REVISION_TRIES;
      if (!isLate) throw error;
    }
  }
}

function changedAnswer(facts: HoldFacts, { hold, persisted }: HoldResult): Answer {
  const durability = persisted ? 'persisted' : 'cache';
  return { status: 200, body: { ...stateAnswer(facts, hold), durability }, headers: etagOf(hold) };
}

/** Adds the hold's id: otherwise, if the id was generated here, the client could not look the hold up. */
async function withHold<T>(holdId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem) || error.extras.holdId !== undefined) throw error;
    throw new Problem(error.code, error.message, { ...error.extras, holdId }, { cause: error });
  }
}
