import { TransferPending } from '../../domain/crossing.ts';
import type { Identity } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { BatchName, BatchRecords, RecordedItem } from '../../ledger/ports/batch-records.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import { type Route, route } from '../http/route.ts';
import { LIMIT_DEFAULT } from '../schemas/fields.ts';
import { decodeIdCursor, encodeIdCursor } from '../schemas/id-cursor.ts';
import {
  Batch,
  type BatchItemAnswer,
  BatchItemList,
  BatchItemsQuery,
  BatchParams,
  BatchQuery,
  batchAnswer,
  batchItemAnswer,
} from './batch-schema.ts';

interface BatchDependencies {
  batches: BatchRecords;
  ledger: Pick<Ledger, 'outcome'>;
}

/** How many ids are looked up at the same time. */
const LOOKUPS_MAX = 50;
/** The problems that mean that the ledger has no single transfer for an id, rather than that it is unavailable. */
const NO_TRANSFER: ReadonlySet<string> = new Set(['transfer_not_found', 'transaction_id_ambiguous']);

const tag = 'Transfers';

export function batchRoutes(deps: BatchDependencies): Route[] {
  return [readBatch(deps), readItems(deps)];
}

function readBatch({ batches }: BatchDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/batches/{batchId}',
    scopes: ['transfers:write', 'balances:read'],
    tag,
    summary: 'Count the outcomes of the transfers in a batch',
    params: BatchParams,
    query: BatchQuery,
    answers: { 200: { description: 'The batch', schema: Batch } },
    problems: ['batch_not_found', 'database_unavailable'],
    async handle({ params, query, identity }) {
      const name = nameOf(params.batchId, query.postedBy, identity);
      const summary = await batches.summary(name);
      if (!summary) throw noBatch(name);
      return { status: 200, body: batchAnswer(name, summary) };
    },
  });
}

function readItems({ batches, ledger }: BatchDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/batches/{batchId}/transfers',
    scopes: ['transfers:write', 'balances:read'],
    tag,
    summary: 'List the outcome of each transfer in a batch, with the reason',
    description:
      'Also lists items that never became transfers. Sorted by id. Send the same `status` along with a cursor.',
    params: BatchParams,
    query: BatchItemsQuery,
    answers: { 200: { description: 'A page of items', schema: BatchItemList } },
    problems: ['batch_not_found', 'account_unsettled', 'ledger_switching', 'ledger_closed', 'database_unavailable'],
    async handle({ params, query, identity }) {
      const name = nameOf(params.batchId, query.postedBy, identity);
      const { limit = LIMIT_DEFAULT } = query;
      const afterTransactionId = query.cursor === undefined ? '' : decodeIdCursor(query.cursor);
      // One more item than requested is read, to determine whether there is a next page.
      const found = await batches.items(name, { state: query.status ?? null, afterTransactionId, limit: limit + 1 });
      if (found.length === 0 && !(await batches.summary(name))) throw noBatch(name);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const nextCursor = found.length > limit && last ? encodeIdCursor(last.transactionId) : null;
      return { status: 200, body: { items: await withTransfers(ledger, items), nextCursor } };
    },
  });
}

/**
 * A batch names accounts of the user who posted it, so only callers who may read all accounts can read the batches of
 * others.
 */
function nameOf(batchId: string, postedBy: string | undefined, identity: Identity): BatchName {
  const own = postedBy === undefined || postedBy === identity.user;
  if (!own && !identity.scopes.has('balances:read'))
    throw new Problem('forbidden', 'To read the batches of other users, you need the scope balances:read.');
  return { postedBy: postedBy ?? identity.user, batchId };
}

function noBatch({ batchId, postedBy }: BatchName): Problem {
  return new Problem('batch_not_found', `${postedBy} has no record of a batch ${batchId}.`);
}

async function withTransfers(
  ledger: Pick<Ledger, 'outcome'>,
  items: readonly RecordedItem[],
): Promise<BatchItemAnswer[]> {
  const answers: BatchItemAnswer[] = [];
  for (let first = 0; first < items.length; first += LOOKUPS_MAX) {
    const some = items.slice(first, first + LOOKUPS_MAX);
    answers.push(
      ...(await Promise.all(some.map(async (item) => batchItemAnswer(item, await transferOf(ledger, item))))),
    );
  }
  return answers;
}

/** The transfer that the ledger has under the id of an item without an outcome, if there is one. */
async function transferOf(
  ledger: Pick<Ledger, 'outcome'>,
  { state, transactionId, sourceAccount }: RecordedItem,
): Promise<BatchItemAnswer['transfer']> {
  if (state === 'POSTED' || state === 'REJECTED') return undefined;
  try {
    return (await ledger.outcome(transactionId, { account: sourceAccount, held: false })).status;
  } catch (error) {
    if (error instanceof TransferPending) return 'PENDING';
    if (error instanceof Problem && NO_TRANSFER.has(error.code)) return undefined;
    throw error;
  }
}
