import { TransferPending } from '../../domain/crossing.ts';
import { type Identity, requireAccounts } from '../../domain/identity.ts';
import { ID_LENGTH_MAX } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Durability, Outcome, TransferOrder } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { BatchRecords } from '../../ledger/ports/batch-records.ts';
import type { Books, Ledger } from '../../ledger/ports/ledger.ts';
import { type Answer, type Call, idempotencyKeyOf, type Route, route, validate } from '../http/route.ts';
import { IdempotencyKeyHeader, refused } from '../http/validation.ts';
import { attempt, attemptEach, batchItem, workOnValid } from '../schemas/items.ts';
import { recordAnswers } from './batch-record.ts';
import { identifiedItems, TransferBatch, TransferBatchAnswer } from './batch-schema.ts';
import { dryTransfer } from './dry-run.ts';
import { reverse } from './reversal.ts';
import { pendingRecord, TransferRecord, transferRecord } from './transfer-record.ts';
import {
  accountsOf,
  LEDGER_PROBLEMS,
  orderOf,
  originOf,
  outcomeAnswer,
  ReversalRequest,
  SourceQuery,
  singleOutcome,
  TransactionId,
  Transfer,
  TransferIdParams,
  TransferPreview,
  TransferRequest,
} from './transfer-schema.ts';
import { visibleOutcome, visibleRecord } from './visibility.ts';

interface TransferDependencies {
  ledger: Ledger;
  books: Pick<Books, 'businessWindows'>;
  batches: BatchRecords;
  clock: Clock;
  /** This pod's estimate of the ledger's time, ms since 1970. */
  ledgerNow: () => number;
}

const tag = 'Transfers';

const POSTED_ANSWERS = {
  201: { description: 'Posted', schema: Transfer },
  200: { description: 'A transfer with the same id and content was already posted', schema: Transfer },
};

const DEMO_TRANSFER = { sourceAccount: 'demo-alice', destinationAccount: 'demo-bob', amount: '1.00', currency: 'EUR' };
/** The example has no ids or timestamps, so that each request sent from /docs is a new transfer. */
const TRANSFER_EXAMPLE = { ...DEMO_TRANSFER, reference: 'Invoice 2026-0042', metadata: { invoice: '2026-0042' } };
const BATCH_EXAMPLE = { transfers: [DEMO_TRANSFER, { ...DEMO_TRANSFER, amount: '2.00' }] };

export function transferRoutes(deps: TransferDependencies): Route[] {
  return [transfer(deps), transferBatch(deps), readTransfer(deps), reverseTransfer(deps)];
}

function transfer({ ledger, books, ledgerNow }: TransferDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/transfers',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Transfer money between two accounts',
    headers: IdempotencyKeyHeader(
      'The `transactionId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes.',
    ),
    takesIdempotencyKey: true,
    body: { schema: TransferRequest, example: TRANSFER_EXAMPLE },
    answers: {
      201: POSTED_ANSWERS[201],
      200: {
        description: `${POSTED_ANSWERS[200].description}; or, for a dry run, what would happen`,
        schema: Transfer.or(TransferPreview).meta({ id: 'TransferOrPreview' }),
      },
    },
    problems: ['transaction_id_reused', ...LEDGER_PROBLEMS],
    async handle(call) {
      const durability = call.body.durability ?? 'cache';
      const key = idempotencyKeyOf(call, TransactionId);
      if (key !== null && (call.body.transactionId ?? key) !== key) {
        throw refused('must equal the transactionId of the body, or one of the two must be omitted');
      }
      const order = orderOf(call.body, originOf(call), ledgerNow(), key);
      requireAccounts(call.identity, accountsOf(order));
      if (call.body.dryRun) return dryTransfer({ ledger, books }, order, call.body.transactionId ?? key, call.identity);
      const result = singleOutcome(await ledger.apply([order], durability), order.transactionId);
      return answerOf(result, durability, call);
    },
  });
}

function transferBatch({ ledger, batches, clock, ledgerNow }: TransferDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/transfers/batch',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Make up to 1000 independent transfers, with one outcome per transfer',
    headers: IdempotencyKeyHeader(
      'Items without a `transactionId` get `<key>.<index>`, counting from 0. An id, bare or in double quotes. Refused if the body has a `batchId`.',
    ),
    takesIdempotencyKey: true,
    body: {
      schema: TransferBatch.envelope,
      documented: TransferBatch.documented,
      isList: true,
      example: BATCH_EXAMPLE,
    },
    answers: { 200: { description: 'One outcome per transfer, in request order', schema: TransferBatchAnswer } },
    problems: [],
    async handle(call) {
      const now = ledgerNow();
      const { batchId } = call.body;
      const key = batchKeyOf(call, call.body.transfers.length);
      if (key !== null && batchId)
        throw refused('cannot be combined with a batchId, which requires an id for every item');
      const identified = batchId ? identifiedItems(call.body) : [];
      const origin = originOf(call);
      const check = (item: unknown, i: number): Request => {
        const request = validate(TransferBatch.item, item);
        const itemKey = key === null ? null : `${key}.${i}`;
        const order = orderOf(request, origin, now, itemKey);
        requireAccounts(call.identity, accountsOf(order));
        return { order, durability: request.durability ?? 'cache' };
      };
      const requests = await attemptEach(call.body.transfers, check, clock);
      const answers = await workOnValid(requests, (valid) => answerEach(ledger, valid, call.identity));
      const results = answers.map((answer) => batchItem(answer, call));
      if (!batchId) return { status: 200, body: { results } };
      const batch = { postedBy: call.identity.user, batchId };
      return { status: 200, body: { results, batch: await recordAnswers(batches, batch, identified, answers) } };
    },
  });
}

/** The key of a batch; an item's id is the key and the item's index. @throws Problem validation_failed if the ids would be too long */
function batchKeyOf(call: Pick<Call, 'header'>, items: number): string | null {
  const key = idempotencyKeyOf(call, TransactionId);
  const lengthMax = ID_LENGTH_MAX - `.${items - 1}`.length;
  if (key !== null && key.length > lengthMax) {
    throw refused(
      `must have at most ${lengthMax} characters for a batch of ${items} transfers, because it is part of their ids`,
    );
  }
  return key;
}

function readTransfer({ ledger }: TransferDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/transfers/{transactionId}',
    scopes: ['transfers:write', 'balances:read'],
    accounts: 'handler',
    tag,
    summary: 'Read a transfer, posted or refused',
    params: TransferIdParams,
    query: SourceQuery,
    answers: { 200: { description: 'The transfer', schema: TransferRecord } },
    problems: [
      'transfer_not_found',
      'transaction_id_ambiguous',
      'account_unsettled',
      'ledger_switching',
      'ledger_closed',
      'database_unavailable',
    ],
    async handle(call) {
      try {
        const outcome = await visibleOutcome(ledger, call);
        return { status: 200, body: visibleRecord(transferRecord(outcome, call.identity), call.identity) };
      } catch (error) {
        if (!(error instanceof TransferPending)) throw error;
        return { status: 200, body: pendingRecord(error) };
      }
    },
  });
}

function reverseTransfer({ ledger }: TransferDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/transfers/{transactionId}/reversal',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Reverse a transfer once',
    description:
      'A reversal that was refused, for example because of insufficient funds, may be requested again. A posted reversal is returned again and never posted twice.',
    params: TransferIdParams,
    query: SourceQuery,
    body: { schema: ReversalRequest, example: { durability: 'persisted' }, optional: true },
    answers: POSTED_ANSWERS,
    problems: [
      'transfer_not_found',
      'transaction_id_ambiguous',
      'transfer_not_reversible',
      'transfer_pending',
      ...LEDGER_PROBLEMS,
    ],
    async handle(call) {
      const durability = call.body.durability ?? 'cache';
      const original = await visibleOutcome(ledger, call);
      requireAccounts(call.identity, accountsOf(original.order));
      const outcome = await reverse(ledger, original, durability, originOf(call));
      return answerOf(outcome, durability, call);
    },
  });
}

/** A valid item of a batch. */
interface Request {
  order: TransferOrder;
  durability: Durability;
}

/** Applies each order with its requested durability, and returns the results in request order. */
async function answerEach(ledger: Ledger, requests: readonly Request[], identity: Identity) {
  const [cache, persisted] = await Promise.all([
    applyAll(ledger, requests, 'cache'),
    applyAll(ledger, requests, 'persisted'),
  ]);
  const next = { cache: cache.values(), persisted: persisted.values() };
  return requests.map(({ order, durability }) => {
    const result = attempt(() => singleOutcome([next[durability].next().value], order.transactionId));
    return result instanceof Problem ? result : outcomeAnswer(result, durability, identity);
  });
}

/** The outcomes of the requests with this durability. */
async function applyAll(ledger: Ledger, requests: readonly Request[], durability: Durability) {
  const orders = requests.filter((request) => request.durability === durability).map(({ order }) => order);
  return orders.length === 0 ? [] : ledger.apply(orders, durability);
}

/** @throws Problem for a refusal */
function answerOf(outcome: Outcome, durability: Durability, call: Call): Answer {
  const answer = outcomeAnswer(outcome, durability, call.identity);
  if (answer instanceof Problem) throw answer;
  return answer;
}
