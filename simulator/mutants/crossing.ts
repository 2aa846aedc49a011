import { legIdOf, transactionIdOf } from '../../app/domain/crossing.ts';
import type { LegName } from '../../app/domain/leg-types.ts';
import { Problem } from '../../app/domain/problem.ts';
import type { Outcome, TransferOrder } from '../../app/domain/types.ts';
import type { FlushBatch } from '../../app/journal/flush-batch.ts';
import type { Clock } from '../../app/kernel/clock.ts';
import { JournalTables } from '../mysql/journal-tables.ts';
import type { CrossingRow } from '../mysql/tables.ts';
import type { Seeing } from '../shards/sharded-pod.ts';
import { SHARDED_PROTOCOL, type ShardedAssembly } from '../shards/sharded-world.ts';
import { keepers, replaced } from './mutant.ts';

/** The protocol of several shards with one rule broken from outside: the layer runs its real code, but sees wrong data. */
export interface ShardedMutant {
  name: string;
  /** The rule, in the terms of decision 045. */
  rule: string;
  assembly: ShardedAssembly;
}

const seeing = (change: Seeing): ShardedAssembly => ({ ...SHARDED_PROTOCOL, seeing: change });

/** Replaces what the layer sends as a leg, and the answers that it receives. */
const legs = (
  change: (
    send: (order: TransferOrder, durability?: 'cache') => Promise<Outcome | Problem>,
    order: TransferOrder,
    clock: Clock,
  ) => Promise<Outcome | Problem>,
): ShardedAssembly =>
  seeing((shard, clock) => ({
    ...shard,
    ledger: replaced(shard.ledger, {
      async apply(orders, durability) {
        const [order] = orders;
        if (!order?.leg) return shard.ledger.apply(orders, durability);
        const send = async (sent: TransferOrder, as: 'cache' | undefined = undefined) => {
          const [answer] = await shard.ledger.apply([sent], as ?? durability);
          return answer ?? new Problem('internal_error', 'no answer');
        };
        return [await change(send, order, clock)];
      },
    }),
  }));

/** Claims that MySQL has an outcome, without waiting until it does. */
const claimedPersisted = (leg: LegName, status: Outcome['status']): ShardedAssembly =>
  legs(async (send, order) => {
    if (order.leg?.name !== leg) return send(order);
    const answer = await send(order, 'cache');
    return answer instanceof Problem || answer.status !== status ? send(order) : { ...answer, persisted: true };
  });

/** Lookups do not find `back` until MySQL of the destination has `in`. */
const seesBackLate: Seeing = (shard, _clock, { number, shards }) => ({
  ...shard,
  database: {
    async findOutcomes(transactionIds) {
      const found = await shard.database.findOutcomes(transactionIds);
      for (const [id, { order }] of [...found.outcomes]) {
        const { leg } = order;
        const destination = leg?.name === 'back' ? shards[leg.otherShard] : undefined;
        if (!destination) continue;
        const inId = legIdOf(transactionIdOf(id), 'in', number);
        if (!(await destination.database.findOutcomes([inId])).outcomes.has(inId)) found.outcomes.delete(id);
      }
      return found;
    },
  },
});

/** Looks up in Redis what the courier should read from MySQL. */
const readsRedis: Seeing = (shard) => ({
  ...shard,
  database: {
    async findOutcomes(transactionIds) {
      const found = await shard.database.findOutcomes(transactionIds);
      for (const id of transactionIds) {
        const outcome = await shard.ledger.outcome(id).catch(() => null);
        if (outcome) found.outcomes.set(id, { ...outcome, persisted: true });
      }
      return found;
    },
  },
});

/** Writes the rows of crossings after the transaction of their legs, together with those of the next flush. */
class CrossingsLater extends JournalTables {
  #late: [string, CrossingRow][] = [];
  override async commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    await super.commit(batch, authorityEpoch);
    const earlier = this.#late;
    this.#late = [];
    await this.client.call(({ tables }) => {
      for (const [id, row] of earlier) tables.set(tables.crossings, id, row);
      for (const { order } of batch.outcomes) {
        const row = tables.crossings.get(order.transactionId);
        if (order.leg?.name !== 'out' || !row) continue;
        this.#late.push([order.transactionId, row]);
        tables.delete(tables.crossings, order.transactionId);
      }
    });
  }
}

let attempts = 0;
const LATE_MS = 250;

export const CROSSING: readonly ShardedMutant[] = [
  {
    name: 'in-before-out-is-persisted',
    rule: '`in` is sent only if MySQL of the source has `out`.',
    assembly: claimedPersisted('out', 'POSTED'),
  },
  {
    name: 'back-before-the-refusal-is-persisted',
    rule: '`back` is sent only if MySQL of the destination has the refusal of `in`.',
    assembly: claimedPersisted('in', 'REJECTED'),
  },
  {
    name: 'returns-before-the-refusal-is-persisted',
    rule: '`returns` is sent only if MySQL of the source has the refusal of `back`.',
    assembly: claimedPersisted('back', 'REJECTED'),
  },
  {
    name: 'in-although-back-exists',
    rule: 'If `back` has any outcome, `in` is neither sent nor looked up.',
    assembly: seeing(seesBackLate),
  },
  {
    name: 'refused-before-out-is-persisted',
    rule: 'A refusal is reported to the client only when MySQL of the source has the refusal.',
    assembly: claimedPersisted('out', 'REJECTED'),
  },
  {
    name: 'late-answer-taken-for-a-refusal',
    rule: '`back` follows only a refusal of `in`, never a problem.',
    assembly: legs((send, order, clock) => {
      if (order.leg?.name !== 'in') return send(order);
      const common = { order, acceptedAt: 0, takenAt: 0, epoch: 1, seq: 1, replayed: false, persisted: true };
      const refused: Outcome = { ...common, status: 'REJECTED', refusal: 'account_frozen' };
      return Promise.race([send(order), clock.sleep(LATE_MS).then(() => refused)]);
    }),
  },
  {
    name: 'in-has-an-id-per-attempt',
    rule: 'Every attempt of `in` has the same id.',
    assembly: legs((send, order) =>
      send(order.leg?.name === 'in' ? { ...order, transactionId: `${order.transactionId}.${attempts++}` } : order),
    ),
  },
  {
    name: 'transit-account-is-content',
    rule: 'The transit account is not content: it may differ between attempts of a leg.',
    assembly: legs(async (send, order) => {
      const answer = await send(order);
      if (answer instanceof Problem || answer.order.destination === order.destination) return answer;
      return new Problem('transaction_id_reused', 'the transit account differs');
    }),
  },
  {
    name: 'back-keeps-the-used-limits',
    rule: '`back` gives the debit of `out` back to the limits that counted it.',
    assembly: legs((send, order) => {
      if (order.leg?.name !== 'back') return send(order);
      const { counted: _, ...leg } = order.leg;
      return send({ ...order, leg });
    }),
  },
  {
    name: 'courier-reads-redis',
    rule: 'A courier closes a crossing only if MySQL has its end.',
    assembly: seeing(readsRedis),
  },
  {
    name: 'courier-never-delivers',
    rule: 'Couriers finish what requests have left open.',
    assembly: seeing((shard) => ({ ...shard, crossings: replaced(shard.crossings, { open: async () => [] }) })),
  },
  {
    name: 'crossings-after-the-transaction',
    rule: 'The row of a crossing is written in the transaction of its `out`.',
    assembly: {
      ...SHARDED_PROTOCOL,
      shard: keepers((_ports, mysql) => ({ journal: new CrossingsLater(mysql) })),
    },
  },
];
