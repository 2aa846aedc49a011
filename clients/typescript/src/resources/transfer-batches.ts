import { type Call, type Caller, callWith, isDoubtful, type OutcomeOptions, objectWith } from '../calls.ts';
import { type AttemptLimits, type Exchange, settle } from '../retry/settle.ts';
import { itemVerdict, type Verdict, verdictOf } from '../retry/verdict.ts';
import type { Transfer, TransferRequest } from '../types.ts';
import { chunksOf, inOrder } from './chunks.ts';
import { type Found, type ItemOutcome, itemOutcome } from './outcomes.ts';
import { type Identified, lookUpTransfer, type Pending, type Posted } from './transfer-look-up.ts';

export interface BatchOptions extends OutcomeOptions {
  /**
   * How many batches are sent at the same time; 1 by default. With more, transfers of different batches are made in no
   * particular order.
   */
  readonly concurrency?: number;
  /** Names the batch: the service records the outcome of each item, for `batches.items`. */
  readonly batchId?: string;
}

export type TransferItem = ItemOutcome<Posted | Pending, Identified<TransferRequest>> & {
  /** The place in the list, from 0. */
  readonly index: number;
  /**
   * With a `batchId`: whether the service has recorded the outcome. If not, the outcome is still valid; to record it,
   * send the item again with the same ids.
   */
  readonly recorded?: boolean;
};

/** The limits of the service for one batch. Less than `BODY_BYTES_MAX`, to leave room for the JSON around the items. */
const ITEMS_MAX = 1000;
const BYTES_MAX = 2 * 1024 * 1024 - 1024;
const CONCURRENCY_MAX = 16;
const PAYLOAD_TOO_LARGE_STATUS = 413;

interface Item {
  readonly request: Identified<TransferRequest>;
  /** Serialized once: every attempt sends the same bytes. */
  readonly json: string;
  readonly isInDoubt: boolean;
}

export async function* transferBatches(
  caller: Caller,
  requests: Iterable<TransferRequest> | AsyncIterable<TransferRequest>,
  options: BatchOptions,
): AsyncGenerator<TransferItem, void, undefined> {
  const { concurrency = 1 } = options;
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= CONCURRENCY_MAX))
    throw new RangeError(`concurrency must be from 1 to ${CONCURRENCY_MAX}, not ${concurrency}`);
  callWith(caller, options);
  const itemOf = (request: TransferRequest): Item => {
    const identified = Object.freeze({ ...request, transactionId: request.transactionId ?? caller.ids.next() });
    return { request: identified, json: JSON.stringify(identified), isInDoubt: isDoubtful(caller, request, options) };
  };
  const chunks = chunksOf(requests, itemOf, ({ json }) => json, { items: ITEMS_MAX, bytes: BYTES_MAX });
  let index = 0;
  for await (const outcomes of inOrder(chunks, (items) => settleBatch(caller, items, options), concurrency))
    for (const outcome of outcomes) yield { ...outcome, index: index++ };
}

async function settleBatch(caller: Caller, items: readonly Item[], options: BatchOptions) {
  const call = callWith(caller, options);
  const { batchId } = options;
  const recorded = new Set<Item>();
  const sending: Sending = { caller, call, batchId, recorded };
  const settled = await settle(items, exchangeOf(sending), call, caller.clock);
  return items.map((item, i) => {
    const one = settled[i];
    if (!one) throw new Error(`${items.length} items, but ${settled.length} outcomes`);
    const outcome = itemOutcome<Posted | Pending, Identified<TransferRequest>>(caller, item.request, one);
    return batchId === undefined ? outcome : { ...outcome, recorded: recorded.has(item) };
  });
}

interface Sending {
  readonly caller: Caller;
  readonly call: Call;
  readonly batchId: string | undefined;
  /** Items whose latest answer the service has recorded. */
  readonly recorded: Set<Item>;
}

function exchangeOf(sending: Sending): Exchange<Item, Found<Posted | Pending>> {
  const { caller, call } = sending;
  return {
    send: (items, limits) => sendBatch(sending, items, limits),
    isInDoubt: ({ isInDoubt }) => isInDoubt,
    lookUp: (item, limits) => {
      sending.recorded.delete(item);
      const { request } = item;
      const { transactionId, sourceAccount, destinationAccount, amount, currency } = request;
      const expected = { sourceAccount, destinationAccount, amount, currency };
      return lookUpTransfer(caller, call, transactionId, expected, limits);
    },
  };
}

/** @param limits apply to all parts together if the batch is divided */
async function sendBatch(
  sending: Sending,
  items: readonly Item[],
  limits: AttemptLimits,
): Promise<Verdict<Found<Posted | Pending>>[]> {
  const { caller, call, batchId } = sending;
  const { correlationId } = call;
  const name = batchId === undefined ? '' : `"batchId":${JSON.stringify(batchId)},`;
  const body = `{${name}"transfers":[${items.map(({ json }) => json).join(',')}]}`;
  const request = { method: 'POST', path: '/v1/transfers/batch', body, correlationId } as const;
  const { clock, transport } = caller;
  const untilMs = clock.monotonic() + limits.timeoutMs;
  const attempt = await transport.send(request, limits);
  if (attempt.kind === 'answered' && attempt.status === PAYLOAD_TOO_LARGE_STATUS && items.length > 1) {
    // The operator has set a lower limit. None of the batch was processed.
    const middle = Math.ceil(items.length / 2);
    const left = (): AttemptLimits => ({ ...limits, timeoutMs: untilMs - clock.monotonic() });
    const first = await sendBatch(sending, items.slice(0, middle), left());
    return [...first, ...(await sendBatch(sending, items.slice(middle), left()))];
  }
  const results = attempt.kind === 'answered' && attempt.status === 200 ? resultsIn(attempt.body, items.length) : null;
  const retryAfterMs = attempt.kind === 'answered' ? attempt.retryAfterMs : null;
  const isRecording = attempt.kind === 'answered' && results !== null && isRecorded(attempt.body);
  for (const item of items) isRecording ? sending.recorded.add(item) : sending.recorded.delete(item);
  if (results === null) return items.map(() => verdictOf<Found<Posted | Pending>>(attempt, correlationId, () => null));
  return items.map(({ request: { transactionId, sourceAccount } }, i) =>
    itemVerdict(results[i], retryAfterMs, correlationId, (result) =>
      postedResult(result, { transactionId, sourceAccount }),
    ),
  );
}

function isRecorded(body: unknown): boolean {
  const { batch } = objectWith<{ batch?: { recorded?: unknown } }>(body, {}) ?? {};
  return batch?.recorded === true;
}

function resultsIn(body: unknown, items: number): readonly unknown[] | null {
  const answer = objectWith<{ results: unknown }>(body, {});
  return Array.isArray(answer?.results) && answer.results.length === items ? answer.results : null;
}

/** In a batch, `status` contains the HTTP status instead of the status of the transfer. */
function postedResult(result: unknown, members: Partial<Transfer>): Posted | null {
  const transfer = objectWith<Transfer>(result, members);
  return transfer && { outcome: 'posted', transfer: { ...transfer, status: 'POSTED' } };
}
