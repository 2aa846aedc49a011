import { legIdOf, payoutIdOf, returnsAccount } from '../domain/crossing.ts';
import { formatAmount } from '../domain/money.ts';
import { Problem } from '../domain/problem.ts';
import type { Origin, Outcome, Posted, TransferOrder } from '../domain/types.ts';
import { type Ledger, windowsIn } from '../ledger/ports/ledger.ts';
import type { PayoutOrder, ReturnedMoney } from '../ledger/ports/returned-money.ts';
import type { Shard, ShardMap } from './shard.ts';

/** A refused attempt uses up an id, but an attempt is made only if a dry run has just allowed it. */
const ROUNDS_MAX = 100;

/**
 * Pays out what transfers between shards have left on the accounts of returns. A payout is an ordinary transfer inside the
 * shard, of the whole amount that was returned, and with an id that is derived from that of the returned transfer. So every
 * caller that pays the same money sends the same id, which the ledger posts once, and all payouts together never exceed what
 * was returned.
 *
 * The attempt is part of the id, because a refusal is permanent. Attempt n + 1 is made only when MySQL has the refusal
 * of n: otherwise, a loss of that refusal would free the id of n, and a repetition of n could pay, too.
 */
export function payOutIn(shards: ShardMap<Pick<Shard, 'ledger' | 'books'>>): ReturnedMoney['payOut'] {
  return async (payout, origin) => {
    const { shard, transactionId, destination } = payout;
    if (shard >= shards.all.length) throw invalid('/shard', `must be a number from 0 to ${shards.all.length - 1}`);
    if (shards.numberOf(destination) !== shard) throw invalid('/destinationAccount', `must be in shard ${shard}`);
    const { ledger, books } = shards.at(shard);
    try {
      const returned = await returnedBy(ledger, payout);
      for (let attempt = 0, rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        const order = orderOf(payout, payoutIdOf(transactionId, attempt), returned, origin);
        const earlier = await outcomeOf(ledger, order.transactionId);
        if (earlier?.status === 'POSTED') return await repeated(ledger, earlier, payout);
        if (earlier) {
          requireInMysql(earlier, `the refusal of payout ${order.transactionId}`);
          attempt += 1;
          continue;
        }
        const seen = await ledger.preview([order], 'transfers', windowsIn(books));
        if (!('sides' in seen)) return { ...seen, status: 'REJECTED', order };
        const [answer] = await ledger.apply([order], 'persisted');
        if (!answer) throw new Problem('internal_error', 'a payout got no answer');
        if (!(answer instanceof Problem)) return answer;
        // Another request has used the id in the meantime, perhaps for a payout to another account: the next round
        // finds its outcome.
        if (answer.code !== 'transaction_id_reused') throw answer;
      }
    } catch (error) {
      throw error instanceof Problem ? namedAs(transactionId, error) : error;
    }
    throw new Problem('internal_error', `payouts of ${transactionId} were refused ${ROUNDS_MAX} times`);
  };
}

/**
 * The leg that brought the money. MySQL must have this leg: otherwise, it can still be lost, and the payout would
 * exceed what was returned.
 */
async function returnedBy(ledger: Ledger, { shard, transactionId, amount, currency }: PayoutOrder): Promise<Posted> {
  const leg = await outcomeOf(ledger, legIdOf(transactionId, 'returns', shard));
  if (leg?.status !== 'POSTED')
    throw new Problem('transfer_not_found', `shard ${shard} has no returned money of transfer ${transactionId}`);
  requireInMysql(leg, `the return of ${transactionId}`);
  const { order } = leg;
  if (order.currency !== currency)
    throw invalid('/currency', `must be ${order.currency}, the currency of the transfer`);
  if (order.amount !== amount)
    throw invalid('/amount', `must be ${formatAmount(order.amount, currency)}, the whole amount that was returned`);
  return leg;
}

function orderOf(
  { destination, reason }: PayoutOrder,
  id: string,
  { order: { leg, amount, currency, transactionId } }: Posted,
  { user, correlationId }: Origin,
): TransferOrder {
  const returnedFrom = leg?.source;
  if (returnedFrom === undefined) throw new TypeError(`${transactionId} is not a leg`);
  return {
    kind: 'transfer',
    transactionId: id,
    source: returnsAccount(currency),
    destination,
    amount,
    currency,
    timestamp: null,
    reference: null,
    metadata: { reason, returnedFrom },
    reverses: null,
    user,
    correlationId,
  };
}

/** The outcome of a payout that was made earlier, once MySQL has the payout. */
async function repeated(ledger: Ledger, earlier: Posted, { transactionId, destination }: PayoutOrder): Promise<Posted> {
  const to = earlier.order.destination;
  if (to !== destination)
    throw new Problem('already_paid_out', `The money of transfer ${transactionId} was paid out to ${to}.`);
  if (earlier.persisted) return { ...earlier, replayed: true };
  const [answer] = await ledger.apply([earlier.order], 'persisted');
  if (answer instanceof Problem) throw answer;
  if (answer?.status !== 'POSTED') throw new Problem('internal_error', 'a payout that was posted got another answer');
  return answer;
}

async function outcomeOf(ledger: Ledger, id: string): Promise<Outcome | null> {
  try {
    return await ledger.outcome(id);
  } catch (error) {
    if (error instanceof Problem && error.code === 'transfer_not_found') return null;
    throw error;
  }
}

function requireInMysql({ persisted }: Outcome, what: string): void {
  if (!persisted) throw new Problem('transfer_pending', `MySQL does not have ${what} yet`);
}

const invalid = (pointer: string, detail: string): Problem =>
  new Problem('validation_failed', `${pointer} ${detail}.`, { errors: [{ pointer, detail }] });

/** Clients identify a payout by the transfer that was returned. */
const namedAs = (transactionId: string, error: Problem): Problem =>
  new Problem(error.code, error.message, { ...error.extras, transactionId }, { cause: error });
